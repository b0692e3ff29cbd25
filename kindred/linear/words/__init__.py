"""Words of queries: how well they match documents, and as which word they were meant."""
