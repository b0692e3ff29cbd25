"""From a request to an answer with reasons, for one user or for all."""
