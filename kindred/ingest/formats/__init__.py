"""Rows of every format that files come in, and what is asked of a source of them."""
