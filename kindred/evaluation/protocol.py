"""One way to judge every model: the same splits, the same events to learn from, the same questions.

Settings are chosen on validation; then model and baselines alike are fitted on train and validation together. Items
that a user has among those known events are not recommended to them again; the whole remaining catalogue is ranked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.interactions import FloatArray, IntArray, Interactions, RatingPredictor, Scorer
from kindred.domain.progress import Progress, silent
from kindred.domain.rating_scale import STARS, RatingScale
from kindred.evaluation import pooling
from kindred.evaluation.buckets import HISTORY_BUCKETS, POPULARITY_BUCKETS, history_bucket, popularity_bucket
from kindred.evaluation.matched_negatives import MatchedNegatives
from kindred.evaluation.metrics import (
    RankingResult,
    catalogue_coverage,
    evaluate_groups,
    exposure_gini,
    intra_list_diversity,
    makers_a_list,
    novelty,
    popularity_calibration,
)
from kindred.evaluation.pooling import UserSums
from kindred.evaluation.rating import evaluate_rating
from kindred.evaluation.splits import ProtocolName, Split, split_by

MODEL = "model"
LIST_LENGTH = 10
"""Length of the lists that coverage, Gini, novelty, diversity and calibration look at."""


@dataclass(frozen=True)
class FittedModel:
    """What evaluation asks of a model once it is fitted.

    Attributes:
        score_users: scores of the whole catalogue, or None for a model that only predicts ratings.
        predict_rating: ratings of user-item pairs, or None for a model that only ranks.
        variants: the same model with one thing changed, such as `no_text`; reported as the model minus the variant.
    """

    score_users: Scorer | None
    predict_rating: RatingPredictor | None = None
    variants: Mapping[str, FittedModel] = field(default_factory=dict)


FitModel = Callable[[Split, int], FittedModel]
"""A split and a seed -> the model fitted on `split.known_events`, its settings chosen on `split.validation_events`."""

FitScorer = Callable[[Split], Scorer]
"""A split -> the baseline fitted on `split.known_events`, its settings, if any, chosen on `split.validation_events`."""
FitPredictor = Callable[[Interactions], RatingPredictor]


@dataclass(frozen=True)
class Baselines:
    """What the model has to beat, by name; each is fitted on the events that the model is fitted on.

    Attributes:
        ranking: those that rank.
        rating: those that predict ratings.
        left_out: reason for each that is usually among them and is not.
    """

    ranking: Mapping[str, FitScorer] = field(default_factory=dict)
    rating: Mapping[str, FitPredictor] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ProtocolConfig:
    """How a model is judged.

    Attributes:
        protocol: `temporal` or `random` (`splits.py`).
        seeds: one run a seed; a seed decides the random split and starts the model.
        baselines: what it is compared with.
        ks: list lengths of the ranking metrics; `LIST_LENGTH` is always among them.
        item_vectors: the space in which diversity is measured, alike for all models, `[num_items, dimension]`; None:
            vectors of items are near when the same users know them.
        makers: nonzero where a maker made an item, `[num_items, num_makers]`; None where no makers are told of.
        num_samples: bootstrap resamples behind each interval.
        scale: of the ratings.
        unit: what the ratings are counted in, for the reader.
    """

    protocol: ProtocolName
    seeds: Sequence[int] = (0,)
    baselines: Baselines = field(default_factory=Baselines)
    ks: Sequence[int] = (5, 10, 20, 100)
    item_vectors: FloatArray | None = None
    makers: sp.csr_matrix | None = None
    num_samples: int = 2000
    scale: RatingScale = STARS
    unit: str = "stars"


@dataclass(frozen=True)
class Measured:
    """What one model was worth, on one split or pooled over several.

    Attributes:
        ranking: per-user ranking metrics, ROC-AUC among them, None for a model that does not rank.
        by_history: the same by length of the user's history, empty buckets left out.
        by_popularity: the same with only the held-out items of one popularity bucket to be found.
        lists: coverage, gini, novelty, diversity, popularity_calibration and makers of the top `LIST_LENGTH`.
        rating: per-user sums of rating errors, None for a model that does not predict ratings.
        confusion: counts of `RatingResult.confusion`, `[4]`.
    """

    ranking: UserSums | None
    by_history: dict[str, UserSums]
    by_popularity: dict[str, UserSums]
    lists: dict[str, float]
    rating: UserSums | None
    confusion: IntArray


@dataclass(frozen=True)
class Outcome:
    """One model over all splits: pooled, and split by split in the order of the seeds."""

    pooled: Measured
    by_split: tuple[Measured, ...]


@dataclass(frozen=True)
class ProtocolResult:
    """Everything that was measured; `report.build_report` puts it in words and figures."""

    config: ProtocolConfig
    splits: tuple[Split, ...]
    model: Outcome
    ranking_baselines: dict[str, Outcome]
    rating_baselines: dict[str, Outcome]
    variants: dict[str, Outcome]


def run_protocol(
    interactions: Interactions, fit_model: FitModel, config: ProtocolConfig, progress: Progress = silent
) -> ProtocolResult:
    """Split, fit and measure the model and every baseline once for each seed.

    Raises:
        SettingsError: there is no seed.
        RecordError: a split leaves nothing to test, or nothing to learn from.
    """
    splits = [split_by(config.protocol, interactions, seed) for seed in config.seeds]
    return evaluate_splits(splits, fit_model, config, progress)


def evaluate_splits(
    splits: Sequence[Split], fit_model: FitModel, config: ProtocolConfig, progress: Progress = silent
) -> ProtocolResult:
    """The same on splits of the caller's, one for each seed: such as published ones.

    All must be of the same users and items; intervals are pooled over them by user.

    Raises:
        SettingsError: there is no split, or their number is not that of the seeds.
        RecordError: a split has nothing to test, or nothing to learn from.
    """
    if len(splits) == 0 or len(splits) != len(config.seeds):
        raise SettingsError(
            f"{len(splits)} splits for {len(config.seeds)} seeds", "give one seed for each split, at least one"
        )
    for split in splits:
        for what, events in (("test", split.test), ("learn from", split.train)):
            if len(events) == 0:
                raise RecordError(
                    f"the {split.name} split leaves no event to {what}", "use more data or another protocol"
                )
    rounds = []
    steps = _Steps(progress, len(splits) * (1 + len(config.baselines.ranking) + len(config.baselines.rating)))
    for split, seed in zip(splits, config.seeds, strict=True):
        steps.begin("the model")
        rounds.append(_measure_split(split, fit_model(split, seed), config, steps))
    progress("evaluate", steps.total, steps.total)
    kinds = [_outcomes([r[kind] for r in rounds]) for kind in range(4)]
    return ProtocolResult(config, tuple(splits), kinds[0][MODEL], *kinds[1:])


@dataclass
class _Steps:
    """Tells progress what is fitted and measured now."""

    progress: Progress
    total: int
    begun: int = 0

    def begin(self, name: str) -> None:
        """Tells that this is fitted and measured now."""
        self.progress(f"evaluate: {name}", self.begun, self.total)
        self.begun += 1

    def each(self, names: Iterable[str]) -> Iterator[str]:
        """The names, each told as its turn comes."""
        for name in names:
            self.begin(name)
            yield name


def _measure_split(
    split: Split, fitted: FittedModel, config: ProtocolConfig, steps: _Steps
) -> tuple[dict[str, Measured], ...]:
    """Model, ranking baselines, rating baselines and variants of one split, each by name."""
    known = split.known_events
    test = split.test_events
    buckets = history_bucket(known), popularity_bucket(known)
    bench = _Bench(known, test, config, *buckets, _item_vectors(known, config), MatchedNegatives.of(known, test))
    ranking = config.baselines.ranking if fitted.score_users is not None else {}
    rating = config.baselines.rating if fitted.predict_rating is not None and len(known.rated) else {}
    return (
        {MODEL: bench.measure(fitted)},
        {name: bench.measure(FittedModel(ranking[name](split))) for name in steps.each(ranking)},
        {name: bench.measure(FittedModel(None, rating[name](known))) for name in steps.each(rating)},
        {name: bench.measure(variant) for name, variant in fitted.variants.items()},
    )


def _outcomes(rounds: list[dict[str, Measured]]) -> dict[str, Outcome]:
    if any(set(measured) != set(rounds[0]) for measured in rounds):
        raise ValueError("the model must have the same variants on every split")
    by_name = {name: tuple(measured[name] for measured in rounds) for name in rounds[0]}
    return {name: Outcome(_pool(parts), parts) for name, parts in by_name.items()}


@dataclass(frozen=True)
class _Bench:
    """One split made ready to measure any number of models on."""

    known: Interactions
    test: Interactions
    config: ProtocolConfig
    history: IntArray
    popularity: IntArray
    item_vectors: FloatArray
    matched: MatchedNegatives

    def measure(self, fitted: FittedModel) -> Measured:
        ranking, by_popularity, lists = None, {}, {}
        if fitted.score_users is not None:
            result, *by_bucket = self._rank(fitted.score_users)
            ranking = pooling.of_ranking(result, self.test.num_users)
            by_popularity = {
                name: pooling.of_ranking(part, self.test.num_users)
                for name, part in zip(POPULARITY_BUCKETS, by_bucket, strict=True)
                if len(part.users)
            }
            lists = self._lists(result)
        by_history = {} if ranking is None else _among_buckets(ranking, self.history)
        rating, confusion = self._rate(fitted.predict_rating)
        return Measured(ranking, by_history, by_popularity, lists, rating, confusion)

    def _rank(self, score_users: Scorer) -> list[RankingResult]:
        """The ranking of all held-out items, then of those of each bucket of popularity."""
        ks = sorted({*self.config.ks, LIST_LENGTH})
        buckets = [self.popularity == index for index in range(len(POPULARITY_BUCKETS))]
        groups = [np.ones(self.test.num_items, dtype=np.bool_), *buckets]
        return evaluate_groups(score_users, self.test, self.known, groups, ks, matched=self.matched)

    def _lists(self, result: RankingResult) -> dict[str, float]:
        lists = result.top_items[:, :LIST_LENGTH]
        num_items = self.known.num_items
        makers = self.config.makers
        of_makers = {} if makers is None else {"makers": makers_a_list(lists, makers)}
        return {
            "coverage": catalogue_coverage(lists, num_items),
            "gini": exposure_gini(lists, num_items),
            "novelty": novelty(lists, self.known),
            "diversity": intra_list_diversity(lists, self.item_vectors),
            "popularity_calibration": popularity_calibration(lists, result.users, self.known),
            **of_makers,
        }

    def _rate(self, predict_rating: RatingPredictor | None) -> tuple[UserSums | None, IntArray]:
        rated = self.test.rated
        if predict_rating is None or not len(rated):
            return None, np.zeros(4, dtype=np.int64)
        result = evaluate_rating(predict_rating, rated, self.config.scale)
        return pooling.of_rating(result, rated.user_index, rated.num_users), result.confusion


def _among_buckets(ranking: UserSums, bucket_of_user: IntArray) -> dict[str, UserSums]:
    parts = {name: ranking.among(bucket_of_user == index) for index, name in enumerate(HISTORY_BUCKETS)}
    return {name: part for name, part in parts.items() if part.num_users}


def _pool(parts: Sequence[Measured]) -> Measured:
    rankings = [p.ranking for p in parts if p.ranking is not None]
    ratings = [p.rating for p in parts if p.rating is not None]
    return Measured(
        pooling.pooled(rankings) if rankings else None,
        _pool_buckets(HISTORY_BUCKETS, [p.by_history for p in parts]),
        _pool_buckets(POPULARITY_BUCKETS, [p.by_popularity for p in parts]),
        {name: float(np.mean([p.lists[name] for p in parts])) for name in parts[0].lists},
        pooling.pooled(ratings) if ratings else None,
        np.sum([p.confusion for p in parts], axis=0),
    )


def _pool_buckets(names: Iterable[str], parts: Sequence[dict[str, UserSums]]) -> dict[str, UserSums]:
    filled = {name: [p[name] for p in parts if name in p] for name in names}
    return {name: pooling.pooled(found) for name, found in filled.items() if found}


def _item_vectors(known: Interactions, config: ProtocolConfig) -> FloatArray:
    """The space of diversity: the caller's, or random projections of each item's users, `[num_items, dimension]`."""
    if config.item_vectors is not None:
        return config.item_vectors
    users = sp.csr_matrix(
        (np.ones(len(known), dtype=np.float32), (known.item_index, known.user_index)),
        (known.num_items, known.num_users),
    )
    projection = np.random.default_rng(0).standard_normal((known.num_users, 128), dtype=np.float32)
    vectors: FloatArray = users @ projection
    return vectors
