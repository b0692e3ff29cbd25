"""Splits, metrics, baselines and reports; no store is ever seen here."""
