"""Items that no training saw: where they belong among the known ones, and how that is learned."""
