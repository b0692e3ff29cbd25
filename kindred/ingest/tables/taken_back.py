"""Rows of which their user wants no item: it was turned down, given back or only shown, or its order did not stand."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from kindred.ingest.cells.missing import MISSING_NUMBERS
from kindred.ingest.cells.numbers import number_of, with_point
from kindred.ingest.cells.unrated import NEVER
from kindred.ingest.cells.values import is_missing, says_yes
from kindred.ingest.formats.columns import letters_of
from kindred.ingest.formats.source import Values
from kindred.ingest.tables.column_names import guesses
from kindred.ingest.tables.mapping import EventColumns

_AGAINST = re.compile(
    "(?:product|item|order|track|song|video|article|post|book|movie)?"
    "(?:(?:un|dis|undis)liked?|downvoted?|thumbsdown|unfollow(?:ed)?|removed?(?:from[a-z]+)?|removecart|"
    "skip(?:ped)?|hide|hidden|dismiss(?:ed)?|notinterested|return(?:ed)?|refund(?:ed)?|cancell?(?:ed)?|"
    "impress(?:ions?|ed)|exposures?|exposed|shown|list(?:viewed|filtered)|viewitemlist)"
)
"""Words for what happened, their letters alone, that take an item back, turn it down, or say that it was shown."""
_FOR = re.compile(
    "(?:page|product|item|track|song|video|article|post|book|movie)?"
    "(?:views?|viewed|clicks?|clicked|clickouts?|carts?|addtocart|addedtocart|addtobasket|orders?|ordered|buys?|bought|"
    "purchases?|purchased|transactions?|plays?|played|listens?|listened|watch|watched|scrobbles?|reads?|rents?|rented|"
    "likes?|liked|favou?rites?|favou?rited|fav|pv|wishlist|addtowishlist|downloads?|downloaded|shares?|shared|"
    "bookmarks?|bookmarked|pageviews?|visits?|visited|checkins?|borrow|borrowed|rate|rated)"
)
"""Words for what happened that do neither."""
_CANCELLED = (
    "cancell?ed|cancell?ation|refund|refunded|void|voided|chargeback|chargedback|"
    "storniert|erstattet|annulee?|remboursee?|cancelad[oa]|anulad[oa]|reembolsad[oa]|annullat[oa]|rimborsat[oa]|"
    "отменена?|отменено|отмена|возврат|возвращен|已取消|取消|已退款|退款|キャンセル|キャンセル済み|返金済み"
)
_RETURNED = (
    "return|returned|returning|rejected|declined|denied|failed|reversed|zuruckgegeben|retourniert|abgelehnt|retournee?|"
    "devuelt[oa]|devolvid[oa]|reso|已退货|退货|返品"
)
"""What is good of loans, and nothing against an item of which a job was applied for."""
_PAID = (
    "paid|unpaid|partiallypaid|partiallyrefunded|shipped|delivered|fulfilled|unfulfilled|invoiced|dispatched|refunded|"
    "bezahlt|versandt|versendet|geliefert|payee?|expediee?|livree?|pagad[oa]|enviad[oa]|entregad[oa]|entregue|pag[oa]|"
    "pagat[oa]|spedit[oa]|consegnat[oa]|оплачена?|оплачено|доставлена?|доставлено|"
    "已付款|已发货|已签收|交易成功|支払済み|発送済み|配達完了"
)
_MAY_BE_OF_ORDERS = "complete|completed|pending|processing|processed|approved|received|confirmed|onhold|abgeschlossen"
_BY_WHOM = "(?:(?:by|to)(?:the)?(?:customer|user|buyer|client|shop|store|seller|merchant|admin|vendor|system|us))?"
_WHAT = "(?:wc|order|shipped|payment|sale|booking)?"
_IS_CANCELLED, _IS_RETURNED, _IS_PAID, _IS_KNOWN = (
    re.compile(f"{_WHAT}(?:{words}){_BY_WHOM}")
    for words in (_CANCELLED, _RETURNED, _PAID, f"{_CANCELLED}|{_RETURNED}|{_PAID}|{_MAY_BE_OF_ORDERS}")
)
_OF_ORDERS = re.compile(
    "order|bestell|commande|pedido|заказ|订单|financ|payment|purchase|invoice|sale|ship|deliver|fulfil"
)
_FLAG = re.compile("(?:is|was|order|item)?(?:cancell?ed|refunded|voided)(at|on|date|time)?")
"""Names of columns, their letters alone, in which a yes or a time says it."""
_REMEMBERED = 1_024


def tells_what_happened(words: Iterable[object]) -> bool:
    """Whether these are words for what users did, each of them, and there is one."""
    letters = {_letters(word) for word in words if not is_missing(word)}
    return bool(letters) and all(_FOR.fullmatch(word) or _AGAINST.fullmatch(word) for word in letters)


def find_status(
    given: EventColumns, columns: Sequence[str], rows: Sequence[Values], taken: Collection[str]
) -> EventColumns:
    """The columns with the one that says what became of each row's order, where there is one, and what kind it is of.

    Of those called so it is the likeliest in which a word for cancelled orders stands, else one of other words for
    orders; beside it any that only says whether, or when, an order was cancelled. A `returned` tells of orders only
    where the name or another word does: it is good of loans.
    """
    names = [given.status] if given.status else guesses("status", columns, taken)
    words = {name: {_letters(row.get(name)) for row in rows} for name in names}
    known = [name for name in names if _is_flag(name, rows) or any(map(_IS_KNOWN.fullmatch, words[name]))]
    known.sort(key=lambda name: not any(map(_IS_CANCELLED.fullmatch, words[name])))
    if not (name := given.status or next(iter(known), None)):
        return given
    undone = tuple(other for other in known if other != name and _flag_of(other)) if not given.status else ()
    of_orders = bool(_OF_ORDERS.search(letters_of(name))) or any(map(_IS_PAID.fullmatch, words.get(name, ())))
    return given.model_copy(
        update={"status": name, "undone": undone or given.undone, "of_orders": of_orders or given.of_orders}
    )


@lru_cache(_REMEMBERED)
def _flag_of(name: str) -> re.Match[str] | None:
    """The name of a column as that of a flag or of the time when it was set; None where it is neither."""
    return _FLAG.fullmatch(letters_of(name))


def _is_flag(name: str, rows: Sequence[Values]) -> bool:
    """Whether the column says yes or no, or when."""
    if (found := _flag_of(name)) is None:
        return False
    values = [value for row in rows if not is_missing(value := row.get(name))]
    return bool(found[1]) or (bool(values) and all(says_yes(value) is not None for value in values))


def why_no_event(row: Values, columns: EventColumns, *, weighs: bool, has_kind: bool) -> str:
    """Why a row says that its user does not want the item, in few words; empty where it does not, or a rating tells.

    Args:
        row: its cells.
        columns: which of them hold what.
        weighs: whether such events have a weight.
        has_kind: whether they have a word for what happened.
    """
    if columns.weight and weighs and _is_below_zero(row.get(columns.weight), columns):
        return f"{columns.weight} below 0: taken back, no event"
    if columns.rating:
        return ""
    word = row.get(columns.kind) if columns.kind and has_kind else None
    if isinstance(word, str) and _AGAINST.fullmatch(letters_of(word)):
        return f"{word.strip()} in {columns.kind}: no event for the item"
    for name in (columns.status, *columns.undone) if columns.status and columns.status != NEVER else ():
        if _is_undone(row.get(name), name, columns.of_orders):
            word = "a value" if _flag_of(name) else str(row.get(name)).strip()
            return f"{word} in {name}: the order does not stand, no event"
    return ""


def _is_undone(value: object, name: str, of_orders: bool) -> bool:
    """Whether an order that has this in such a column does not stand, because it was cancelled, refunded, returned …"""
    if _flag_of(name):
        return not is_missing(value) and str(value).strip() not in MISSING_NUMBERS and says_yes(value) is not False
    return isinstance(value, str) and _is_undone_word(value, of_orders)


@lru_cache(_REMEMBERED)
def _is_undone_word(word: str, of_orders: bool) -> bool:
    letters = letters_of(word)
    return bool(_IS_CANCELLED.fullmatch(letters) or (of_orders and _IS_RETURNED.fullmatch(letters)))


def _letters(word: object) -> str:
    return letters_of(word) if isinstance(word, str) else ""


def _is_below_zero(weight: object, columns: EventColumns) -> bool:
    """Whether a row of this weight gives back what an earlier one took, as returns among purchases do."""
    if isinstance(weight, str) and "-" not in weight:  # most are, and that is their cost
        return False
    number = number_of(with_point(weight, columns.decimal or ""), columns.weight or "")
    return number is not None and number < 0
