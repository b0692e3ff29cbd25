"""Two processes that train together, without a cluster: `python -m tests.training.group FOLDER`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from torch import distributed

from tests.training.test_together import note_means, train_share


def main() -> None:
    """Both processes: the second is forked from the first, since what they import takes most of their time."""
    folder = Path(sys.argv[1])
    second = os.fork()
    if second == 0:
        join(folder, 1)
    else:
        join(folder, 0)
        _, status = os.waitpid(second, 0)
        sys.exit(os.waitstatus_to_exitcode(status))


def join(folder: Path, rank: int) -> None:
    """Joins the group of the folder as this rank, and does what the tests look at."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder / 'group'}", rank=rank, world_size=2)
    note_means(folder)
    train_share(folder / "run")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
