"""Networks that are not graph networks."""
