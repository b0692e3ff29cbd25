"""Source files to validated records to the graph."""
