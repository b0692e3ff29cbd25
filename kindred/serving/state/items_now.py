"""Items as they are now: as the past has them, and what was told of them since."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Mapping, Sequence

from kindred.serving.state.past import Past


class ItemsNow:
    """What items are called, which numbers they bear, which are new and which are gone.

    The past comes with every question, since it is read anew now and then. One thread tells at a time; any may ask.
    """

    def __init__(self) -> None:
        self._titles: dict[str, str | None] = {}
        self._numbers: dict[str, dict[str, float]] = {}
        self._came: dict[str, int] = {}
        self._gone: frozenset[str] = frozenset()
        self._absent: frozenset[str] = frozenset()

    def ids(self, past: Past) -> set[str]:
        """Of all items that there are."""
        return {*past.items.ids, *self._titles} - self._gone

    def knows(self, past: Past, item_id: str) -> bool:
        """Whether there is such an item."""
        return item_id not in self._gone and (item_id in past.items or item_id in self._titles)

    def titles(self, past: Past, item_ids: Collection[str]) -> dict[str, str]:
        """Titles of those that have one."""
        found = {item: self._titles.get(item) or past.titles.get(item) for item in item_ids}
        return {item: title for item, title in found.items() if title}

    def numbers(self, past: Past, names: Collection[str]) -> Mapping[str, Mapping[str, float]]:
        """Name → item → number."""
        return {name: ChainMap(self._numbers.get(name, {}), past.numbers[name]) for name in names}

    def barred(self, until: int | None) -> Collection[str]:
        """Items that are gone or, as of a time, had not come yet."""
        if until is None or not self._came:
            return self._gone
        return self._gone | {item for item, at in self._came.items() if at > until}

    def find(self, past: Past, text: str, count: int) -> list[tuple[str, str | None]]:
        """Id and title of items whose id begins so or whose title holds the text, those first that begin so."""
        wanted = text.casefold()
        titles = past.titles | {item: title for item, title in self._titles.items() if title}
        ranked: list[tuple[int, str, str]] = []
        for item in self.ids(past):
            title = titles.get(item, "")
            at = 0 if item.casefold().startswith(wanted) else title.casefold().find(wanted) + 1
            if at or item.casefold().startswith(wanted):
                ranked.append((at, title, item))
        return [(item, title or None) for _, title, item in sorted(ranked)[:count]]

    def put(self, past: Past, items: Sequence[tuple[str, str | None]], at: int) -> None:
        """Items that came or changed at a time, with their titles."""
        for item, title in items:
            if not self.knows(past, item):
                self._came[item] = at
            if item in self._gone:
                self._gone -= {item}
            self._titles[item] = title

    def put_numbers(self, item_id: str, numbers: Mapping[str, float]) -> None:
        """What the numbers of an item are now; others that it has stay."""
        for name, value in numbers.items():
            self._numbers.setdefault(name, {})[item_id] = value

    def note_absent(self, items: frozenset[str]) -> None:
        """Items that the version lists and the past does not hold: they were deleted before it was read."""
        self._gone = (self._gone - self._absent) | (items - set(self._titles))
        self._absent = items

    def forget(self, item_id: str) -> None:
        """The item is gone."""
        self._gone |= {item_id}
        self._titles.pop(item_id, None)
