"""The graph as tensors, and the network that learns from it."""
