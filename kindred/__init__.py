"""Kindred: recommendations that live on a graph database."""

import os

# Threads that wait must not spin: where cores are shared, spinning makes training many times slower, and where they are
# not it gains nothing measurable. OpenMP reads this when PyTorch is loaded, so it is set before anything else.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
