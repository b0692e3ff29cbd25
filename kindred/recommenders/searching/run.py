"""Trains the system of search history to a run, and publishes a run for the products that are there now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from kindred.domain.distinct import distinct
from kindred.domain.embeddings import Embeddings
from kindred.domain.ids import IdMap, rows_at
from kindred.graph.store import GraphStore
from kindred.linear.words.bm25 import Bm25
from kindred.linear.words.spelling import Spelling
from kindred.models.two_tower import Sizes, TowerConfig, TwoTower
from kindred.models.two_tower_fit import TowerInputs, encode_items
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.publishing import Published
from kindred.recommenders.releases import ITEMS, USERS, next_version, read_release
from kindred.recommenders.runs import Run, finish_run
from kindred.recommenders.searching.histories import NOW, Examples, histories_before, judged_examples, order_examples
from kindred.recommenders.searching.model import QueryModel, fit_query_model, inputs_of
from kindred.recommenders.searching.product_index import ProductIndex, Weights, build_index, rare_first
from kindred.recommenders.searching.search_log import Products, SearchLog, read_search_log
from kindred.recommenders.system import System
from kindred.recommenders.training import GraphState, begin_training, made_of, recipe_of, versions_of
from kindred.training.checkpoint import read_checkpoint, write_arrays, write_checkpoint
from kindred.training.fit import RunOptions
from kindred.vectorstore.publish import PublishOptions, publish_collections
from kindred.vectorstore.store import Scalar, VectorStore

MODEL = "towers"
"""Checkpoint of a run that holds its towers."""


def examples_of(log: SearchLog) -> Examples:
    """What the log can be learnt from: its orders, or where it has none with a history, its judgements."""
    orders = order_examples(log)
    return orders if len(orders) else judged_examples(log)


def train(system: System, store: GraphStore, config: ModelConfig, options: RunOptions, state: GraphState) -> Run:
    """A finished run in `options.folder`; without orders and judgements the mix of words and vectors, untrained.

    Raises:
        ArtifactError: the folder holds a finished run already.
        RecordError: the graph holds no product.
    """
    begin_training(options.folder, config, options, state)
    log, encoder = read_search_log(store, state.until), store.read_metadata().get("encoder")
    options.has_read()
    examples = examples_of(log)
    model, made = fit_query_model(log, examples, config.tower, options)
    _save_towers(options.folder, model, log.products.ids, made)
    manifest = {
        **made_of(system, config, options, state),
        "events": len(examples),
        **({"event_words": "judged queries"} if len(examples) and (examples.user < 0).all() else {}),
        "users": len(distinct(log.searched.source, log.bought.source)),
        "items": len(log.products),
        "width": config.tower.width,
        "weights": {name: round(weight, 4) for name, weight in asdict(model.weights).items()},
        "notes": _notes(log, len(examples)),
        "gnn": None,
        "towers": made,
        "encoder": encoder,
        "versions": versions_of("torch"),
    }
    return finish_run(options.folder, manifest)


def _notes(log: SearchLog, num_examples: int) -> list[str]:
    """What the run could not learn from, for people."""
    notes = [] if num_examples else ["no orders and no judgements: words and vectors evenly, untrained"]
    if len(log.led_to) and not num_examples:
        notes.append(
            "clicks are reasons of an answer, and are not learned from: "
            "`kindred ingest queries --orders FILE` reads a table of them as orders"
        )
    if not any(map(str.strip, log.products.documents)):
        notes.append("no product has a text to be found by: load some with `kindred ingest queries --products FILE`")
    return notes


def _save_towers(folder: Path, model: QueryModel, products: IdMap, made: object) -> None:
    """The towers, and what they know of the products they were trained with."""
    tensors = {} if model.towers is None else dict(model.towers.state_dict())
    tensors |= {"leads": torch.from_numpy(model.inputs.item_graph), "own": torch.from_numpy(model.inputs.own)}
    noted = {"weights": asdict(model.weights), "items": products.ids, "trained": model.towers is not None, "made": made}
    write_checkpoint(folder, MODEL, tensors, noted)


def model_for(log: SearchLog, folder: Path, config: TowerConfig) -> QueryModel:
    """The run's model for the products, searches and orders of another log: all are encoded, none is learnt from.

    Raises:
        ArtifactError: the run is damaged.
    """
    tensors, noted = read_checkpoint(folder, MODEL)
    positions = IdMap(noted["items"]).positions(log.products.ids.ids)
    leads, own = (rows_at(tensors[name].numpy(), positions) for name in ("leads", "own"))
    inputs = inputs_of(log, leads, own)
    towers, weights = _load_towers(folder, config, inputs)
    popularity = np.bincount(log.bought.target, minlength=len(log.products)).astype(np.float32)
    queries = log.known_queries if config.spelling else None
    index = build_index(log.products, popularity, None if towers is None else encode_items(towers, inputs), queries)
    return QueryModel(index, weights, towers, inputs)


def publish(
    system: System, run: Run, store: GraphStore, vectors: VectorStore, in_use: Collection[str] = ()
) -> Published:
    """Makes the run the published version: every product that is there now is encoded, and every user's history."""
    log = read_search_log(store, run.manifest["graph"]["until"])
    model = model_for(log, run.folder, recipe_of(run).tower)
    here = vectors.of(system.name)
    before = here.published()
    version = next_version(run.name, here.versions())
    users = np.arange(len(log.users))
    histories = histories_before(log.searched, users, np.full(len(users), NOW), len(users))
    collections = {ITEMS: Embeddings(log.products.ids, model.item_rows())}
    if len(users):
        collections[USERS] = Embeddings(log.users, model.history_rows(model.asked(histories, log.queries)))
    made_at = int(datetime.now(UTC).timestamp())
    save_release(run.folder, Release(version, model, log.products, log.queries, log.as_of, made_at))
    payloads: dict[str, list[dict[str, Scalar]]] = {
        ITEMS: [{"title": title, "made_at": made_at} for title in log.products.titles]
    }
    publish_collections(here, version, collections, payloads, PublishOptions(in_use=in_use, searched=(ITEMS,)))
    counts = {USERS: 0} | {name: len(embeddings.ids) for name, embeddings in collections.items()}
    return Published(version, counts, before, 0, max(len(log.products) - int(run.manifest["items"]), 0))


@dataclass(frozen=True)
class Release:
    """A published version as it answers.

    Attributes:
        name: of the version.
        model: for the products that were there.
        products: the same.
        queries: those that were there.
        as_of: the latest event it knows, seconds UTC, None where events have no times.
        made_at: when its vectors were made, seconds UTC.
    """

    name: str
    model: QueryModel
    products: Products
    queries: IdMap
    as_of: int | None
    made_at: int


def save_release(folder: Path, release: Release) -> None:
    """Writes the version into the folder of its run."""
    products, index, inputs = release.products, release.model.index, release.model.inputs
    arrays: dict[str, NDArray[Any]] = {
        "title_vectors": products.title_vectors.astype(np.float16),
        "text_vectors": products.text_vectors.astype(np.float16),
        "query_vectors": inputs.query_text.astype(np.float16),
        "query_graph": inputs.query_graph,
        "leads": inputs.item_graph,
        "own": inputs.own,
        "popularity": index.popularity,
        **{f"number.{name}": values for name, values in products.numbers.items()},
        **_csr_arrays("groups", products.groups),
    }
    if index.towers is not None:
        arrays["towers"] = index.towers
    for name, words in (("title_words", index.title_words), ("all_words", index.all_words)):
        arrays |= _csr_arrays(name, words.matrix)
    noted = {
        "products": products.ids.ids,
        "titles": products.titles,
        "group_names": products.group_names,
        "queries": release.queries.ids,
        "title_words": list(index.title_words.vocabulary),
        "all_words": list(index.all_words.vocabulary),
        "used_words": None if index.spelling is None else index.spelling.used,
        "as_of": release.as_of,
        "made_at": release.made_at,
    }
    write_arrays(folder, f"release-{release.name}", arrays, noted)


def load_release(folder: Path, name: str, config: TowerConfig) -> Release:
    """The version that was written.

    Raises:
        ArtifactError: there is nothing whole of that name.
    """
    arrays, noted = read_release(folder, name)
    num = len(noted["products"])
    titles, texts = (arrays[f"{of}_vectors"].astype(np.float32) for of in ("title", "text"))
    groups = _csr_of(arrays, "groups", (num, len(noted["group_names"])))
    numbers = {name.removeprefix("number."): array for name, array in arrays.items() if name.startswith("number.")}
    names = tuple(noted["group_names"])
    products = Products(IdMap(noted["products"]), noted["titles"], [], titles, texts, groups, names, numbers)
    words = {
        of: Bm25({w: row for row, w in enumerate(noted[of])}, _csr_of(arrays, of, (len(noted[of]), num)))
        for of in ("title_words", "all_words")
    }
    index = ProductIndex(
        **words,
        title_vectors=titles,
        text_vectors=texts,
        groups=rare_first(groups),
        popularity=arrays["popularity"],
        towers=arrays.get("towers"),
        spelling=None if noted.get("used_words") is None else Spelling(words["all_words"], noted["used_words"]),
    )
    inputs = TowerInputs(
        arrays["query_vectors"].astype(np.float32),
        arrays["query_graph"],
        np.zeros((num, titles.shape[1]), np.float32),
        arrays["leads"],
        arrays["own"],
    )
    towers, weights = _load_towers(folder, config, inputs)
    model = QueryModel(index, weights, towers, inputs)
    return Release(name, model, products, IdMap(noted["queries"]), noted["as_of"], noted["made_at"])


def _load_towers(folder: Path, config: TowerConfig, inputs: TowerInputs) -> tuple[TwoTower | None, Weights]:
    tensors, noted = read_checkpoint(folder, MODEL)
    leads, own = tensors.pop("leads"), tensors.pop("own")
    tensors.pop("pad", None)  # zeros, that earlier versions kept
    weights = Weights(**noted["weights"])
    if not noted["trained"]:
        return None, weights
    sizes = Sizes(inputs.item_text.shape[1], leads.shape[1], leads.shape[1], int(own.max()) if len(own) else 0)
    towers = TwoTower(config, sizes, torch.zeros(config.width, sizes.text))
    towers.load_state_dict(tensors)
    towers.eval()
    return towers, weights


def _csr_arrays(name: str, matrix: csr_matrix) -> dict[str, NDArray[np.generic]]:
    return {f"{name}.{part}": getattr(matrix, part) for part in ("data", "indices", "indptr")}


def _csr_of(arrays: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, int]) -> csr_matrix:
    return csr_matrix(tuple(arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr")), shape=shape)
