"""Lines of a table that look like rows and are none: sums above or below them, and kinds or units of their columns.

Spreadsheets, reports and consoles write them. As rows they would make a user called `Total`, who took the item 5.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar

from kindred.ingest.cells.bad_records import BadRecord, Reason
from kindred.ingest.cells.numbers import number_of_text

T = TypeVar("T")
Cells = TypeVar("Cells", bound=Sequence[object])
_LOOKED_AT = 100
_LAST = 4  # rows that may hold sums, the number of rows …
_FEWEST = 5  # rows below one of words that show what is usual
_SUMS = (
    "total;totals;grand total;sub total;sub-total;subtotal;overall total;sum;sums;all;average;averages;avg;mean;count;"
    "summe;gesamt;gesamtsumme;gesamtergebnis;insgesamt;zwischensumme;mittelwert;durchschnitt;"
    "total général;total general;somme;sous-total;moyenne;suma;suma total;promedio;totale;totale complessivo;somma;"
    "total geral;soma;média;totaal;eindtotaal;итого;всего;общий итог;сумма;среднее;"
    "合计;总计;总和;小计;合計;総計;小計"
)
_WORDS = frozenset(_SUMS.split(";"))
_OF_PARTS = frozenset(("sub total", "sub-total", "subtotal", "zwischensumme", "sous-total", "小计", "小計"))
"""Words for sums of some rows, which may stand between them."""
_IN_WORDS = re.compile(
    rf"(?P<word>{'|'.join(sorted(map(re.escape, _WORDS), key=len, reverse=True))})"
    r"(?:\s*(?:rows?|records?|of all|count))?\s*[:=]?\s*(?:\(?\d[\d.,\s]*\)?)?|"
    r"\(?\d[\d.,]*\s*(?:rows?|records?|entries|lines|zeilen|datensätze|lignes|filas|registros|righe|строк[аи]?|行)"
    r"(?:\s+(?:selected|affected|returned|exported|in set|in total|total))?[.)]*|"
    r"(?:rows?|records?|entries|row count)\s*[:=]\s*\d[\d.,]*|--.*|(?:the )?end(?: of .*)|eof"
)
_AMOUNT = re.compile(r"[-+$€£¥₽]?\s*\d[\d.,'\u00a0\u202f ]*(?:\s*%|\s+[^\W\d]+\.?|\s*[$€£¥₽])?")
_TIME = re.compile(r"1\d{9}(?:\d{3})?")
_KINDS_AND_UNITS = (
    "string str text varchar nvarchar char character word int integer int8 int16 int32 int64 uint32 uint64 bigint "
    "smallint long short float float32 float64 double real decimal numeric number num bool boolean logical date "
    "datetime timestamp time object category categorical factor nominal ordinal enum uuid json bytes token tokenseq "
    "floatseq any null id ids key name identifier label unit units unitless none stars star points score rating rank "
    "count counts times plays listens clicks views quantity pieces pcs n second seconds sec secs s ms millisecond "
    "milliseconds us microseconds minute minutes min mins hour hours hr hrs h day days epoch unix unixtime utc iso8601 "
    "percent eur euro euros usd dollar dollars gbp ganzzahl zeichenkette zahl datum sterne sekunden minuten stunden "
    "stück chaîne entier étoiles secondes cadena entero"
)
_KINDS = frozenset(_KINDS_AND_UNITS.split())
"""Words for kinds and units of columns, without what stands in brackets."""
_BRACKETED = re.compile(r"\s*\(.*\)$|^[\[({<#]+|[\])}>]+$")
_NO_UNIT = frozenset(("-", "—", "–", "%", "#", "€", "$", "n/a", ""))


def _never(cells: Sequence[object]) -> bool:
    return False


def marked(
    rows: Iterable[tuple[T, Cells | BadRecord]],
    is_header: Callable[[Cells], bool] = _never,
    names_columns: Callable[[Cells], bool] = _never,
) -> Iterator[tuple[T, Cells | BadRecord]]:
    """The rows, in place of the cells of each that is no record a bad record that says why.

    Sums are told by the word in their first cell, beside which numbers stand alone, and only where no other row begins
    with it: somebody may be called `Total`. A row with a time is one.

    Args:
        rows: below the header, each with whatever it is to come with.
        is_header: whether cells are names of columns again, above which another table ends.
        names_columns: whether cells are called as columns are, so that a first row of them is a second header.
    """
    rows = iter(rows)
    head = list(islice(rows, _LOOKED_AT))
    for number, (kept, cells) in enumerate(head):
        below = [other for _, other in head[number + 1 :] if not isinstance(other, BadRecord)]
        if isinstance(cells, BadRecord) or not below or is_header(cells):
            break
        is_named = names_columns(cells) and not _come_again(cells, below)
        why = f"names of columns: {_shown(cells)}" if is_named else _why_no_first(cells, below)
        if not why:
            break
        head[number] = kept, BadRecord(Reason.NO_RECORD, why)
    last, seen = deque[tuple[T, Cells | BadRecord]](), set[str]()
    num_above = 0
    for row in chain(head, rows):
        kept, cells = row
        if not isinstance(cells, BadRecord):
            if is_header(cells):
                yield from _end(list(last), seen, num_above)
                last.clear()
                num_above = 0
                yield row
                continue
            if _first_word(cells) in _OF_PARTS and _totals_in(cells):
                row = kept, BadRecord(Reason.NO_RECORD, _sums(cells))
        last.append(row)
        if len(last) > _LAST:
            num_above += 1
            kept, cells = last.popleft()
            if not isinstance(cells, BadRecord) and (word := _first_word(cells)) in _WORDS:
                seen.add(word)
            yield kept, cells
    yield from _end(list(last), seen, num_above)


def is_called_sums(name: str) -> bool:
    """Whether a column or a row called so may hold sums of the others."""
    return name.strip().casefold().rstrip(":") in _WORDS


def _end(rows: list[tuple[T, Cells | BadRecord]], seen: set[str], num_above: int) -> list[tuple[T, Cells | BadRecord]]:
    """The last rows of a table, above which there are so many and some begin with these words."""
    words = [None if isinstance(cells, BadRecord) else _first_word(cells) for _, cells in rows]
    for place in range(len(rows) - 1, -1 if num_above else 0, -1):
        kept, cells = rows[place]
        if isinstance(cells, BadRecord):
            continue
        if not (found := _totals_in(cells)) or found in seen or words.count(found) > 1:
            break
        rows[place] = kept, BadRecord(Reason.NO_RECORD, _sums(cells))
    return rows


def _why_no_first(cells: Sequence[object], others: Sequence[Sequence[object]]) -> str:
    """Why the first row is no record, in few words; empty where it may be one."""
    filled = [cell for cell in cells if cell not in (None, "")]
    if (
        len(filled) > 1
        and all(map(_is_kind, filled))
        and any(map(_has_letter, filled))
        and not _come_again(cells, others)
    ):
        return f"kinds or units of the columns: {_shown(filled)}"
    if _totals_in(cells) and not any(_first_word(row) == _first_word(cells) for row in others):
        return _sums(cells)
    numbers = [place for place in range(len(cells)) if _are_numbers(place, others)]
    are_words = all(isinstance(cell := cells[place], str) and _is_word(cell) for place in numbers)
    return f"words where numbers stand below: {_shown(filled)}" if len(numbers) > 1 and are_words else ""


def _come_again(cells: Sequence[object], rows: Sequence[Sequence[object]]) -> bool:
    """Whether a word of the row stands in the same column of another row too."""
    return any(cell == other and _has_letter(cell) for row in rows for cell, other in zip(cells, row, strict=False))


def _are_numbers(place: int, rows: Sequence[Sequence[object]]) -> bool:
    values = [row[place] for row in rows if place < len(row) and row[place] not in (None, "")]
    return len(values) >= _FEWEST and all(isinstance(v, str) and number_of_text(v.strip()) is not None for v in values)


def _is_word(cell: str) -> bool:
    return bool(cell.strip()) and not any(character.isdigit() for character in cell)


def _has_letter(cell: object) -> bool:
    return any(character.isalpha() for character in str(cell))


def _is_kind(cell: object) -> bool:
    if not isinstance(cell, str):
        return False
    bare = _BRACKETED.sub("", _BRACKETED.sub("", cell.strip().casefold())).strip()
    return bare in _NO_UNIT or bare.replace("_", "") in _KINDS or all(word in _KINDS for word in bare.split())


def _first_word(cells: Sequence[object]) -> str:
    """What stands in the first cell that is filled, in lower case; empty where it is no text."""
    first = next((cell for cell in cells if cell not in (None, "")), None)
    return first.strip().casefold().rstrip(":") if isinstance(first, str) else ""


def _totals_in(cells: Sequence[object]) -> str:
    """The word for sums that a row begins with, beside which it holds numbers alone; empty where it does not."""
    word = _first_word(cells)
    found = _IN_WORDS.fullmatch(word)
    if found is None:
        return ""
    place = next(place for place, cell in enumerate(cells) if cell not in (None, ""))
    return word if all(_is_sum(cell) for cell in cells[place + 1 :]) else ""


def _is_sum(cell: object) -> bool:
    """Whether the cell may stand beside a word for sums: it is empty, an amount or such a word, and no time."""
    if cell is None or isinstance(cell, bool):
        return cell is None
    text = str(cell).strip().casefold()
    return not text or bool((_AMOUNT.fullmatch(text) and not _TIME.fullmatch(text)) or _IN_WORDS.fullmatch(text))


def _sums(cells: Sequence[object]) -> str:
    return f"sums of the rows, or their number: {_shown([cell for cell in cells if cell not in (None, '')])}"


def _shown(cells: Sequence[object]) -> str:
    return ", ".join(str(cell)[:40] for cell in cells[:6])
