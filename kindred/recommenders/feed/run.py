"""Trains and publishes the feed: from the graph to a run, from a run to the version that answers."""

from __future__ import annotations

from collections.abc import Collection

from kindred.domain.embeddings import Embeddings
from kindred.domain.shown import counted
from kindred.graph.store import GraphStore
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.feed.click_model import ClickModel, fit_click_model
from kindred.recommenders.feed.model import ARMS, FeedModel, fit_feed_model, ranking_columns, save_posts
from kindred.recommenders.feed.orders import post_vectors
from kindred.recommenders.feed.tables import FeedTables, read_clicks, read_feed
from kindred.recommenders.publishing import Published
from kindred.recommenders.releases import ITEMS, next_version, run_of
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
    if config.target == "clicks":
        log = read_clicks(store, feed.readers, feed.posts, state.until)
        options.has_read()
        clicks = fit_click_model(log, int(log.at[-1]) + 1, options.seed)
        clicks.save(options.folder)
        noted = _of_clicks(clicks, len(log))
    else:
        options.has_read()
        text = feed.text if config.text else None
        likes = fit_feed_model(feed.log, text, int(feed.log.at[-1]) + 1, options.seed)
        likes.save(options.folder)
        noted = _of_likes(likes, feed)
    save_posts(feed.posts, options.folder)
    size = {"users": feed.num_active, "items": len(feed.posts), "versions": versions_of("lightgbm")}
    return finish_run(options.folder, {**made_of(system, config, options, state), **noted, **size})


def publish(
    system: System, run: Run, store: GraphStore, vectors: VectorStore, in_use: Collection[str] = ()
) -> Published:
    """Makes the run the version that answers; what readers did is read from the graph when it is asked."""
    feed = read_feed(store)
    here = vectors.of(system.name)
    before = here.published()
    counts = {"users": feed.num_active, ITEMS: len(feed.posts)}
    if before is not None and run_of(before) == run.name:
        return Published(before, counts, None, 0, 0)
    version = next_version(run.name, here.versions())
    embeddings = Embeddings(feed.posts, post_vectors(run, feed))
    publish_collections(here, version, {ITEMS: embeddings}, None, PublishOptions(in_use=in_use, searched=(ITEMS,)))
    return Published(version, counts, before, 0, 0)


def _of_likes(model: FeedModel, feed: FeedTables) -> dict[str, object]:
    """What a manifest says of a model of likes."""
    weights = {
        arm: dict(zip(ranking_columns(arm, model.spaces), model.arms[arm].logit.weights.round(4).tolist(), strict=True))
        for arm in ARMS
    }
    lines = [
        f"{arm}: " + ", ".join(f"{name} {weight:g}" for name, weight in weights[arm].items() if weight) for arm in ARMS
    ]
    return {
        "events": int(feed.log.liked.sum()),
        "views": len(feed.log),
        "weights": weights,
        "summary": [f"{counted(len(feed.log), 'view', 'views')}; weights of the order of posts, by arm:", *lines],
    }


def _of_clicks(model: ClickModel, num_clicks: int) -> dict[str, object]:
    """The same of a model of clicks."""
    gains = dict(zip(model.names, model.ranking.gains(), strict=True))
    first = sorted(gains, key=lambda name: -gains[name])[:10]
    told = ", ".join(f"{name} {gains[name]:.1%}" for name in first)
    return {
        "events": num_clicks,
        "event_words": "clicks",
        "views": num_clicks,
        "weights": {name: round(gain, 4) for name, gain in gains.items()},
        "summary": [f"{counted(num_clicks, 'click', 'clicks')}; what the trees gain most by: {told}"],
    }
