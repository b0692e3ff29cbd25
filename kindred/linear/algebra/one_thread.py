"""One thread for many small products: more wait for one another, and round in another order.

The waiting is no rest: on a machine with other work, fitting the ensemble on 10,000 reviews took 14 CPU-s with one
thread and 101 with two. And each number of threads adds up in an order of its own, which the choice of weights then
makes a difference of: the same seed gave other models on other machines.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it, linear algebra keeps to the calling thread, and its results do not depend on the number of cores."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(before)
