from __future__ import annotations

from pathlib import Path

import pytest

from kindred.domain.errors import SettingsError
from kindred.ingest.generate.products import ProductSample, generate_products


def test_equal_seeds_give_equal_bytes_and_others_do_not(tmp_path: Path) -> None:
    first, again, other = (
        generate_products(ProductSample(60, 40, 400, seed), tmp_path / name)
        for name, seed in (("first", 7), ("again", 7), ("other", 8))
    )
    assert first.reviews.read_bytes() == again.reviews.read_bytes()
    assert first.metadata.read_bytes() == again.metadata.read_bytes()
    assert first.reviews.read_bytes() != other.reviews.read_bytes()


@pytest.mark.parametrize(
    "sizes", [(1, 1, 1), (1, 5, 5), (2, 1, 2), (5, 3, 15), (7, 40, 7), (3, 1, 3), (40, 2, 80), (300, 9, 2000)]
)
def test_any_possible_size_is_met_exactly(tmp_path: Path, sizes: tuple[int, int, int]) -> None:
    files = generate_products(ProductSample(*sizes, seed=1), tmp_path)
    assert len(files.reviews.read_text().splitlines()) == files.num_reviews == sizes[2]


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (3, 5, 2), (2, 2, 5)])
def test_impossible_sizes_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(SettingsError):
        ProductSample(*sizes)
