"""Searches, orders and products of the invented shop as JSON lines, with planted structure to find.

Who buys what is decided as in the sample of reviews (`tastes.py`); what they typed before is made for each purchase:

* **narrowing**: one to three queries, from the kind of thing (`tent`) to its style or brand (`rugged tent`).
* **words of regulars**: some kinds of thing have a name that no product's text contains; only orders tell what it is.
* **changed minds**: in a share of the sessions the same number of queries for something else came first. Both needs are
  described alike, so that a mean of the queries can't tell which was bought: it was the later one.
* **bare refinements**: a query that only says the style (`nordic`) and means the thing searched for before it.
* **dirt**: typing slips, odd case and spaces; queries of article numbers, digits, links, and the product's own id.

`docs/generator.md` has the figures. Equal seeds give equal bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kindred.domain.errors import SettingsError
from kindred.domain.interactions import IntArray
from kindred.domain.progress import Progress, silent
from kindred.ingest.generate.catalogue import ALL_BRANDS, Catalogue, seasons
from kindred.ingest.generate.products import METADATA, catalogue_of, metadata_rows, product_id, user_id
from kindred.ingest.generate.sampler import Sampler
from kindred.ingest.generate.shop import SHELVES, STYLES
from kindred.ingest.generate.sizes import check_least
from kindred.ingest.generate.tastes import choose, review_counts, sample_users
from kindred.ingest.generate.write import write_json_lines

USERS_A_CHUNK = 1000
CHANGED_MIND = 0.3  # share of sessions that began with another need
BARE_REFINEMENT = 0.15  # share of sessions whose last query only says the style
REGULARS = 0.25  # chance that a thing with a name among regulars is called by it
SLIP, SHOUTED = 0.03, 0.05  # shares of queries with a typing slip, and in odd case and spaces
DIRT = 0.02  # share of orders whose query says nothing: an id, digits, an article number, a link
CHEAPEST, DEAREST_TIMES = 5.0, 60.0  # prices go from 5 to 300, as many below 39 as above
SOLD_OUT = 0.1  # share of products
ONLY_LOOKED = 0.2  # share of sessions that ended without an order, in proportion to those with one
SYLLABLES = ("ba", "dro", "fim", "gul", "hep", "jas", "kor", "lum", "nib", "pof", "rit", "sna", "tev", "wug", "yol")

_COUNTS, _CHUNK, _PRICES = 21, 22, 23  # what the second part of a key of the sampler stands for
_NOUNS = max(len(shelf.nouns) for shelf in SHELVES)
Row = dict[str, object]


@dataclass(frozen=True)
class SearchSample:
    """How much to generate; every user orders at least once.

    Raises:
        SettingsError: a size is below 1, the seed is negative, or so many users can't place so many orders.
    """

    users: int = 4000
    products: int = 3000
    orders: int = 60_000
    seed: int = 7

    def __post_init__(self) -> None:
        check_least(self, users=1, products=1, orders=1, seed=0)
        if not self.users <= self.orders <= self.users * self.products:
            raise SettingsError(
                f"{self.orders} orders by {self.users} users of {self.products} products",
                f"ask for {self.users} to {self.users * self.products} orders",
            )


@dataclass(frozen=True)
class SearchFiles:
    """Where the sample was written."""

    events: Path
    orders: Path
    products: Path


@dataclass(frozen=True)
class Session:
    """Searches of one user, oldest first, and what they led to: a position in the catalogue, or None for nothing."""

    user: str
    at: int
    queries: list[str]
    product: int | None


def generate_searches(sample: SearchSample, folder: Path, progress: Progress = silent) -> SearchFiles:
    """Writes `events.jsonl`, `orders.jsonl` and `products.jsonl` to `folder`; equal samples give equal bytes.

    Raises:
        SettingsError: the folder can't be written.
    """
    catalogue = catalogue_of(sample.products, sample.seed)
    files = SearchFiles(*(folder / f"{name}.jsonl" for name in ("events", "orders", "products")))
    write_json_lines(files.products, _product_rows(sample, catalogue))
    write_json_lines(files.events, _event_rows(_sessions(sample, catalogue, progress)))
    write_json_lines(files.orders, _order_rows(_sessions(sample, catalogue, silent), catalogue, sample.seed))
    return files


def _product_rows(sample: SearchSample, catalogue: Catalogue) -> Iterator[Row]:
    """What the shop writes of its products, with what they cost and whether they are there."""
    sampler = Sampler(sample.seed, _PRICES)
    for row in metadata_rows(catalogue, Sampler(sample.seed, METADATA)):
        price, there = sampler.uniform(2).tolist()
        yield {**row, "price": round(CHEAPEST * DEAREST_TIMES**price, 2), "in_stock": there >= SOLD_OUT}


def _event_rows(sessions: Iterator[Session]) -> Iterator[Row]:
    for session in sessions:
        for number, query in enumerate(session.queries):
            at = session.at + 60 * number
            key = f"S{session.user}-{at}-{number}"
            yield {"query_id": key, "client_id": session.user, "user_query": query, "timestamp": at * 1000}


def _order_rows(sessions: Iterator[Session], catalogue: Catalogue, seed: int) -> Iterator[Row]:
    """The order that each session ended with, beside its last query; some have one that says nothing."""
    sampler = Sampler(seed, _COUNTS, 1)
    for session in sessions:
        if session.product is None:
            continue
        bought = product_id(int(catalogue.number[session.product]))
        dirty, kind = sampler.uniform(2).tolist()
        query = session.queries[-1]
        if dirty < DIRT:
            number = int(kind * 9e8) + 10**8
            wordless = (f"{query} {bought}", str(number), f"https://shop.example/p/{number}", f"art. {number}")
            query = wordless[int(kind * len(wordless))]
        at = session.at + 60 * len(session.queries)
        yield {"user": session.user, "query": query, "time": at, "product": bought}


def _sessions(sample: SearchSample, catalogue: Catalogue, progress: Progress) -> Iterator[Session]:
    """Every session, user by user."""
    counts = review_counts(sample.users, sample.products, sample.orders, Sampler(sample.seed, _COUNTS))
    done = 0
    for chunk, begin in enumerate(range(0, sample.users, USERS_A_CHUNK)):
        here = counts[begin : begin + USERS_A_CHUNK]
        yield from _chunk_sessions(catalogue, here, begin, Sampler(sample.seed, _CHUNK, chunk))
        done += int(here.sum())
        progress("write searches", done, sample.orders)


def _chunk_sessions(catalogue: Catalogue, counts: IntArray, first_user: int, sampler: Sampler) -> Iterator[Session]:
    purchases = choose(catalogue, sample_users(counts, sampler), sampler)
    visits, num = purchases.visits, len(purchases.visits)
    season = seasons(visits.at)
    shelf = catalogue.shelf[purchases.product]
    other = catalogue.famous(season, _another(shelf, sampler), sampler.uniform(num))
    looked = catalogue.famous(season, shelf, sampler.uniform(num))
    drawn = sampler.uniform(num, 24)
    slips = sampler.uniform(num, 24)
    for row in range(num):
        user = user_id(first_user + int(visits.user[row]) + 1)
        mine = drawn[row].tolist()
        queries = _narrowing(catalogue, int(purchases.product[row]), mine[:8])
        if mine[8] < CHANGED_MIND:
            queries = _narrowing(catalogue, int(other[row]), mine[:8]) + queries
        at, noise = int(visits.at[row]), iter(slips[row].tolist())
        if mine[9] < ONLY_LOOKED:
            idle = _narrowing(catalogue, int(looked[row]), mine[10:18])
            days = 1 + int(mine[18] * 20)
            yield Session(user, at - days * 86_400, [_typed(q, next(noise), next(noise)) for q in idle], None)
        yield Session(user, at, [_typed(q, next(noise), next(noise)) for q in queries], int(purchases.product[row]))


def _another(shelf: IntArray, sampler: Sampler) -> IntArray:
    """A shelf that has products on sale, usually not the same."""
    order = sampler.order(len(shelf))
    return shelf[order]


def _narrowing(catalogue: Catalogue, product: int, drawn: list[float]) -> list[str]:
    """One to three queries for a product; equal numbers word two products alike."""
    shelf, noun = int(catalogue.shelf[product]), int(catalogue.noun[product])
    thing = SHELVES[shelf].nouns[noun].lower()
    name = regulars_name(shelf, noun)
    called = name if name and drawn[0] < REGULARS else thing
    style, brand = STYLES[catalogue.style[product]].lower(), ALL_BRANDS[catalogue.brand[product]].lower()
    if drawn[1] < BARE_REFINEMENT:
        return [called, style]
    narrow = (f"{style} {called}", f"{called} {brand}", f"{brand} {style} {called}")[int(drawn[2] * 3)]
    return ([narrow], [called, narrow], [called, thing, narrow])[int(drawn[3] * 3)]


def regulars_name(shelf: int, noun: int) -> str:
    """What regulars call the thing, a word of no language; empty for the two in three that have no such name."""
    number = shelf * _NOUNS + noun
    if number % 3:
        return ""
    first, second, third = number % 15, (number * 7 + 4) % 15, (number * 11 + 8) % 15
    return SYLLABLES[first] + SYLLABLES[second] + SYLLABLES[third]


def _typed(query: str, slip: float, shout: float) -> str:
    """The query as it was typed."""
    if slip < SLIP and len(query) > 3:
        where = 1 + int(slip / SLIP * (len(query) - 3))
        query = query[:where] + query[where + 1] + query[where] + query[where + 2 :]
    if shout < SHOUTED:
        query = f"  {query.upper()} " if shout < SHOUTED / 2 else query.title().replace(" ", "  ")
    return query
