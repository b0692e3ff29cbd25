"""A graph as files and objects that other tools read."""
