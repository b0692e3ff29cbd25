"""From files to the graph: every row read and checked, staged, merged, and only then loaded."""
