"""What two texts both speak of: the rarest words that they share, and the sentence of each that holds them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")
_WORD = re.compile(r"[^\W\d_][\w'’-]*[^\W_]", re.UNICODE)
_LONGEST_SENTENCE = 280  # characters shown
_SHORTEST_WORD = 4
_MOST_COMMON = 0.15
"""Share of the texts from which a word says nothing of one of them."""
_FEWEST_TEXTS = 8
"""Below that many texts it can't be told which words are rare."""
_WORDS = 2
"""Rare words that two sentences share at least; one alone is chance."""


@dataclass(frozen=True)
class Aspect:
    """What two texts have in common.

    Attributes:
        words: the shared words, in the order in which the first text has them.
        first, second: a sentence of each.
    """

    words: str
    first: str
    second: str


class _Pair(NamedTuple):
    weight: float
    first: str
    second: str
    shared: frozenset[str]


def shared_aspect(first: str, seconds: Sequence[str], texts: Collection[str]) -> tuple[int, Aspect] | None:
    """Which of the second texts shares the rarest words with the first, and the aspect; None where none does.

    Args:
        first: a text.
        seconds: texts to compare it with.
        texts: a sample of such texts, these among them, that tells which words are rare.
    """
    if len(texts) < _FEWEST_TEXTS:
        return None
    counts = Counter(word for text in texts for word in set(_words(text)))
    weights = {
        word: math.log(len(texts) / count) for word, count in counts.items() if count <= _MOST_COMMON * len(texts)
    }
    best: tuple[int, _Pair] | None = None
    for number, second in enumerate(seconds):
        pair = max(_pairs(first, second, weights), key=lambda pair: pair.weight, default=None)
        if pair is not None and (best is None or pair.weight > best[1].weight):
            best = number, pair
    if best is None:
        return None
    number, pair = best
    rarest = sorted(pair.shared, key=lambda word: (-weights[word], word))[:_WORDS]
    words = " ".join(word for word in dict.fromkeys(_words(pair.first)) if word in rarest)
    return number, Aspect(words, _shortened(pair.first), _shortened(pair.second))


def _pairs(first: str, second: str, weights: Mapping[str, float]) -> Iterator[_Pair]:
    """Pairs of sentences that share words that have a weight."""
    theirs = [(sentence, frozenset(_words(sentence))) for sentence in _sentences(second)]
    for mine in _sentences(first):
        my_words = frozenset(_words(mine)) & weights.keys()
        for sentence, words in theirs:
            shared = my_words & words
            if len(shared) >= _WORDS:
                weight = sum(sorted((weights[word] for word in shared), reverse=True)[:_WORDS])
                yield _Pair(weight, mine, sentence, shared)


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text) if len(word) >= _SHORTEST_WORD]


def _shortened(sentence: str) -> str:
    if len(sentence) <= _LONGEST_SENTENCE:
        return sentence
    return sentence[:_LONGEST_SENTENCE].rsplit(" ", 1)[0] + "…"
