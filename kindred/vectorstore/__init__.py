"""Vectors by id: the VectorStore protocol, its engines, and publishing."""
