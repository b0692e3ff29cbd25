"""The seeded generator of sample data: one module a domain, over shared draws, words and an atomic writer."""
