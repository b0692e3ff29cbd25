"""Which column a file lacks, and which of those that it has comes nearest: for the messages of ingest."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import SequenceMatcher
from unicodedata import normalize

from kindred.domain.errors import RecordError
from kindred.ingest.formats.source import Source

_SHOWN, _SHOWN_OF_OURS = 12, 24
_OTHER_FILES = "load files of other columns by a command of their own"
_IS_NAME = re.compile(r"[\w ./-]*")  # no line of several names
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
TIME_WORDS = frozenset(("time", "timestamp", "datetime", "date", "when", "at"))
"""Words in the names of columns of times."""
_LIKE_TIMES = TIME_WORDS | {"day", "ts", "created"}  # enough to ask whether it is one
_NEAR = 0.6  # similarity of two names, 0 to 1
# What columns are called elsewhere, by what they hold.
_WORDS = {
    "user": ("user", "userid", "reviewer", "customer", "client", "member", "visitor", "account", "nickname", "person"),
    "product": ("product", "item", "itemid", "asin", "sku", "article", "goods", "movie", "book", "listing", "docid"),
    "track": ("track", "song", "item", "recording", "trackid", "songid"),
    "article": ("article", "post", "news", "item", "page", "document"),
    "post": ("post", "article", "item", "document", "message"),
    "time": ("time", "timestamp", "date", "at", "ts", "created", "datetime", "when"),
    "query": ("query", "search", "keyword", "term", "phrase", "searchterm"),
    "rating": ("rating", "stars", "score", "overall", "mark"),
}


def missing_columns(source: Source, found: Collection[str]) -> str:
    """Which wanted columns are not among those found, and what comes nearest; empty where none is missing."""
    lines = []
    for holds, names in source.wanted.items():
        if found and not any(name in found for name in names):
            wanted = " or ".join(names)
            unknown = [name for name in found if name not in source.columns]
            near = nearest([*names, *_WORDS.get(holds, ())], unknown)
            there = f", the nearest there is {near}" if near else ""
            otherwise = f"; {source.instead[holds]}" if holds in source.instead else ""
            lines.append(f"no column for the {holds} ({wanted} is wanted{there}{otherwise})")
    return "; ".join(lines)


def unread_columns(source: Source, found: Collection[str]) -> str:
    """That no column is read as the time, or as what else is of use, though one is called like it; empty where none is.

    Events of unknown time that are otherwise alike are one, so a time that is not read costs events.
    """
    wanted = ({"time": source.times} if source.times else {}) | dict(source.useful)
    unknown = [name for name in found if name not in source.columns]
    lines = []
    for holds, names in wanted.items():
        alike = [name for name in unknown if _is_called_like(name, holds)]
        if alike and {*names}.isdisjoint(found):
            named = source.named_by.replace("NAME=THEIRS", f"{names[0]}={alike[0]}")
            lines.append(
                f"no column is read as the {holds}; if {' or '.join(alike[:_SHOWN])} holds it, say so: {named}"
            )
    return "; ".join(lines)


def _is_called_like(name: str, holds: str) -> bool:
    """Whether a column is called as those of a time are, or as those of an id of what it is to hold."""
    if holds == "time":
        return not _LIKE_TIMES.isdisjoint(words_of(name))
    return letters_of(name).removesuffix("id").endswith(_WORDS[holds])


def words_of(name: str) -> set[str]:
    """The words in the name of a column, in lower case: `createdAt` has two."""
    return {word.lower() for word in _WORD.findall(name)}


def check_firm_columns(source: Source, found: Collection[str]) -> None:
    """Makes sure that a table has the columns that are firm.

    Raises:
        RecordError: it lacks one.
    """
    if lacking := [column for column in source.firm if column not in found]:
        raise RecordError(
            f"{source.file} has no column {', '.join(lacking)}; it has {listed_columns(found)}",
            _OTHER_FILES,
        )


def our_names(source: Source, found: Iterable[str]) -> dict[str, str]:
    """The source's name of each column that is called otherwise only in capitals and in what stands between words.

    Databases forget capitals, tools that print tables pad names, and programs write `userId` where others write
    `user_id` or `User ID`. A column that the file has under the source's own name has no other.

    Raises:
        RecordError: two columns may be the same one.
    """
    there = dict.fromkeys(found)
    in_letters = {letters_of(name): name for name in reversed(source.columns)}  # the first of those alike counts
    in_capitals = {name.casefold(): name for name in source.columns}
    known = {letters_of(name) for name in there if name in source.columns}
    theirs: dict[str, str] = {}
    for name in there:
        letters = letters_of(name)
        own = in_capitals.get(name.strip().casefold()) or in_letters.get(letters)
        if own is None or letters in known or not _IS_NAME.fullmatch(name):
            continue
        if own in theirs:
            raise RecordError(
                f"{source.file} has two columns that may be {own}: {theirs[own]} and {name}",
                f"say which by {source.named_by}, or rename one of them",
            )
        theirs[own] = name
    return {name: own for own, name in theirs.items()}


def not_understood(source: Source, found: Iterable[str], missing: str, repeats_names: bool = False) -> RecordError:
    """The error of a table in whose header a column is missing, or which has none that is known.

    Args:
        source: what the rows of the table were thought to be.
        found: the columns that it has.
        missing: what `missing_columns` said.
        repeats_names: whether several columns of its first line have one name.
    """
    has = f"its columns are {listed_columns(found) or 'none at all'}"
    next_step = _OTHER_FILES
    if repeats_names:
        has += "; some several times, as where a header has several lines: leave one, that names each column once"
    if source.named_by == Source.named_by:
        next_step = f"name others by {source.named_by}, those of a file without a header by --columns"
        if "user" in source.wanted:
            next_step += "; `kindred ingest interactions` takes any table of users and items"
    return RecordError(
        f"{source.file} has {missing or 'no column that is understood'}; {has}",
        f"columns that are read are {listed_columns(source.columns, _SHOWN_OF_OURS)}; {next_step}",
    )


def listed_columns(found: Iterable[str], most: int = _SHOWN) -> str:
    """The columns, as messages name them: at most so many."""
    names = list(found)
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def nearest(wanted: Iterable[str], found: Iterable[str]) -> str:
    """The found name that looks most like one of the wanted ones; empty where none does."""
    pairs = [(_similarity(letters_of(want), letters_of(name)), name) for want in wanted for name in found if name]
    best, name = max(pairs, default=(0.0, ""), key=lambda pair: pair[0])
    return name if best >= _NEAR else ""


def _similarity(first: str, second: str) -> float:
    if first and second and (first in second or second in first):
        return 0.7 + 0.3 * min(len(first), len(second)) / max(len(first), len(second))
    return SequenceMatcher(None, first, second).ratio()


def letters_of(name: str) -> str:
    """The letters and digits of a name, of whatever script, in lower case and without accents."""
    return "".join(letter for letter in normalize("NFKD", name.casefold()) if letter.isalnum())
