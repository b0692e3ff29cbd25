"""The products of the shop and everything hidden about them: aspect qualities, fame, years in fashion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kindred.domain.interactions import DoubleArray, IntArray
from kindred.ingest.generate.aspects import ASPECT_NAMES
from kindred.ingest.generate.sampler import Sampler, apportion
from kindred.ingest.generate.shop import BRANDS, SHELVES, STYLES

START = 1_514_764_800  # 2018-01-01 UTC
END = 1_735_689_600  # 2025-01-01 UTC
NUM_SEASONS = 28  # quarters of a year between START and END: fashion changes from one to the next
ALL_BRANDS: tuple[str, ...] = tuple(brand for brands in BRANDS.values() for brand in brands)
MATTERS: np.ndarray[tuple[int, int], np.dtype[np.bool_]] = np.array(
    [[name in shelf.aspects for name in ASPECT_NAMES] for shelf in SHELVES]
)
"""Whether an aspect matters on a shelf, `[num_shelves, num_aspects]`."""


@dataclass(frozen=True)
class Catalogue:
    """Products in shelf order; their numbers, which ids are made of, are not in that order.

    Attributes:
        number: 1 … num_products, what the id is made of, `[num_products]`.
        shelf, noun, style, brand: positions in the word lists, `[num_products]`.
        quality: how good each product is at each aspect, −1 … 1, 0 where the aspect does not matter,
            `[num_products, num_aspects]`.
        level: how good it is apart from aspects, mean 0 and deviation 1, `[num_products]`.
        fame: running sum of each season's attraction of each product, season after season,
            `[num_seasons * num_products + 1]`, 0 first.
        shelf_start: where each shelf begins, `[num_shelves + 1]`.
    """

    number: IntArray
    shelf: IntArray
    noun: IntArray
    style: IntArray
    brand: IntArray
    quality: DoubleArray
    level: DoubleArray
    fame: DoubleArray
    shelf_start: IntArray

    def __len__(self) -> int:
        return len(self.number)

    def famous(self, season: IntArray, shelf: IntArray, uniform: DoubleArray) -> IntArray:
        """Products sampled from those shelves in proportion to their attraction in those seasons; all of one shape."""
        first = season * len(self) + self.shelf_start[shelf]
        last = season * len(self) + self.shelf_start[shelf + 1]
        low, high = self.fame[first], self.fame[last]
        found = np.searchsorted(self.fame, low + uniform * (high - low), side="right") - 1
        position: IntArray = np.clip(found, first, last - 1) - season * len(self)
        return position

    def on_sale(self, season: int) -> IntArray:
        """Products with any attraction in that season."""
        of_season = self.fame[season * len(self) : (season + 1) * len(self) + 1]
        return np.flatnonzero(of_season[1:] > of_season[:-1]).astype(np.int64)


def build_catalogue(num_products: int, sampler: Sampler) -> Catalogue:
    """The catalogue of that size, equal for equal samplers on every machine."""
    shares = np.array([shelf.share for shelf in SHELVES], dtype=np.float64)
    # Shelves in a seeded order of need, so that a tiny catalogue isn't always the same department.
    sizes = apportion(num_products, shares + 0.01 * sampler.uniform(len(SHELVES)), np.full(len(SHELVES), num_products))
    shelf = np.repeat(np.arange(len(SHELVES)), sizes)
    shelf_start = np.concatenate([[0], np.cumsum(sizes)])
    departments = list(BRANDS)
    brands_each = np.array([len(BRANDS[d]) for d in departments])
    department = np.array([departments.index(s.department) for s in SHELVES])[shelf]
    brand = np.concatenate([[0], np.cumsum(brands_each)])[department] + sampler.below(brands_each[department])
    return Catalogue(
        number=sampler.order(num_products) + 1,
        shelf=shelf,
        noun=sampler.below(np.array([len(s.nouns) for s in SHELVES])[shelf]),
        style=sampler.below(np.full(num_products, len(STYLES))),
        brand=brand,
        quality=_qualities(shelf, brand, sampler),
        level=sampler.bell(num_products),
        fame=_fame(shelf, shelf_start, sampler),
        shelf_start=shelf_start,
    )


def _qualities(shelf: IntArray, brand: IntArray, sampler: Sampler) -> DoubleArray:
    """Two strengths (one often the signature of the brand), two weaknesses, the rest in between."""
    num_products, num_aspects = len(shelf), len(ASPECT_NAMES)
    signature = sampler.below(np.full(len(ALL_BRANDS), num_aspects))
    order_key = sampler.uniform(num_products, num_aspects)
    signed = sampler.chance(0.5, num_products)
    order_key[signed, signature[brand[signed]]] -= 1.0
    order_key[~MATTERS[shelf]] = 2.0
    rank = np.argsort(np.argsort(order_key, axis=1, kind="stable"), axis=1, kind="stable")
    spread = sampler.uniform(num_products, num_aspects)
    quality = (spread - 0.5) * 0.6
    quality[rank < 2] = 0.7 + 0.3 * spread[rank < 2]
    weak = (rank == 2) | (rank == 3)
    quality[weak] = -0.5 - 0.5 * spread[weak]
    quality[~MATTERS[shelf]] = 0.0
    return quality


def _fame(shelf: IntArray, shelf_start: IntArray, sampler: Sampler) -> DoubleArray:
    """Attraction falls with the rank on the shelf as Zipf's law has it; over time it rises, peaks and fades."""
    num_products = len(shelf)
    key = sampler.uniform(num_products)
    by_shelf = np.lexsort((key, shelf))
    rank = np.empty(num_products, dtype=np.int64)
    rank[by_shelf] = np.arange(num_products) - shelf_start[shelf[by_shelf]]
    weight = 1.0 / (rank + 6.0)
    launch = (sampler.uniform(num_products) * 1.6 - 0.7) * NUM_SEASONS
    launch[rank == 0] = -1.0  # something is on sale on every shelf from the first day
    lifetime = 6.0 + 14.0 * sampler.uniform(num_products)  # seasons until half the attraction is gone
    age = np.arange(NUM_SEASONS)[:, None] + 1.0 - launch[None, :]
    relative = np.maximum(age, 0.0) / lifetime
    trend = np.minimum(relative * 8.0, 1.0) / (1.0 + relative * relative)
    attraction = weight * np.where(age > 0, trend, 0.0)
    return np.concatenate([[0.0], np.cumsum(attraction.reshape(-1))])


def seasons(at: IntArray) -> IntArray:
    """The season of each time."""
    return np.clip((at - START) * NUM_SEASONS // (END - START), 0, NUM_SEASONS - 1)
