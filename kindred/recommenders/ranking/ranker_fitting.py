"""Fits retrieval and the ranker above it, so that the ranker learns from what retrieval did not see.

Retrieval is fitted twice. First on the earlier events of every user: what it makes of the later ones is what the ranker
learns from, and the last of these are what it is validated on. Then on all events. The graph network is trained once,
on the earlier events, and encodes both.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import DoubleArray, IntArray, Interactions
from kindred.evaluation.bootstrap import Interval, paired_bootstrap
from kindred.evaluation.metrics import evaluate_ranking
from kindred.linear.ensemble.fit import validation_folds
from kindred.linear.inputs.user_features import events_after
from kindred.models.pairwise_ranker import SEPARATION, PairwiseRanker, RankerConfig, RankerData, Sides, train_ranker
from kindred.models.pairwise_scores import PairwiseScores
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.fitting import fit_model
from kindred.recommenders.interaction_graph import InteractionGraph, without_text
from kindred.recommenders.model import Model
from kindred.recommenders.ranking.latest_events import LatestEvents
from kindred.recommenders.ranking.pair_features import PairFeatures
from kindred.recommenders.ranking.ranker import RankedUsers, Ranker
from kindred.recommenders.ranking.ranker_data import PairSampler, Queries, sides_of
from kindred.recommenders.runs import OWN_MODEL
from kindred.training.fit import RunOptions
from kindred.training.schedule import Metrics

LATER = 0.2
"""Share of each user's events that retrieval does not see while the ranker learns."""
FEWEST_PAIRS, FEWEST_VALIDATION = 50, 20
MOST_LEARNED, MOST_VALIDATION = 12_000, 4_000
LISTED = 0.2
"""Share of the users whose later choices tell which epoch of the ranker is kept, instead of being learned from."""
TOO_FEW = "too few events to learn a ranking from: retrieval alone ranks"


@dataclass(frozen=True)
class Ranked:
    """Retrieval, and the ranker where it is worth its while.

    Attributes:
        model: retrieval.
        ranker: None where it does not beat retrieval on validation.
        users: the users of the training, with all that they did.
        noted: what validation said, for the manifest.
    """

    model: Model
    ranker: Ranker | None
    users: RankedUsers
    noted: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Parts:
    """Which events are for what, `[num_events]` each."""

    base: NDArray[np.bool_]
    learn: NDArray[np.bool_]
    validation: NDArray[np.bool_]


def fit_ranked(
    graph: InteractionGraph,
    rows: IntArray,
    config: ModelConfig,
    options: RunOptions,
    *,
    temporal: bool = True,
    asked_at: IntArray | None = None,
) -> Ranked:
    """Retrieval fitted on these rows of `graph.interactions`, and a ranker that learned from the later of them.

    Args:
        graph: what to learn from.
        rows: the events that may be known.
        config: settings of both.
        options: where the run is.
        temporal: whether the later events of each user are those that the ranker learns from.
        asked_at: when the users of the result ask, seconds UTC, `[num_users]`; None for right after their last event.
    """
    events = graph.interactions.take(rows)
    skips = skips_up_to(events, graph.skips)
    parts = divide(events, config, options.seed, temporal=temporal and events.at is not None)
    wanted = config.model == OWN_MODEL and config.network
    refused = _why_no_ranker(parts, config.ranker) if wanted else None
    if not wanted or refused:
        model = fit_model(graph, rows, config, options, temporal=temporal)
        noted: dict[str, object] = {"note": refused} if refused else {}
        return Ranked(model, None, _users(model, sides_of(graph, model), events, skips, asked_at), noted)
    read = graph if config.text else without_text(graph)
    base = fit_model(graph, rows[parts.base], config, options, temporal=temporal)
    learned = _learn(read, rows, base, parts, config.ranker, replace(options, folder=options.folder / "ranker"))
    trained = None if base.learned is None else base.learned.gnn
    del base  # as large as the model that is fitted next
    model = fit_model(graph, rows, config, options, temporal=temporal, network=trained)
    sides, features = sides_of(read, model), PairFeatures.of(read, events, skips)
    ranker = None
    if learned.within or learned.between:
        ranker = ranker_of(learned.network, sides, features, config.ranker)
        ranker = replace(ranker, within=learned.within, between=learned.between)
    return Ranked(model, ranker, _users(model, sides, events, skips, asked_at), learned.noted)


def _why_no_ranker(parts: Parts, config: RankerConfig) -> str | None:
    """Why none is learned from events in these parts, or None where one is."""
    if int(parts.learn.sum()) < FEWEST_PAIRS or int(parts.validation.sum()) < FEWEST_VALIDATION:
        return TOO_FEW
    if len(parts.base) > config.most_events:
        return (
            f"{len(parts.base):,} events are more than the {config.most_events:,} up to which a ranking is learned "
            "above retrieval (`ranker.most_events`): it takes a second retrieval to learn from"
        )
    return None


def _users(
    model: Model, sides: Sides, events: Interactions, skips: Interactions | None, asked_at: IntArray | None
) -> RankedUsers:
    latest = LatestEvents.of(model, events, asked_at)
    return RankedUsers(model.score_users, sides.user_position, sides.user_graph, events, skips, latest)


def divide(events: Interactions, config: ModelConfig, seed: int, *, temporal: bool) -> Parts:
    """The earlier events, and the later ones, the last of which are validation.

    Where `temporal` is not, the later ones are those that the linear ensemble of all events holds out: the graph
    network must have seen none of them. A later event with an item that its user knew before is for nothing: what is
    known is not recommended.
    """
    rng = np.random.default_rng([seed, 3])  # the folds below are made by what the seed alone gives
    if temporal:
        counts = np.bincount(events.user_index, minlength=events.num_users)
        num_later = np.where(counts >= 3, np.maximum(1, (LATER * counts).astype(np.int64)), 0)
        after = events_after(events)
        later = after < num_later[events.user_index]
        only_one = (num_later == 1) & (rng.random(events.num_users) < 0.5)
        validation = later & (after == 0) & ~only_one[events.user_index]
    else:
        later = np.zeros(len(events), dtype=np.bool_)
        for fold in validation_folds(events, replace(config.ranking, temporal=False), seed)[:1]:
            later[np.setdiff1d(np.arange(len(events)), fold.known_rows)] = True
        validation = later & (rng.random(len(events)) < 0.25)
    pairs = events.user_index * np.int64(events.num_items) + events.item_index
    new = ~np.isin(pairs, pairs[~later])
    return Parts(~later, later & ~validation & new, validation & new)


def skips_up_to(events: Interactions, skips: Interactions | None) -> Interactions | None:
    """The skips of users that came no later than the last of their events; all of them where times are unknown."""
    if skips is None or events.at is None or skips.at is None:
        return skips
    last = np.full(events.num_users, np.iinfo(np.int64).min)
    np.maximum.at(last, events.user_index, events.at)
    return skips.take(skips.at <= last[skips.user_index])


def _learn(
    graph: InteractionGraph, rows: IntArray, base: Model, parts: Parts, config: RankerConfig, options: RunOptions
) -> _Learned:
    """The network, and what validation says of it above the retrieval that it learned from."""
    events = graph.interactions.take(rows)
    rng = np.random.default_rng([options.seed, 2])
    learn = _some(rows[parts.learn], MOST_LEARNED, rng)
    validation = _some(rows[parts.validation], MOST_VALIDATION, rng)
    known = events.take(parts.base)
    features = PairFeatures.of(graph, known, skips_up_to(known, graph.skips))
    later = rows if events.at is not None else rows[parts.base]
    is_listed = (rng.random(events.num_users) < LISTED)[graph.interactions.user_index[learn]]
    divided = (learn[~is_listed], learn[is_listed], validation)
    asked, listed, tested = (Queries.of(base, graph, part, later, rows[parts.base]) for part in divided)
    sampler = PairSampler(features, events, config, options.seed)
    sides = sides_of(graph, base)
    position, user_graph = (
        np.concatenate([getattr(part.users, name) for part in (asked, listed, tested)])
        for name in ("position", "graph")
    )
    pairs, pool = sampler.learning(asked)
    lists, checked = sampler.lists(listed), sampler.validation(tested)
    lists = replace(lists, user_index=lists.user_index + len(asked.target))
    checked = replace(checked, user_index=checked.user_index + len(learn))
    data = RankerData(replace(sides, user_position=position, user_graph=user_graph), pairs, pool, checked, lists)
    network, metrics = train_ranker(data, config, options)
    return _judge(network, metrics, tested, ranker_of(network, sides, features, config))


@dataclass(frozen=True)
class _Learned:
    """The network, for whom it ranks better than retrieval alone, and by how much.

    Better in a session is a gain above its own standard error. The whole interval above zero was asked for once; where
    there are few users, and for gains of some thousandths with many, that left out networks which were better on later
    data. Between sessions it is asked for: networks that gained nothing there halved the time that simulated listeners
    listened to lists made ahead.
    """

    network: PairwiseRanker
    within: bool
    between: bool
    noted: dict[str, object]


def _judge(network: PairwiseRanker, metrics: tuple[Metrics, ...], tested: Queries, ranker: Ranker) -> _Learned:
    """What validation says of the network beside retrieval alone: for those who ask in a session, and for the others.

    What is next in a session and what begins one are two questions; who is good at the first can be bad at the second.
    """
    alone, ranked = (
        evaluate_ranking(tested.users.scorer(used), tested.chosen, tested.users.known, ks=(10,), batch_size=256)
        for used in (None, ranker)
    )
    known, before = tested.users.known, alone.per_user["ndcg@10"]
    gained = ranked.per_user["ndcg@10"] - before
    are_within = known.take(tested.users.of_session).are_active
    kinds = {"within": are_within, "between": ~are_within}
    gains = {kind: _gain(gained[asked]) for kind, asked in kinds.items() if asked.sum() >= FEWEST_VALIDATION}
    needed = {kind: gain.standard_error if kind == "within" else gain.mean - gain.low for kind, gain in gains.items()}
    better = {kind for kind, gain in gains.items() if gain.mean > needed[kind]}
    gained = np.where(np.where(are_within, "within" in better, "between" in better), gained, 0.0)
    noted: dict[str, object] = {
        "epochs": len(metrics),
        SEPARATION: round(max(line[SEPARATION] for line in metrics), 4),
        "ndcg@10": round(float(np.mean(before + gained)), 4),
        "ndcg@10 of retrieval": round(float(np.mean(before)), 4),
        "gain": _rounded(_gain(gained)),
        "used": bool(better),
        "sessions": {
            kind: {"asked": int(kinds[kind].sum()), "gain": _rounded(gain), "used": kind in better}
            for kind, gain in gains.items()
        },
    }
    return _Learned(network, "within" in better, "between" in better, noted)


def _gain(gained: DoubleArray) -> Interval:
    return paired_bootstrap(gained, np.zeros_like(gained), np.random.default_rng(0))


def _rounded(gain: Interval) -> list[float]:
    return [round(figure, 4) for figure in (gain.mean, gain.low, gain.high)]


def ranker_of(network: PairwiseRanker, sides: Sides, features: PairFeatures, config: RankerConfig) -> Ranker:
    """The network as it answers."""
    weights = {name: value.detach().float().cpu().numpy() for name, value in network.state_dict().items()}
    scores = PairwiseScores.of(weights, sides.item_graph, sides.item_text, sides.item_categories)
    return Ranker(scores, features, sides.user_graph, config.candidates)


def _some(rows: IntArray, most: int, rng: np.random.Generator) -> IntArray:
    """The rows, a sample where there are more, ascending."""
    return rows if len(rows) <= most else np.sort(rng.permutation(rows)[:most])
