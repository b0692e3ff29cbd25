"""Lines of orders in one table, and in another whose order it was and when: joined by the column that both have."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest

from kindred.domain.errors import RecordError
from kindred.domain.progress import silent
from kindred.ingest.bytes.paths import GivenTable, one_file
from kindred.ingest.bytes.remote import Location
from kindred.ingest.cells.bad_records import BadRecord, Reason, shown
from kindred.ingest.cells.ids import id_of
from kindred.ingest.formats.columns import letters_of, listed_columns
from kindred.ingest.formats.files import read_rows
from kindred.ingest.formats.rows import flattened
from kindred.ingest.formats.source import Parsed, Source, Values
from kindred.ingest.tables.layouts import in_layout
from kindred.ingest.tables.mapping import Layout
from kindred.ingest.tables.table_head import Head, read_head

ORDER_IDS = ("order_id", "basket_id", "transaction_id", "invoice_id", "cart_id", "receipt_id", "id_order")

_NUMBERS_OF_ORDERS = (
    "order ordernumber orderno ordernum ordername orderref orderreference incrementid realorderid invoice invoiceno "
    "invoicenumber receipt receiptnumber transaction transactionnumber salesorder purchaseid bookingid checkoutid "
    "bestellnummer bestellnr bestellung auftragsnummer rechnungsnummer belegnummer commande numerodecommande pedido "
    "numerodepedido ordine numeroordine заказ номерзаказа 订单号 订单编号 注文番号"
)
ORDER_NUMBERS = frozenset(map(letters_of, (*ORDER_IDS, *_NUMBERS_OF_ORDERS.split())))
"""What columns that number orders are called, their letters alone."""
_NOTHING: Values = {}


@dataclass(frozen=True)
class Orders:
    """A table of orders: its file, its head, and the column that their lines have too."""

    path: Location
    head: Head
    key: str

    def beside(self, lines: Head) -> Head:
        """The head of the lines with the columns of orders added, whose first values stand there in any order."""
        added = [name for name in self.head.columns if name not in lines.columns]
        orders = [{name: order[name] for name in added if name in order} for order in self.head.rows]
        rows = tuple({**line, **order} for line, order in zip_longest(lines.rows, orders, fillvalue=_NOTHING))
        return replace(lines, columns=(*lines.columns, *added), rows=rows[: len(lines.rows)])

    def joined(self, source: Source, lines: Head) -> Source:
        """The source of lines, of which each is given what its order says; all orders are held in memory.

        Raises:
            RecordError: the table of orders can't be read.
        """
        own = tuple(name for name in source.columns if name in lines.columns)
        theirs = tuple(name for name in source.columns if name not in own)
        wanted = {holds: names for holds, names in source.wanted.items() if not {*names} & {*theirs}}
        known = self._read(theirs)
        columns = tuple(dict.fromkeys((*own, self.key)))
        return replace(source, columns=columns, parse=partial(_parsed, source, self.key, known), wanted=wanted)

    def _read(self, names: tuple[str, ...]) -> dict[str, Values]:
        found: dict[str, Values] = {}
        source = in_layout(Source((self.key, *names), lambda row: Parsed(())), self.head.layout)
        for row in read_rows(self.path, source, silent):
            if isinstance(row.value, BadRecord) and row.value.reason is Reason.NO_RECORD:
                continue
            if isinstance(row.value, BadRecord):
                raise RecordError(f"{self.path} line {row.number}: {row.value.message}", "mend that line")
            values = flattened(row.value)
            if (key := id_of(values.get(self.key), self.key)) is not None:
                found[key] = {name: _once(values.get(name)) for name in names}
        return found


def find_orders(given: GivenTable, lines: Head) -> Orders:
    """The table of orders.

    Raises:
        RecordError: it can't be read, or has no column in common with the table of lines.
    """
    path = one_file(given)
    head = read_head(path, Layout())
    common = [name for name in head.columns if name in lines.columns]
    named = [name for name in common if name.casefold().replace(" ", "_") in ORDER_IDS]
    if not common:
        raise RecordError(
            f"{path} has no column of the table of events: {listed_columns(head.columns)}",
            f"call the one with the number of the order as it is called there: {listed_columns(lines.columns)}",
        )
    return Orders(path, head, (named or common)[0])


def _parsed(source: Source, key: str, known: Mapping[str, Values], row: Values) -> Parsed:
    order = known.get(id_of(flattened(row).get(key), key) or "")
    if order is None:
        raise BadRecord(Reason.MISSING_ID, f"no such order: {shown(row.get(key))}", key)
    return source.parse({**row, **order})


def _once(value: object) -> object:
    """The value, a text held once however often it comes."""
    return sys.intern(value) if type(value) is str else value
