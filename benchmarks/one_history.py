"""Whether it matters how a history comes: `python -m benchmarks.one_history [--data DIR] [--without-network]`.

Reviews of 2014, every user. A run learns from all reviews but each user's last and is published. Then the recommender
is asked, each time for every product of the catalogue:

* somebody whom the graph need not know brings exactly a user's reviews, text and summary included;
* somebody brings no review;
* the last reviews come into the graph: they are folded in, and afterwards the run is published again without training.

Embeddings and answers of what was brought or folded in are told beside the published ones, as the largest difference of
any number, and so is what the reasons cite.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import datasets
from benchmarks.product_graphs import ProductData, Shop, open_shop, read_product_data, reviews14_lines
from kindred.domain.embeddings import TextEncoder, Vectors
from kindred.domain.interactions import IntArray
from kindred.domain.recommendation import Answer, Request
from kindred.domain.records import Reviewed
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.histories import histories_of_records, no_histories, read_histories
from kindred.recommenders.model import ANONYMOUS, load_model
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.releases import USERS

ANCHOR = 1e-5


@dataclass(frozen=True)
class Difference:
    """How far what was encoded for an answer is from what is published.

    Attributes:
        num_users: how many were compared.
        embedding: the largest difference of a number of an embedding.
        score: the largest of a score, over users and products.
        largest: the largest number of an embedding, to compare with.
    """

    num_users: int
    embedding: float
    score: float
    largest: float

    def __str__(self) -> str:
        met = "met" if self.embedding <= ANCHOR else "MISSED"
        return (
            f"{self.num_users:,} users, embeddings within {self.embedding:.1e} (≤ {ANCHOR:.0e}: {met}; the largest "
            f"number is {self.largest:.2f}), scores within {self.score:.1e}"
        )


def main() -> None:
    """Prints a line for each way a history comes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_history", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=datasets.DEFAULT_DATA, help="folder of the public files")
    parser.add_argument("--without-network", action="store_true", help="linear scorers alone")
    arguments = parser.parse_args()
    config = ModelConfig(network=not arguments.without_network)
    for name, found in differences(read_product_data(reviews14_lines(arguments.data)), config).items():
        print(f"{name}: {found}", flush=True)


def differences(
    data: ProductData, config: ModelConfig, encoder: TextEncoder | None = None, most: int | None = None
) -> dict[str, Difference | str]:
    """What each way of telling a history is away from the published one; of the first `most` users, else of all."""
    is_last = last_reviews(data)
    with open_shop(data.part(np.flatnonzero(~is_last), data.metadata), encoder) as shop:
        run = shop.train(config)
        version = shop.publish(run)
        users = load_model(PRODUCTS, run.folder).users.ids[:most]
        told = _reviews_of(data, np.flatnonzero(~is_last))
        found: dict[str, Difference | str] = {"as events of a request": _brought(shop, version, users, told)}
        found["no review"] = f"the anonymous embedding within {_of_nobody_known(shop, version):.1e}"
        shop.load(data.part(np.flatnonzero(is_last), data.metadata))
        rows, answers = _folded_in(shop, version, users)
        found["what reasons cite"] = _cited(shop, _reviews_of(data, np.arange(len(is_last))), users)
        version = shop.publish(run)
        published = [shop.recommender(_everything(user_id=user)) for user in users]
        found["folded in"] = _difference(shop, version, users, rows, answers, published)
    return found


def last_reviews(data: ProductData) -> np.ndarray:
    """Which review is the last of a user who wrote others before, `[num_reviews]`."""
    events = data.graph.interactions
    at = np.zeros(len(events), dtype=np.int64) if events.at is None else events.at
    order = np.lexsort((np.arange(len(events)), at, events.user_index))
    users = events.user_index[order]
    ends = np.append(users[1:] != users[:-1], True) & np.append(False, users[1:] == users[:-1])
    is_last = np.zeros(len(events), dtype=bool)
    is_last[order[ends]] = True
    return is_last


def _reviews_of(data: ProductData, rows: IntArray) -> dict[str, list[Reviewed]]:
    found: dict[str, list[Reviewed]] = {}
    for row in rows:
        found.setdefault(data.reviews[row].source_id, []).append(data.reviews[row])
    return found


def _everything(user_id: str | None = None, events: Sequence[Reviewed] = ()) -> Request:
    """A request for the score of every product."""
    return Request(user_id=user_id, events=events, k=1_000_000, exclude_seen=False, reasons=False, removed=False)


def _brought(shop: Shop, version: str, users: Sequence[str], told: dict[str, list[Reviewed]]) -> Difference:
    """Users who are asked for by name beside somebody who brings the same reviews."""
    model = load_model(PRODUCTS, shop.folder / "runs" / version)
    rows, answers, published = [], [], []
    for user in users:
        own = [review.model_copy(update={"source_id": "somebody"}) for review in told[user]]
        rows.append(model.encode(histories_of_records(PRODUCTS, model.items, own, lambda: shop.encoder)[0])[0])
        answers.append(shop.recommender(_everything(events=own)))
        published.append(shop.recommender(_everything(user_id=user)))
    return _difference(shop, version, users, np.array(rows), answers, published)


def _of_nobody_known(shop: Shop, version: str) -> float:
    model = load_model(PRODUCTS, shop.folder / "runs" / version)
    published = shop.vectors.of(PRODUCTS.name).fetch(version, ANONYMOUS, [ANONYMOUS]).vectors
    return float(np.abs(model.encode(no_histories(1, len(model.items))) - published).max())


def _folded_in(shop: Shop, version: str, users: Sequence[str]) -> tuple[Vectors, list[Answer]]:
    """Embeddings of all that the graph holds of the users now, and what they are answered."""
    model = load_model(PRODUCTS, shop.folder / "runs" / version)
    answers = [shop.recommender(_everything(user_id=user)) for user in users]
    if levels := {answer.level for answer in answers} - {"folded-in"}:
        raise ValueError(f"not every answer was folded in: {sorted(levels)}")
    return model.encode(read_histories(PRODUCTS, shop.store, model.items, users)), answers


def _cited(shop: Shop, told: dict[str, list[Reviewed]], users: Sequence[str]) -> str:
    """How many reasons there are, and how many cite a product that the user did not review."""
    answers = [(user, shop.recommender(Request(user_id=user))) for user in users]
    reasons = [(user, item.reason) for user, answer in answers for item in answer.recommendations]
    cited = [(user, reason.path[2]) for user, reason in reasons if reason is not None]
    own = {user: {review.target_id for review in reviews} for user, reviews in told.items()}
    wrong = sum(product not in own[user] for user, product in cited)
    return f"{len(cited):,} reasons for {len(reasons):,} products, {wrong} of what the user did not review"


def _difference(
    shop: Shop,
    version: str,
    users: Sequence[str],
    rows: Vectors,
    answers: Sequence[Answer],
    published: Sequence[Answer],
) -> Difference:
    found = shop.vectors.of(PRODUCTS.name).fetch(version, USERS, list(users))
    if list(found.ids) != list(users):
        raise ValueError("not every user is published")
    gaps = [_gap(answer, other) for answer, other in zip(answers, published, strict=True)]
    largest = float(np.abs(found.vectors).max())
    return Difference(len(users), float(np.abs(rows - found.vectors).max()), max(gaps), largest)


def _gap(answer: Answer, other: Answer) -> float:
    """The largest difference of a product's score."""
    scores, others = ({item.item_id: item.score for item in one.recommendations} for one in (answer, other))
    if scores.keys() != others.keys():
        raise ValueError("not the same products were ranked")
    return max((abs(scores[item] - others[item]) for item in scores), default=0.0)


if __name__ == "__main__":
    main()
