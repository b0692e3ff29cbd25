"""The lab: every figure the documentation quotes, one command each."""
