"""Splits, metrics, intervals and reports; no store is ever seen here."""
