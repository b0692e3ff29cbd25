"""Puts reviews into words: which aspects a review speaks of, well or badly, and the sentences for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kindred.domain.interactions import DoubleArray, IntArray
from kindred.ingest.generate.aspects import ASPECTS, expand
from kindred.ingest.generate.catalogue import MATTERS, Catalogue
from kindred.ingest.generate.phrases import ASIDES, BLAND, HEADLINES, OPENERS, VERDICTS
from kindred.ingest.generate.sampler import Sampler, one_allowed
from kindred.ingest.generate.shop import SHELVES
from kindred.ingest.generate.tastes import Purchases, Users

EMPTY = 0.012  # share of reviews without text
BLANDNESS = 0.05  # share that speaks of no aspect
OFF_TOPIC = 0.06  # share whose first aspect is any that matters on the shelf, not one dear to the user
SECOND_ASPECT = 0.6  # share that speaks of the user's other aspect too, where it matters
PLAIN_HEADLINES = 0.4  # share of headlines that say how it was, not what
OPENED = 0.9  # share of reviews of one aspect that have an opening
PLAIN_OPENINGS = 0.4  # share of openings that name the product, not what the user looks for
MISJUDGED = 0.25  # deviation of a user's impression of an aspect from the truth

PROPER = ("French", "MIDI", "Bluetooth")  # words of nouns that keep their capitals in a sentence


@dataclass(frozen=True)
class Phrasebook:
    """Every sentence there is, in one list; a group is a run of it that says the same thing.

    Attributes:
        sentences: all sentences, the empty one first.
        start: where each group begins, `[num_groups + 1]`.
    """

    sentences: list[str]
    start: IntArray

    def sample(self, group: IntArray, sampler: Sampler) -> IntArray:
        """A position in `sentences` for each group, 0 (nothing) for group −1."""
        size = (self.start[1:] - self.start[:-1])[group]
        return np.where(group < 0, 0, self.start[group] + sampler.below(size))


@dataclass(frozen=True)
class Wording:
    """Texts and headlines, one for each review."""

    texts: list[str]
    headlines: list[str]


def phrasebook() -> Phrasebook:
    """The sentences of the generator; groups in the order of `_GROUP_…` below."""
    groups: list[tuple[str, ...]] = [part for aspect in ASPECTS for part in (aspect.fault, aspect.praise)]
    groups += [part for aspect in ASPECTS for part in (aspect.fault_headline, aspect.praise_headline)]
    groups += [*(aspect.wish for aspect in ASPECTS), *VERDICTS, *HEADLINES, ASIDES, BLAND]
    groups += [_named(OPENERS, noun) for shelf in SHELVES for noun in shelf.nouns]
    expanded = [[sentence for template in group for sentence in expand(template)] for group in groups]
    start = 1 + np.concatenate([[0], np.cumsum([len(group) for group in expanded])])
    return Phrasebook(["", *(sentence for group in expanded for sentence in group)], start)


def _named(templates: Iterable[str], noun: str) -> tuple[str, ...]:
    spoken = " ".join(word if word in PROPER else word.lower() for word in noun.split())
    if spoken.endswith("s") and not spoken.endswith("ss"):
        spoken = f"pair of {spoken}"
    return tuple(template.replace("{noun}", spoken) for template in templates)


_GROUP_ASPECT_HEADLINES = 2 * len(ASPECTS)
_GROUP_WISHES = 2 * _GROUP_ASPECT_HEADLINES
_GROUP_VERDICTS = _GROUP_WISHES + len(ASPECTS)
_GROUP_HEADLINES = _GROUP_VERDICTS + 5
_GROUP_ASIDES = _GROUP_HEADLINES + 5
_GROUP_BLAND = _GROUP_ASIDES + 1
_GROUP_OPENERS = _GROUP_BLAND + 1
_NOUN_START = np.cumsum([0] + [len(shelf.nouns) for shelf in SHELVES])


def spoken_aspects(catalogue: Catalogue, users: Users, purchases: Purchases, sampler: Sampler) -> IntArray:
    """The aspects that each review speaks of, −1 for none, mostly dear to its user, `[num_reviews, 2]`."""
    num = len(purchases.product)
    rows = np.arange(num)
    matters = MATTERS[catalogue.shelf[purchases.product]]
    cares = users.cares[purchases.visits.user]
    swapped = sampler.chance(0.35, num)
    dear, other = np.where(swapped, cares[:, ::-1].T, cares.T)
    any_aspect = one_allowed(matters, sampler)
    first = np.where(matters[rows, dear], dear, np.where(matters[rows, other], other, any_aspect))
    first = np.where(sampler.chance(OFF_TOPIC, num), any_aspect, first)
    tells_more = matters[rows, other] & (other != first) & sampler.chance(SECOND_ASPECT, num)
    aspects = np.stack([first, np.where(tells_more, other, -1)], axis=1)
    return np.where(sampler.chance(BLANDNESS, num)[:, None], -1, aspects)


def word(book: Phrasebook, catalogue: Catalogue, purchases: Purchases, aspects: IntArray, sampler: Sampler) -> Wording:
    """A text and a headline for each purchase."""
    num, product = len(purchases.product), purchases.product
    impression = _impression(catalogue, product, aspects, sampler)
    spoken = np.where(aspects < 0, -1, 2 * aspects + (impression > 0))
    is_bland = aspects[:, 0] < 0
    tells_little = aspects[:, 1] < 0
    ending = sampler.uniform(num)
    noun = _NOUN_START[catalogue.shelf[product]] + catalogue.noun[product]
    stars = purchases.stars - 1
    opener = np.where(
        is_bland | sampler.chance(PLAIN_OPENINGS, num), _GROUP_OPENERS + noun, _GROUP_WISHES + aspects[:, 0]
    )
    groups = [
        np.where(is_bland | (tells_little & sampler.chance(OPENED, num)), opener, -1),
        np.where(is_bland, _GROUP_BLAND, spoken[:, 0]),
        spoken[:, 1],
        np.where(ending < 0.1, _GROUP_VERDICTS + stars, np.where(tells_little & (ending > 0.9), _GROUP_ASIDES, -1)),
    ]
    unsaid = sampler.chance(EMPTY, num)
    columns = [book.sample(np.where(unsaid, -1, group), sampler).tolist() for group in groups]
    at_odds = (impression[:, 0] > 0) != (purchases.stars > 3)  # no user heads five stars with a fault
    plain = is_bland | at_odds | sampler.chance(PLAIN_HEADLINES, num)
    headline = np.where(plain, _GROUP_HEADLINES + stars, _GROUP_ASPECT_HEADLINES + spoken[:, 0])
    said = book.sentences
    texts = [" ".join([said[part] for part in parts if part]) for parts in zip(*columns, strict=True)]
    return Wording(texts, [said[part] for part in book.sample(headline, sampler).tolist()])


def _impression(catalogue: Catalogue, product: IntArray, aspects: IntArray, sampler: Sampler) -> DoubleArray:
    """What users make of those aspects: the truth and some error, `[num_reviews, 2]`."""
    impression: DoubleArray = catalogue.quality[product[:, None], aspects] + MISJUDGED * sampler.bell(*aspects.shape)
    return impression
