"""The graph as tensors, and the networks and filters that learn from it."""
