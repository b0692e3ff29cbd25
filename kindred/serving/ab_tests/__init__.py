"""A/B tests: who gets which answer, what they got, and what came of it."""
