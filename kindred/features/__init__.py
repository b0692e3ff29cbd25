"""Columns to tensors: texts and frames, each encoded once, and what is known of readers and posts at a time."""
