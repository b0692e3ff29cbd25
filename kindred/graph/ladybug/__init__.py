"""The embedded engine: a graph in a folder, no server."""
