"""Who may come in, with what and how often: keys, limits, and connections that hold up others."""
