"""The aspects that users care about and what is said of them; the sentences themselves are in `aspects.txt`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Aspect:
    """Something a product may be good or bad at.

    Attributes:
        name: for documents and tests; never in a text.
        claim: what a seller says of it, whether true or not.
        wish: sentences of users to whom it matters, whatever they found.
        praise: sentences of users who found it good.
        fault: sentences of users who found it bad.
        praise_headline: headlines of reviews that praise it.
        fault_headline: headlines of reviews that fault it.
    """

    name: str
    claim: str
    wish: tuple[str, ...]
    praise: tuple[str, ...]
    fault: tuple[str, ...]
    praise_headline: tuple[str, ...]
    fault_headline: tuple[str, ...]


FILLS: dict[str, tuple[str, ...]] = {
    "span": (
        *("one winter", "two summers", "a year", "three months", "six weeks", "half a year", "a whole season"),
        *("four years", "eighteen months", "nearly a decade", "five long weeks", "two winters", "a hundred days"),
    ),
    "where": (
        *("on the balcony", "at the lake", "in our tiny flat", "at my sister's place", "on the night train"),
        *("in the rehearsal room", "up in the Alps", "at the allotment", "in the caravan", "at the village fête"),
        *("in the office", "behind the café", "on the ferry", "at the hut"),
    ),
    "who": (
        *(
            "my daughter",
            "our neighbour",
            "my drummer",
            "my dad",
            "the choirmaster",
            "my flatmate",
            "a guest from Lyon",
        ),
        *("Grandma", "my hiking friend", "our youngest", "my partner", "a colleague", "my brother", "Aunt Zoë"),
    ),
    "when": (
        *(
            "on the first day",
            "after a week",
            "in the second month",
            "within a fortnight",
            "by Easter",
            "after one use",
        ),
        *("before the holidays were over", "just after the return date", "on day three", "by the third trip"),
    ),
}


_MARKS = "=?+-><"  # claim, wish, praise, fault, headlines of praise and of fault: the order of the fields


def read_aspects(text: str) -> tuple[Aspect, ...]:
    """The aspects declared in the format of `aspects.txt`, in its order."""
    found: list[tuple[str, dict[str, list[str]]]] = []
    for line in text.splitlines():
        mark, _, sentence = line.partition(" ")
        if line.startswith("["):
            found.append((line.strip("[]"), {mark: [] for mark in _MARKS}))
        elif line and mark != "#":
            found[-1][1][mark] += sentence.split(" | ")
    return tuple(Aspect(name, said["="][0], *(tuple(said[mark]) for mark in _MARKS[1:])) for name, said in found)


ASPECTS: tuple[Aspect, ...] = read_aspects(files(__package__).joinpath("aspects.txt").read_text("utf-8"))
ASPECT_NAMES: tuple[str, ...] = tuple(aspect.name for aspect in ASPECTS)


def expand(template: str) -> list[str]:
    """The template with each filling of its slot, the first letter in upper case; itself where it has no slot."""
    for slot, fills in FILLS.items():
        if f"{{{slot}}}" in template:
            filled = (template.replace(f"{{{slot}}}", fill) for fill in fills)
            return [sentence for part in filled for sentence in expand(part)]
    return [template[0].upper() + template[1:]]
