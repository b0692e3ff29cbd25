"""Columns to tensors: text, encoded once."""
