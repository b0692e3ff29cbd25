"""The baselines that every report compares with, and how each is fitted on a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np

from kindred.domain.errors import install_hint
from kindred.domain.interactions import FloatArray, Interactions, Scorer
from kindred.domain.rating_scale import RatingScale
from kindred.evaluation.metrics import evaluate_ranking
from kindred.evaluation.protocol import Baselines, FitPredictor, FitScorer
from kindred.evaluation.splits import Split
from kindred.linear.baselines.als import fit_als
from kindred.linear.baselines.ease import EASE_RIDGES, choose_ridge, ease_map, ease_scorers, fit_ease
from kindred.linear.baselines.gf_cf import fit_gf_cf
from kindred.linear.baselines.lightgcn import config_for, fit_lightgcn
from kindred.linear.baselines.neighbours import fit_item_knn
from kindred.linear.baselines.popularity import fit_popularity, fit_random
from kindred.linear.baselines.rating_baselines import fit_bias_rating, fit_commonest_rating, fit_mean_rating

CHOSEN_BY = "ndcg@10"
MANY_ITEMS = 4096
MOST_USERS = 20_000
"""So many users, a fixed sample, choose EASE's ridge where the catalogue has more than `MANY_ITEMS`."""


def fit_ease_on(split: Split) -> Scorer:
    """EASE as a baseline of the protocol: the ridge chosen on validation, then fitted on all known events."""
    return fit_ease(split.known_events, choose_ease_ridge(split.train_events, split.validation_events))


def ease_map_on(split: Split) -> FloatArray:
    """The map of `fit_ease_on`, `[num_items, num_items]`."""
    return ease_map(split.known_events, choose_ease_ridge(split.train_events, split.validation_events))


def choose_ease_ridge(train: Interactions, validation: Interactions) -> float:
    """The ridge of `EASE_RIDGES` with the best NDCG@10 on validation when fitted on train; of equals the smallest.

    The middle one where there is no validation event to choose by.
    """
    folds = [(train, sampled_users(validation))] if len(validation) else []
    return choose_ridge(EASE_RIDGES, folds, lambda fold: ease_scorers(fold[0], EASE_RIDGES), _ndcg)


def sampled_users(validation: Interactions) -> Interactions:
    """The validation events of as many users as are affordable to rank the catalogue for."""
    users = np.unique(validation.user_index)
    if validation.num_items <= MANY_ITEMS or len(users) <= MOST_USERS:
        return validation
    sampled = np.random.default_rng(0).choice(users, MOST_USERS, replace=False)
    return validation.take(np.isin(validation.user_index, sampled))


def _ndcg(fold: tuple[Interactions, Interactions], scorer: Scorer) -> float:
    known, held_out = fold
    return evaluate_ranking(scorer, held_out, known, ks=(10,)).means[CHOSEN_BY]


@dataclass(frozen=True)
class Offer:
    """A ranking baseline of reports, and where it is left out.

    Attributes:
        fit: fits it on the known events of a split.
        most_items: of a catalogue that it is affordable for, None for any.
        most_events: of all events that it is affordable for, None for any.
        package: an optional one that it needs, with the extra that installs it.
    """

    fit: FitScorer
    most_items: int | None = None
    most_events: int | None = None
    package: tuple[str, str] | None = None

    def missing(self, events: Interactions) -> str | None:
        """Why it is left out for these events, None where it is not."""
        if self.package is not None and find_spec(self.package[0]) is None:
            return f"it needs the package {self.package[0]}, `{install_hint(self.package[1])}`"
        if self.most_items is not None and events.num_items > self.most_items:
            return f"{events.num_items:,} items are more than the {self.most_items:,} it is affordable for"
        if self.most_events is not None and len(events) > self.most_events:
            return f"{len(events):,} events are more than the {self.most_events:,} it is affordable for"
        return None


FEW_EVENTS = 50_000
LIGHTGCN_EVENTS = 200_000
"""Each of its batches passes all events through the graph: of so many its 40 epochs take a minute of CPU, of twice as
many four; just below `MANY_EVENTS` its 200 take two."""
RANKING: Mapping[str, Offer] = {
    "random": Offer(lambda split: fit_random(split.known_events, seed=0)),
    "popularity": Offer(lambda split: fit_popularity(split.known_events)),
    "itemknn": Offer(lambda split: fit_item_knn(split.known_events)),
    "ease": Offer(fit_ease_on, most_items=20_000),
    "gf-cf": Offer(lambda split: fit_gf_cf(split.known_events), most_items=50_000),
    "lightgcn": Offer(lambda split: _fit_lightgcn(split.known_events), most_events=LIGHTGCN_EVENTS),
    "als": Offer(lambda split: _fit_als(split.known_events), most_events=1_000_000, package=("implicit", "als")),
}
"""What a report compares rankings with, where packages and size allow."""
QUICK = ("popularity", "itemknn")
"""Those that say enough where it only matters whether a model is sound."""


def report_baselines(events: Interactions, scale: RatingScale | None) -> Baselines:
    """The baselines of a report on these events; those that are left out are there with the reason.

    Args:
        events: all of them.
        scale: of their ratings, None where there are none.
    """
    missing = {name: offer.missing(events) for name, offer in RANKING.items()}
    rating: dict[str, FitPredictor] = {}
    if scale is not None:
        rating = {
            "constant": fit_commonest_rating,
            "mean": fit_mean_rating,
            "bias": lambda known: fit_bias_rating(known, scale),
        }
    return Baselines(
        {name: offer.fit for name, offer in RANKING.items() if missing[name] is None},
        rating,
        {name: reason for name, reason in missing.items() if reason is not None},
    )


def only_quick(baselines: Baselines) -> Baselines:
    """Those of a report that take seconds to fit at any size; the other rankings are left out with the reason."""
    reason = "it takes long to fit; `kindred evaluate` compares with it"
    ranking = {name: fit for name, fit in baselines.ranking.items() if name in QUICK}
    others = {name: reason for name in baselines.ranking if name not in QUICK}
    return replace(baselines, ranking=ranking, left_out={**baselines.left_out, **others})


def _fit_lightgcn(known: Interactions) -> Scorer:
    return fit_lightgcn(known, config_for(len(known)), seed=0)


def _fit_als(known: Interactions) -> Scorer:
    return fit_als(known, seed=0, factors=64 if len(known) < FEW_EVENTS else 256)
