"""Systems that answer in two stages: trained, judged and saved with the ranker above retrieval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import scipy.sparse as sp

from kindred.domain.interactions import FloatArray, IntArray, Interactions, Scorer
from kindred.domain.schema import edge_type_of
from kindred.evaluation.protocol import FitScorer, FittedModel
from kindred.evaluation.splits import Split
from kindred.graph.store import GraphStore
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.diversity import at_most_of_each
from kindred.recommenders.interaction_graph import InteractionGraph, read_interaction_graph
from kindred.recommenders.ranking.pair_features import best_candidates
from kindred.recommenders.ranking.ranker_fitting import fit_ranked
from kindred.recommenders.runs import Run
from kindred.recommenders.system import System, Triple
from kindred.recommenders.training import GraphState, begin_training, finish_training
from kindred.training.fit import RunOptions

AT_MOST, DEPTH = 2, 200
"""How many items of one maker a list may hold where reports tell what that costs, and how long such a list is."""


def train(system: System, store: GraphStore, config: ModelConfig, options: RunOptions, state: GraphState) -> Run:
    """A finished run in `options.folder`: retrieval, the ranker where it is better, the manifest.

    Raises:
        ArtifactError: the folder holds a finished run already.
        RecordError: the graph holds no event of the system.
    """
    graph = read_interaction_graph(system, store, state.until, text=config.text)
    options.has_read()
    begin_training(options.folder, config, options, state)
    ranked = fit_ranked(graph, np.arange(len(graph.interactions)), config, options)
    if ranked.ranker is not None:
        ranked.ranker.save(options.folder)
    return finish_training(graph, ranked.model, config, options, state, {"ranker": ranked.noted})


def fit_split(graph: InteractionGraph, config: ModelConfig, split: Split, options: RunOptions) -> FittedModel:
    """Both stages fitted on the known part of a split, as they answer: what a user skipped is left out.

    Users ask at the time of their first test event, of which nothing but that time is known.
    """
    temporal = split.name != "random"
    asked_at = split.test_at if temporal else None
    ranked = fit_ranked(graph, split.known, config, options, temporal=temporal, asked_at=asked_at)
    scorer = ranked.users.scorer(ranked.ranker)
    variants = {"retrieval_alone": FittedModel(ranked.users.scorer(None))}
    if graph.system.maker is not None:
        triple = edge_type_of(graph.system.maker).triple
        name = f"at_most_{AT_MOST}_of_one_{triple[2].lower()}"
        variants[name] = FittedModel(partial(_at_most, scorer, _nodes_of(graph, triple)))
    if ranked.model.learned is not None:
        variants["gnn_alone"] = FittedModel(ranked.model.learned.vectors.score)
    return FittedModel(scorer, variants=variants)


def _nodes_of(graph: InteractionGraph, triple: Triple) -> list[list[str]]:
    """The nodes that each item leads to by these edges."""
    nodes: list[list[str]] = [[] for _ in range(len(graph.items))]
    for item, node in graph.data[triple].edge_index.t().tolist():
        nodes[item].append(str(node))
    return nodes


def _at_most(scorer: Scorer, nodes: Sequence[Sequence[str]], users: IntArray) -> FloatArray:
    """The scores, `−inf` where a list as long as `DEPTH` leaves an item out as answers with `at_most` do."""
    scores = np.array(scorer(users))
    for row, items in enumerate(best_candidates(scores, DEPTH)[0]):
        ordered = items[items >= 0].tolist()
        kept = at_most_of_each(ordered, [nodes[item] for item in ordered], AT_MOST)
        scores[row, np.setdiff1d(ordered, kept).astype(np.int64)] = -np.inf
    return scores


def same_context(graph: InteractionGraph) -> Mapping[str, FitScorer]:
    """The baseline that recommends more of what has the same artist, or whatever items lead to first."""
    if not graph.system.context:
        return {}
    triple = graph.system.triples[1]
    members = graph.members(triple)
    return {f"same_{triple[2].lower()}": lambda split: _same(members, split.known_events)}


def _same(members: sp.csr_matrix, known: Interactions) -> Scorer:
    """A user's events that lead to a node of the item; of equal items the more popular first."""
    ones = np.ones(len(known), dtype=np.float32)
    shape = (known.num_users, known.num_items)
    counts = sp.csr_matrix((ones, (known.user_index, known.item_index)), shape=shape)
    popularity = np.bincount(known.item_index, minlength=known.num_items).astype(np.float32)
    tie: FloatArray = popularity / (popularity.max(initial=1.0) + 1)

    def score(users: IntArray) -> FloatArray:
        shared = np.asarray((counts[users] @ members @ members.T).todense(), dtype=np.float32)
        return shared + tie

    return score
