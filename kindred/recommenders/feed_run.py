"""Trains and publishes the feed: from the graph to a run, from a run to the version that answers."""

from __future__ import annotations

import numpy as np

from kindred.domain.embeddings import Embeddings
from kindred.graph.store import GraphStore
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.feed_model import (
    ARMS,
    FeedModel,
    fit_feed_model,
    load_feed_model,
    load_posts,
    ranking_columns,
    save_posts,
)
from kindred.recommenders.feed_tables import FeedTables, read_feed
from kindred.recommenders.publishing import ITEMS, Published
from kindred.recommenders.releases import next_version, run_of
from kindred.recommenders.runs import Run, finish_run
from kindred.recommenders.system import System
from kindred.recommenders.training import GraphState, begin_training, made_of, versions_of
from kindred.training.fit import RunOptions
from kindred.vectorstore.publish import PublishOptions, publish_collections
from kindred.vectorstore.store import VectorStore


def train(system: System, store: GraphStore, config: ModelConfig, options: RunOptions, state: GraphState) -> Run:
    """A finished run: both arms, fitted on every view up to the time that the graph is read as of."""
    feed = read_feed(store, state.until)
    begin_training(options.folder, config, options, state)
    text = feed.text if config.text else None
    model = fit_feed_model(feed.log, text, int(feed.log.at[-1]) + 1, options.seed)
    model.save(options.folder)
    save_posts(feed.posts, options.folder)
    return finish_run(options.folder, _manifest(system, feed, model, config, options, state))


def publish(system: System, run: Run, store: GraphStore, vectors: VectorStore) -> Published:
    """Makes the run the version that answers; what readers did is read from the graph when it is asked."""
    feed, model = read_feed(store), load_feed_model(run.folder)
    here = vectors.of(system.name)
    before = here.published()
    counts = {"users": len(feed.readers), ITEMS: len(feed.posts)}
    if before is not None and run_of(before) == run.name:
        return Published(before, counts, None, 0, 0)
    version = next_version(run.name, here.versions())
    posts = load_posts(run.folder)
    rows = np.concatenate(list(model.spaces.values()), axis=1).astype(np.float32)
    embeddings = Embeddings(posts, rows)
    publish_collections(here, version, {ITEMS: embeddings}, None, PublishOptions(searched=(ITEMS,)))
    return Published(version, counts, before, 0, 0)


def _manifest(
    system: System, feed: FeedTables, model: FeedModel, config: ModelConfig, options: RunOptions, state: GraphState
) -> dict[str, object]:
    weights = {
        arm: dict(zip(ranking_columns(arm, model.spaces), model.arms[arm].logit.weights.round(4).tolist(), strict=True))
        for arm in ARMS
    }
    lines = [
        f"{arm}: " + ", ".join(f"{name} {weight:g}" for name, weight in weights[arm].items() if weight) for arm in ARMS
    ]
    return {
        **made_of(system, config, options, state),
        "events": int(feed.log.liked.sum()),
        "views": len(feed.log),
        "users": len(feed.readers),
        "items": len(feed.posts),
        "weights": weights,
        "summary": [f"{len(feed.log):,} views; weights of the order of posts, by arm:", *lines],
        "versions": versions_of("lightgbm"),
    }
