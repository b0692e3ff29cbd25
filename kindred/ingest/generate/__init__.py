"""The seeded generator of sample data: one module a domain, over a shared sampler, words and an atomic writer."""
