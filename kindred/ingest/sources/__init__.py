"""One module a data set: its files as records."""
