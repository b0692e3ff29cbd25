"""Two processes that train together, without a cluster: `python -m tests.training.group FOLDER RANK`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import distributed

from tests.training.test_together import note_means, train_share


def main() -> None:
    """Joins the group of the folder as this rank, and does what the tests look at."""
    folder, rank = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder / 'group'}", rank=rank, world_size=2)
    note_means(folder)
    train_share(folder / "run")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
