"""Every recommender system that Kindred has, and the three functions that each offers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, Protocol

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.records import Event, Judged
from kindred.domain.schema import edge_type_of
from kindred.recommenders.interactions import INTERACTIONS
from kindred.recommenders.listens import LISTENS
from kindred.recommenders.posts import POSTS
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.queries import QUERIES
from kindred.recommenders.recommends import Recommends
from kindred.recommenders.runs import OWN_MODEL, model_of
from kindred.recommenders.system import System
from kindred.recommenders.tags import TAGS
from kindred.recommenders.tracks import TRACKS

if TYPE_CHECKING:
    from kindred.evaluation.protocol import FitScorer, FittedModel
    from kindred.evaluation.report import Report
    from kindred.evaluation.splits import Split
    from kindred.graph.store import GraphStore
    from kindred.recommenders.answering.recommender import Opened
    from kindred.recommenders.config import ModelConfig
    from kindred.recommenders.interaction_graph import InteractionGraph
    from kindred.recommenders.judging.evaluating import EvaluationOptions, FitSplit
    from kindred.recommenders.publishing import Published
    from kindred.recommenders.runs import Run
    from kindred.recommenders.training import GraphState
    from kindred.training.fit import RunOptions
    from kindred.vectorstore.store import VectorStore


class Publish(Protocol):
    """Run, graph and vectors, and versions that must stay beside it -> what was published."""

    def __call__(
        self, run: Run, store: GraphStore, vectors: VectorStore, in_use: Collection[str] = ()
    ) -> Published: ...


@dataclass(frozen=True)
class SystemModule:
    """A system and what can be done with it.

    Attributes:
        system: its declaration.
        train: graph, settings, options and state of the graph -> a finished run.
        publish: makes a run the version that answers.
        open_recommender: opened stores -> what answers.
        fit_split: a graph, settings, a split and options -> the model of the split as it would answer; None for what
            `of_interactions` trains.
        baselines: a graph -> what reports of this system compare with beside the usual baselines.
        takes: what somebody who need not be known may be described by: their `events`, what they searched for, or
            nothing.
        evaluate: how a system that events do not judge is judged: the graph, a run, how, and the folder that reports
            go to -> the report, whose `summary` is what people are told, line by line, and whose `figures` are those
            that lists of runs show.
        above: figures of its report and the line that each must be above for `--gate`, unless the report names others
            under `above`; None for the usual one.
        publishes_edges: whether what it predicts becomes edges of the graph, which `publish` then writes.
        finds_users: whether what is similar is looked for among its users, whose rows stand for those of items.
    """

    system: System
    train: Callable[[GraphStore, ModelConfig, RunOptions, GraphState], Run]
    publish: Publish
    open_recommender: Callable[[Opened], Recommends]
    fit_split: FitSplit | None = None
    baselines: Callable[[InteractionGraph], Mapping[str, FitScorer]] = lambda graph: {}
    takes: Literal["events", "searches", "nothing"] = "events"
    evaluate: Callable[[GraphStore, Run, EvaluationOptions, RunOptions], Report] | None = None
    above: Mapping[str, float] | None = None
    publishes_edges: bool = False
    finds_users: bool = False

    def check_usual(self, what: str) -> None:
        """Checks that `of_interactions` could train the system, which `what` takes for granted.

        Raises:
            SettingsError: it has a model and figures of its own.
        """
        if self.takes != "events":
            raise SettingsError(
                f"{what} is not for system {self.system.name}, which has a model of its own",
                f"it is for {', '.join(usual_systems())}",
            )

    def has_events(self, store: GraphStore) -> bool:
        """Whether a graph holds an event that the system learns from."""
        kinds = (self.system.target, *(kind for kind in self.system.reads if issubclass(kind, Event | Judged)))
        return any(store.count(edge_type_of(kind)) for kind in kinds)

    def check_meant(self, store: GraphStore, command: str, among: Collection[str] = ()) -> None:
        """Checks that a graph without events of this system has none of another, which is then the one that was meant.

        Args:
            store: the graph.
            command: what was asked for, with `{}` for the name of a system.
            among: systems that it may be asked for; empty for all.

        Raises:
            RecordError: it has some of another system.
        """
        if self.has_events(store):
            return
        if others := [name for name in among or SYSTEMS if SYSTEMS[name].has_events(store)]:
            instead = " or ".join(f"`kindred {command.format(name)}`" for name in others)
            message = self.system.no_events().message
            raise RecordError(message, f"run {instead}, or load some with `{self.system.load_with}`")


def of_interactions(system: System) -> SystemModule:
    """A system that learns from users' events with items, by the graph network and the linear ensemble."""
    return SystemModule(system, partial(_train, system), partial(_publish, system), partial(_open, system))


def of_two_stages(system: System) -> SystemModule:
    """The same with a ranker above, where it beats retrieval on validation."""
    return SystemModule(
        system,
        partial(_train_two_stages, system),
        partial(_publish, system),
        partial(_open, system),
        _fit_two_stages,
        _same_context,
    )


def _fit_two_stages(graph: InteractionGraph, config: ModelConfig, split: Split, options: RunOptions) -> FittedModel:
    from kindred.recommenders.two_stages import fit_split

    return fit_split(graph, config, split, options)


def _same_context(graph: InteractionGraph) -> Mapping[str, FitScorer]:
    from kindred.recommenders.two_stages import same_context

    return same_context(graph)


def _train_two_stages(
    system: System, store: GraphStore, config: ModelConfig, options: RunOptions, state: GraphState
) -> Run:
    from kindred.recommenders.two_stages import train

    return train(system, store, config, options, state)


def _train(system: System, store: GraphStore, config: ModelConfig, options: RunOptions, state: GraphState) -> Run:
    from kindred.recommenders.training import train

    return train(system, store, config, options, state)


def _publish(
    system: System, run: Run, store: GraphStore, vectors: VectorStore, in_use: Collection[str] = ()
) -> Published:
    from kindred.recommenders.publishing import publish

    return publish(system, run, store, vectors, in_use)


def _open(system: System, opened: Opened) -> Recommends:
    from kindred.recommenders.answering.recommender import Recommender

    return Recommender(system, opened)


def of_searches() -> SystemModule:
    """Products for who searched: learned from what queries led to."""
    return SystemModule(
        QUERIES,
        _train_queries,
        _publish_queries,
        _open_queries,
        takes="searches",
        evaluate=_evaluate_queries,
        above=_ABOVE_QUERIES,
    )


_ABOVE_QUERIES = {"delta.popularity.recall@10.low": 0.0}


def _evaluate_queries(store: GraphStore, run: Run, evaluation: EvaluationOptions, options: RunOptions) -> Report:
    from kindred.recommenders.searching.evaluation import evaluate

    return evaluate(store, run, evaluation, options)


def _train_queries(store: GraphStore, config: ModelConfig, options: RunOptions, state: GraphState) -> Run:
    from kindred.recommenders.searching.run import train

    return train(QUERIES, store, config, options, state)


def _publish_queries(run: Run, store: GraphStore, vectors: VectorStore, in_use: Collection[str] = ()) -> Published:
    from kindred.recommenders.searching.run import publish

    return publish(QUERIES, run, store, vectors, in_use)


def _open_queries(opened: Opened) -> Recommends:
    from kindred.recommenders.searching.recommender import QueryRecommender

    return QueryRecommender(QUERIES, opened)


def of_feed() -> SystemModule:
    """Posts for a reader at a time: learned from which of the posts shown were liked."""
    return SystemModule(
        POSTS,
        _train_feed,
        _publish_feed,
        _open_feed,
        takes="nothing",
        evaluate=_evaluate_feed,
        above=_ABOVE_FEED,
    )


_ABOVE_FEED = {"logged.both.delta.popular.auc.low": 0.0}


def _evaluate_feed(store: GraphStore, run: Run, evaluation: EvaluationOptions, options: RunOptions) -> Report:
    from kindred.recommenders.feed.evaluation import evaluate

    return evaluate(store, run, evaluation, options)


def _train_feed(store: GraphStore, config: ModelConfig, options: RunOptions, state: GraphState) -> Run:
    from kindred.recommenders.feed.run import train

    return train(POSTS, store, config, options, state)


def _publish_feed(run: Run, store: GraphStore, vectors: VectorStore, in_use: Collection[str] = ()) -> Published:
    from kindred.recommenders.feed.run import publish

    return publish(POSTS, run, store, vectors, in_use)


def _open_feed(opened: Opened) -> Recommends:
    from kindred.recommenders.feed.recommender import FeedRecommender

    return FeedRecommender(POSTS, opened)


def of_tags() -> SystemModule:
    """Tags for tracks: learned from what tracks with tags sound like."""
    return SystemModule(
        TAGS,
        _train_tags,
        _publish_tags,
        _open_tags,
        takes="nothing",
        evaluate=_evaluate_tags,
        above=_ABOVE_LOGISTIC,
        publishes_edges=True,
        finds_users=True,
    )


_ABOVE_LOGISTIC = {"lead.mean-pool logistic.mean": -0.01}


def _train_tags(store: GraphStore, config: ModelConfig, options: RunOptions, state: GraphState) -> Run:
    from kindred.recommenders.tagging.run import train

    return train(TAGS, store, config, options, state)


def _publish_tags(run: Run, store: GraphStore, vectors: VectorStore, in_use: Collection[str] = ()) -> Published:
    from kindred.recommenders.tagging.publish import publish

    return publish(TAGS, run, store, vectors, in_use)


def _open_tags(opened: Opened) -> Recommends:
    from kindred.recommenders.tagging.recommender import TagRecommender

    return TagRecommender(TAGS, opened)


def _evaluate_tags(store: GraphStore, run: Run, evaluation: EvaluationOptions, options: RunOptions) -> Report:
    from kindred.recommenders.tagging.evaluation import evaluate

    return evaluate(store, run, evaluation, options)


SYSTEMS: Mapping[str, SystemModule] = {
    "products": of_interactions(PRODUCTS),
    "tracks": of_two_stages(TRACKS),
    "listens": of_two_stages(LISTENS),
    "interactions": of_interactions(INTERACTIONS),
    "queries": of_searches(),
    "posts": of_feed(),
    "tags": of_tags(),
}


def usual_systems() -> list[str]:
    """Names of the systems that `of_interactions` could train."""
    return [name for name, module in SYSTEMS.items() if module.takes == "events"]


def model_name(run: Run) -> str:
    """What lists of runs call the model of a run."""
    name = model_of(run)
    own = SYSTEMS.get(run.manifest["system"])
    return own.system.model if name == OWN_MODEL and own is not None else name


def find_system(name: str) -> SystemModule:
    """The system of that name.

    Raises:
        SettingsError: there is none.
    """
    if name not in SYSTEMS:
        raise SettingsError(f"there is no system {name!r}", f"systems are {', '.join(SYSTEMS)}")
    return SYSTEMS[name]


def system_of_events(event: type[Event]) -> str | None:
    """Name of the system that predicts events of this class; None where there is none."""
    return next((name for name, module in SYSTEMS.items() if module.system.target is event), None)
