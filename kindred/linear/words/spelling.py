"""Queries as they were meant: typing slips, words run together, and words typed on the keyboard of another language.

Only a token without any known word is changed, and only to known words: those of the catalogue, and those that enough
queries use. Norvig, "How to Write a Spelling Corrector", 2007, for the words one slip away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from kindred.domain.queries import query_id
from kindred.linear.words.bm25 import Bm25, words_of

_LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`"
_CYRILLIC = "йцукенгшщзхъфывапролджэячсмитьбюё"
_OTHER_LAYOUT = str.maketrans(_LATIN + _CYRILLIC, _CYRILLIC + _LATIN)
_SHORTEST_MENDED = 4
_SHORTEST_RUN_TOGETHER = 5
_MOST_LETTERS = 64
_LONGEST_MENDED = 40
_MOST_MENDED = 8
_USED_OFTEN = 5
_REMEMBERED = 20_000  # queries, because answers and their reasons ask for the same ones again


def other_layout(text: str) -> str:
    """The text as the same keys give it on the keyboard of the other language, English or Russian."""
    return text.translate(_OTHER_LAYOUT)


@dataclass(frozen=True)
class Spelling:
    """Known words, and what queries mean that have others.

    Attributes:
        catalogue: BM25 of the texts of products; its words are known.
        used: words of queries that are known too, with the number of queries.
    """

    catalogue: Bm25
    used: dict[str, int]

    def meant(self, query: str) -> str:
        """The query with its unknown words mended where one can be; itself where all are known or none can be."""
        return self._remembered(query)

    @cached_property
    def _remembered(self) -> Callable[[str], str]:
        return lru_cache(_REMEMBERED)(self._meant)

    def _meant(self, query: str) -> str:
        parts = query.split(" ")
        unknown = [part for part in parts if not any(map(self._knows, words_of(part))) and words_of(part)]
        if not unknown:
            return query
        mended = {part: self._mended(part) for part in dict.fromkeys(unknown[:_MOST_MENDED])}
        return query_id(" ".join(mended.get(part, part) for part in parts))

    def _knows(self, word: str) -> bool:
        return word in self.catalogue.vocabulary or word in self.used

    def _mended(self, part: str) -> str:
        if len(part) > _LONGEST_MENDED:
            return part
        flipped = other_layout(part)
        if (words := words_of(flipped)) and all(map(self._knows, words)):
            return flipped
        return next((found for word in words_of(part)[:1] if (found := self._split(word) or self._near(word))), part)

    def _split(self, word: str) -> str:
        """The word as two that stand in one product's text; empty where there are none such."""
        if len(word) < _SHORTEST_RUN_TOGETHER:
            return ""
        vocabulary = self.catalogue.vocabulary
        pairs = [(word[:end], word[end:]) for end in range(1, len(word) - 1)]
        rows = [(first, then, vocabulary.get(first), vocabulary.get(then)) for first, then in pairs]
        counts = {
            f"{first} {then}": self._together(one, other)
            for first, then, one, other in rows
            if one is not None and other is not None
        }
        best = max(counts, key=lambda pair: (counts[pair], pair), default="")
        return best if counts.get(best) else ""

    def _together(self, one: int, other: int) -> int:
        """How many products have both words."""
        matrix = self.catalogue.matrix
        columns = [set(matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]].tolist()) for row in (one, other)]
        return len(columns[0] & columns[1])

    def _near(self, word: str) -> str:
        """The most used known word that is one slip away; empty where there is none."""
        if len(word) < _SHORTEST_MENDED or any(letter.isdigit() for letter in word):
            return ""
        found = {near for near in _one_slip_away(word, self._letters) if self._knows(near)}
        return max(found, key=lambda near: (self._uses(near), near), default="")

    def _uses(self, word: str) -> int:
        row = self.catalogue.vocabulary.get(word)
        texts = 0 if row is None else int(self.catalogue.matrix.indptr[row + 1] - self.catalogue.matrix.indptr[row])
        return texts + self.used.get(word, 0)

    @cached_property
    def _letters(self) -> str:
        """The letters of known words, the most used first."""
        counts = Counter(letter for word in (*self.catalogue.vocabulary, *self.used) for letter in set(word))
        return "".join(letter for letter, _ in counts.most_common(_MOST_LETTERS) if letter.isalpha())


def _one_slip_away(word: str, letters: Iterable[str]) -> Iterator[str]:
    """The word with a letter left out, two neighbours swapped, a letter replaced or put in."""
    for end in range(len(word) + 1):
        head, tail = word[:end], word[end:]
        if tail:
            yield head + tail[1:]
            yield from (head + letter + tail[1:] for letter in letters)
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        yield from (head + letter + tail for letter in letters)


def fit_spelling(catalogue: Bm25, queries: Sequence[str]) -> Spelling:
    """The spelling of a catalogue and of the queries that people typed; words of a few queries may be slips."""
    counts = Counter(word for query in queries for word in set(words_of(query)))
    return Spelling(catalogue, {word: count for word, count in counts.items() if count >= _USED_OFTEN})
