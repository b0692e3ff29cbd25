"""The users of the shop: what they like, when they are around, what they choose and how they rate it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.groups import numbered
from kindred.domain.interactions import DoubleArray, IntArray
from kindred.ingest.generate.catalogue import END, MATTERS, START, Catalogue, seasons
from kindred.ingest.generate.sampler import Sampler, apportion, one_allowed
from kindred.ingest.generate.shop import COMMUNITIES, SHELVES, STYLES

CONSIDERED = 24  # products that a user looks at before each choice
LOYALTY = 0.8  # share of choices within the user's first community
CURIOSITY = 0.05  # share of choices from any shelf of the shop
IMPULSE = 0.1  # share of choices made without a thought for aspects
AGAIN = 0.005  # share of reviews that are a second review of the same product
STYLE_PULL = 2.0  # a product in a style that the user likes is chosen this much more often
CARE = (0.6, 0.4)  # what the first and the second aspect of a user weigh
STAR_EDGES = (-1.75, -1.3, -0.75, -0.1)  # where one star ends, two end, …
REDRAWS = 6

_NUMBER_OF = {shelf.name: i for i, shelf in enumerate(SHELVES)}
_COMMUNITY_SHELVES = np.array([[_NUMBER_OF[c.shelves[i]] for i in range(3)] for c in COMMUNITIES])
_LIKES_STYLE = np.array([[style in c.styles for style in STYLES] for c in COMMUNITIES])
_SHELF_WEIGHTS = np.array([5.0, 3.0, 2.0])


@dataclass(frozen=True)
class Users:
    """The users of one chunk and everything hidden about them, `[num_users]` each unless said.

    Attributes:
        community: the taste of most of their choices; `second` that of the others.
        cares: positions of the two aspects they care about, the dearer one first, `[num_users, 2]`.
        mood: added to every judgement: some find everything good.
        stretch: how far they spread over the five stars.
        verified: probability that a purchase was verified.
        since, until: when they are active, seconds UTC.
        num_reviews: how many they write.
    """

    community: IntArray
    second: IntArray
    cares: IntArray
    mood: DoubleArray
    stretch: DoubleArray
    verified: DoubleArray
    since: IntArray
    until: IntArray
    num_reviews: IntArray

    def __len__(self) -> int:
        return len(self.community)


@dataclass(frozen=True)
class Visits:
    """The times at which users buy, by user and then time, `[num_reviews]` each.

    Attributes:
        user: position in the chunk's users.
        at: seconds UTC, growing within a user.
        season: the season of `at`.
        is_first: whether it is the user's first.
    """

    user: IntArray
    at: IntArray
    season: IntArray
    is_first: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Purchases:
    """What was bought at each visit, aligned with `visits`, `[num_reviews]` each.

    Attributes:
        product: position in the catalogue.
        match: how well it serves the aspects its user cares about, −1 … 1.
        verified: whether the shop knows of the purchase.
        stars: the user's rating, 1 … 5.
    """

    visits: Visits
    product: IntArray
    match: DoubleArray
    verified: NDArray[np.bool_]
    stars: IntArray


def review_counts(num_users: int, num_products: int, num_reviews: int, sampler: Sampler) -> IntArray:
    """Reviews of each user, heavy-tailed, summing to `num_reviews`; mostly 3 or more where the mean is 5 or more.

    Args:
        num_reviews: between `num_users` and `num_users * num_products`.
    """
    at_least = np.where(sampler.chance(0.9, num_users), min(3, num_reviews * 3 // (num_users * 5)), 1)
    at_least = np.clip(at_least, 1, num_products)
    pareto = 1.0 / (1.0 - sampler.uniform(num_users) * 0.999)
    weights = pareto / (1.0 + pareto * 0.005)
    return at_least + apportion(num_reviews - int(at_least.sum()), weights, num_products - at_least)


def sample_users(num_reviews: IntArray, sampler: Sampler) -> Users:
    """Users who write those numbers of reviews."""
    num_users = len(num_reviews)
    share = np.cumsum(np.array([float(c.share) for c in COMMUNITIES]))
    community, second = sampler.weighted(share, num_users), sampler.weighted(share, num_users)
    cares = np.zeros((num_users, 2), dtype=np.int64)
    cares[:, 0] = one_allowed(MATTERS[_COMMUNITY_SHELVES[community, 0]], sampler)
    other = MATTERS[_COMMUNITY_SHELVES[community, 1]].copy()
    other[np.arange(num_users), cares[:, 0]] = False
    cares[:, 1] = one_allowed(other, sampler)
    span = END - START
    # Who writes much stays long: from a few weeks to the whole time.
    stay = np.minimum(0.05 + 0.04 * num_reviews * (0.5 + sampler.uniform(num_users)), 1.0)
    since = START + ((1.0 - stay) * sampler.uniform(num_users) * span).astype(np.int64)
    return Users(
        community=community,
        second=second,
        cares=cares,
        mood=0.45 * sampler.bell(num_users),
        stretch=0.6 + 0.9 * sampler.uniform(num_users),
        verified=np.where(sampler.chance(0.12, num_users), 0.3, 0.94),
        since=since,
        until=np.minimum(since + (stay * span).astype(np.int64), END - 1),
        num_reviews=num_reviews,
    )


def choose(catalogue: Catalogue, users: Users, sampler: Sampler) -> Purchases:
    """What the users buy, when, and how many stars they give it."""
    visits = _visits(users, sampler)
    again = sampler.chance(AGAIN, len(visits)) & ~visits.is_first
    product = _sample_products(catalogue, users, visits, np.arange(len(visits)), sampler)
    for _ in range(REDRAWS):
        repeats = np.flatnonzero(_repeats(visits.user, product) & ~again)
        product[repeats] = _sample_products(catalogue, users, visits, repeats, sampler)
    repeats = np.flatnonzero(_repeats(visits.user, product) & ~again)
    _replace(catalogue, visits, product, repeats, sampler)
    product[again] = product[visits.is_first][visits.user[again]]
    match = match_of(catalogue, users, visits.user, product)
    verified = sampler.chance(users.verified[visits.user], len(visits))
    # Above all the aspects decide; unverified judgements scatter more.
    noise = sampler.bell(len(visits)) * np.where(verified, 0.45, 0.9)
    judgement = 0.35 * catalogue.level[product] + users.mood[visits.user] + 1.8 * (match - 0.3) + noise
    stretched = judgement * users.stretch[visits.user]
    stars = 1 + (stretched[:, None] > np.array(STAR_EDGES)).sum(axis=1)
    return Purchases(visits, product, match, verified, stars)


def _visits(users: Users, sampler: Sampler) -> Visits:
    user = np.repeat(np.arange(len(users)), users.num_reviews)
    place = numbered(users.num_reviews)
    width = (users.until - users.since)[user]
    at = users.since[user] + (sampler.uniform(len(user)) * width).astype(np.int64)
    # One second more for each review before it: strictly growing within a user.
    at = at[np.lexsort((at, user))] + place
    return Visits(user, at, seasons(at), place == 0)


def _sample_products(catalogue: Catalogue, users: Users, visits: Visits, which: IntArray, sampler: Sampler) -> IntArray:
    """A product for each of those visits: a shelf by taste, some of it by fame, one of them by style and aspects."""
    user, num = visits.user[which], len(which)
    community = np.where(sampler.chance(LOYALTY, num), users.community[user], users.second[user])
    shelf = _COMMUNITY_SHELVES[community, sampler.weighted(np.cumsum(_SHELF_WEIGHTS), num)]
    stocked = np.diff(catalogue.shelf_start)
    any_shelf = sampler.weighted(np.cumsum(stocked.astype(np.float64)), num)
    shelf = np.where(sampler.chance(CURIOSITY, num) | (stocked[shelf] == 0), any_shelf, shelf)
    shape = (num, CONSIDERED)
    season = visits.season[which]
    considered = catalogue.famous(
        np.broadcast_to(season[:, None], shape), np.broadcast_to(shelf[:, None], shape), sampler.uniform(*shape)
    )
    liked = _LIKES_STYLE[users.community[user][:, None], catalogue.style[considered]]
    fit = (1.0 + match_of(catalogue, users, user[:, None], considered)) * 0.5
    squared = fit * fit
    fourth = squared * squared
    fit = np.where(sampler.chance(IMPULSE, num)[:, None], 0.25, fourth * fourth)
    appeal = np.cumsum(fit * np.where(liked, STYLE_PULL, 1.0) + 1e-6, axis=1)
    chosen = (appeal <= (sampler.uniform(num) * appeal[:, -1])[:, None]).sum(axis=1)
    product: IntArray = considered[np.arange(num), np.minimum(chosen, CONSIDERED - 1)]
    return product


def match_of(catalogue: Catalogue, users: Users, user: IntArray, product: IntArray) -> DoubleArray:
    """How well each product serves what its user cares about, −1 … 1, of the shape of both positions together."""
    first, second = users.cares[user, 0], users.cares[user, 1]
    quality = catalogue.quality
    matched: DoubleArray = CARE[0] * quality[product, first] + CARE[1] * quality[product, second]
    return matched


def _repeats(user: IntArray, product: IntArray) -> NDArray[np.bool_]:
    """Whether the same user has the same product at an earlier position."""
    by_pair = np.lexsort((product, user))  # stable: equal pairs stay in the order of their positions
    same_user = user[by_pair[1:]] == user[by_pair[:-1]]
    repeated = np.zeros(len(user), dtype=np.bool_)
    repeated[by_pair[1:]] = same_user & (product[by_pair[1:]] == product[by_pair[:-1]])
    return repeated


def _replace(catalogue: Catalogue, visits: Visits, product: IntArray, which: IntArray, sampler: Sampler) -> None:
    """Gives each of those visits, in place, a product new to its user, on sale at the time if there is one."""
    picks = sampler.uniform(len(which))
    for visit, pick in zip(which.tolist(), picks.tolist(), strict=True):
        begin, end = np.searchsorted(visits.user, [visits.user[visit], visits.user[visit] + 1])
        new = np.setdiff1d(catalogue.on_sale(int(visits.season[visit])), product[begin:end])
        if not len(new):
            new = np.setdiff1d(np.arange(len(catalogue)), product[begin:end])
        product[visit] = new[int(pick * len(new))]
