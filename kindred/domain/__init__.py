"""What every room shares: records, the schema derived from them, ids, arrays, errors. No I/O, no torch."""
