"""Product reviews and metadata as Amazon-format JSON lines, with planted structure to find.

What is planted, and what of it shows:

* **taste communities**: each has three shelves and some styles; a user belongs to one and now and then follows another.
  Shows in who buys what with what.
* **fame**: Zipf on each shelf, drifting: products are launched, trend and fade, users come and go. Shows in the counts
  by time.
* **aspects**: a product is good at two things (durability, weight, sound, …), bad at two, and middling at the rest; a
  user cares about two. Reviews praise or fault what their user cares about. The match of both decides which of the
  products on a shelf is chosen next and how it is rated. Shows in the words first of all: stars do not tell which
  aspect was meant, and 24,000 reviews are too few to tell it from who bought what.
* **scales**: moods, the spread over five stars, unverified reviews that scatter more. Shows in the ratings.

`docs/generator.md` has the figures. Equal seeds give equal bytes on every machine (`sampler.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kindred.domain.errors import SettingsError
from kindred.domain.progress import Progress, silent
from kindred.ingest.generate.aspects import ASPECTS
from kindred.ingest.generate.catalogue import ALL_BRANDS, Catalogue, build_catalogue
from kindred.ingest.generate.phrases import DESCRIPTIONS
from kindred.ingest.generate.sampler import Sampler
from kindred.ingest.generate.shop import FIRST_NAMES, LINES, SHELVES, STYLES, SURNAME_INITIALS
from kindred.ingest.generate.sizes import check_least
from kindred.ingest.generate.tastes import Users, choose, review_counts, sample_users
from kindred.ingest.generate.wording import Phrasebook, phrasebook, spoken_aspects, word
from kindred.ingest.generate.write import write_json_lines

REVIEWS_A_CHUNK = 8192
NO_METADATA = 0.02  # share of products that the metadata doesn't know
NO_DESCRIPTION = 0.04
NO_BRAND = 0.03
HONEST_CLAIM = 0.5  # share of descriptions whose claim is a true strength
NAMELESS = 0.06  # share of users without a name

_CATALOGUE, _COUNTS, _CHUNK, METADATA = range(1, 5)  # what the second part of a key of the sampler stands for

Row = dict[str, object]


@dataclass(frozen=True)
class ProductSample:
    """How much to generate. Every user writes at least one review, and (but for rare second reviews) one a product.

    Raises:
        SettingsError: a size is below 1, the seed is negative, or so many users can't write so many reviews.
    """

    users: int = 3000
    products: int = 800
    reviews: int = 24_000
    seed: int = 7

    def __post_init__(self) -> None:
        check_least(self, users=1, products=1, reviews=1, seed=0)
        if self.reviews < self.users:
            raise SettingsError(
                f"{self.reviews} reviews by {self.users} users: each writes at least one",
                f"ask for {self.reviews} users or fewer, or {self.users} reviews or more",
            )
        if self.reviews > self.users * self.products:
            raise SettingsError(
                f"{self.reviews} reviews by {self.users} users of {self.products} products: each reviews it once",
                f"ask for {self.users * self.products} reviews or fewer",
            )


@dataclass(frozen=True)
class GeneratedFiles:
    """Where the sample was written."""

    reviews: Path
    metadata: Path


def generate_products(sample: ProductSample, folder: Path, progress: Progress = silent) -> GeneratedFiles:
    """Writes `reviews.jsonl` and `metadata.jsonl` to `folder`; equal samples give equal bytes.

    Memory grows with users and products, not with reviews.

    Raises:
        SettingsError: the folder can't be written.
    """
    catalogue = catalogue_of(sample.products, sample.seed)
    metadata, reviews = folder / "metadata.jsonl", folder / "reviews.jsonl"
    write_json_lines(metadata, metadata_rows(catalogue, Sampler(sample.seed, METADATA)))
    write_json_lines(reviews, _review_rows(sample, catalogue, progress))
    return GeneratedFiles(reviews, metadata)


def user_id(number: int) -> str:
    """The id of the user with that number, 1 first."""
    return f"U{number:05d}"


def product_id(number: int) -> str:
    """The id of the product with that number, 1 first."""
    return f"P{number:05d}"


def catalogue_of(num_products: int, seed: int) -> Catalogue:
    """The products of a sample of that size and seed with everything hidden about them."""
    return build_catalogue(num_products, Sampler(seed, _CATALOGUE))


def users_of(sample: ProductSample) -> Iterator[tuple[Users, Sampler]]:
    """The users of a sample with everything hidden about them, chunk after chunk, and what the rest is sampled from."""
    counts = review_counts(sample.users, sample.products, sample.reviews, Sampler(sample.seed, _COUNTS))
    ends = np.cumsum(counts)
    begin = done = chunk = 0
    while begin < sample.users:
        end = max(begin + 1, int(np.searchsorted(ends, done + REVIEWS_A_CHUNK, side="right")))
        sampler = Sampler(sample.seed, _CHUNK, chunk)
        yield sample_users(counts[begin:end], sampler), sampler
        begin, done, chunk = end, int(ends[end - 1]), chunk + 1


def _review_rows(sample: ProductSample, catalogue: Catalogue, progress: Progress) -> Iterator[Row]:
    book = phrasebook()
    num_users = num_reviews = 0
    for users, sampler in users_of(sample):
        yield from _chunk_rows(catalogue, book, users, num_users, sampler)
        num_users, num_reviews = num_users + len(users), num_reviews + int(users.num_reviews.sum())
        progress("write reviews", num_reviews, sample.reviews)


def _chunk_rows(
    catalogue: Catalogue, book: Phrasebook, users: Users, first_user: int, sampler: Sampler
) -> Iterator[Row]:
    purchases = choose(catalogue, users, sampler)
    wording = word(book, catalogue, purchases, spoken_aspects(catalogue, users, purchases, sampler), sampler)
    names = _names(len(users), sampler)
    ids = [user_id(first_user + position + 1) for position in range(len(users))]
    for user, number, stars, verified, text, headline, at in zip(
        purchases.visits.user.tolist(),
        catalogue.number[purchases.product].tolist(),
        purchases.stars.tolist(),
        purchases.verified.tolist(),
        wording.texts,
        wording.headlines,
        purchases.visits.at.tolist(),
        strict=True,
    ):
        row: Row = {"reviewerID": ids[user], "asin": product_id(number)}
        if names[user]:
            row["reviewerName"] = names[user]
        row["overall"] = float(stars)
        row["verified"] = verified
        row["reviewText"] = text
        row["summary"] = headline
        row["unixReviewTime"] = at
        yield row


def _names(num_users: int, sampler: Sampler) -> list[str]:
    first = sampler.below(np.full(num_users, len(FIRST_NAMES)))
    # One more than there are initials: the last stands for a first name alone.
    initial = sampler.below(np.full(num_users, len(SURNAME_INITIALS) + 1))
    nameless = sampler.chance(NAMELESS, num_users)
    surnames = [*(f" {letter}." for letter in SURNAME_INITIALS), ""]
    return [
        "" if hidden else FIRST_NAMES[name] + surnames[letter]
        for name, letter, hidden in zip(first.tolist(), initial.tolist(), nameless.tolist(), strict=True)
    ]


def metadata_rows(catalogue: Catalogue, sampler: Sampler) -> Iterator[Row]:
    """What a shop writes of its products, by number."""
    num = len(catalogue)
    line = sampler.below(np.full(num, len(LINES)))
    shelf_aspects = [[i for i, a in enumerate(ASPECTS) if a.name in shelf.aspects] for shelf in SHELVES]
    claim_any = sampler.uniform(num)
    honest = sampler.chance(HONEST_CLAIM, num)
    template = sampler.below(np.full(num, len(DESCRIPTIONS)))
    use = sampler.uniform(num)
    unknown, undescribed, brandless = (sampler.chance(p, num) for p in (NO_METADATA, NO_DESCRIPTION, NO_BRAND))
    for position in np.argsort(catalogue.number, kind="stable").tolist():
        if unknown[position]:
            continue
        shelf_index = int(catalogue.shelf[position])
        shelf = SHELVES[shelf_index]
        options = shelf_aspects[shelf_index]
        best = int(np.argmax(catalogue.quality[position]))
        claimed = best if honest[position] else options[int(claim_any[position] * len(options))]
        brand, style = ALL_BRANDS[catalogue.brand[position]], STYLES[catalogue.style[position]]
        noun = shelf.nouns[catalogue.noun[position]]
        row: Row = {
            "asin": product_id(int(catalogue.number[position])),
            "title": f"{brand} {LINES[line[position]]} {style} {noun}",
            "category": [shelf.department, shelf.name],
        }
        if not undescribed[position]:
            row["description"] = DESCRIPTIONS[template[position]].format(
                style=style,
                noun=noun,
                brand=brand,
                line=LINES[line[position]],
                use=shelf.uses[int(use[position] * len(shelf.uses))],
                claim=ASPECTS[claimed].claim,
            )
        if not brandless[position]:
            row["brand"] = brand
        yield row
