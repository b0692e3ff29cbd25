"""Writes on their way: said, kept in the journal, and known to the next answer."""
