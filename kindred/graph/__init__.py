"""The property graph: the GraphStore protocol, its engines, and what is read from it."""
