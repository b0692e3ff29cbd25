"""Hostile input: `python -m benchmarks.hostile [--requests N] [--strings N] [--json]`.

A small shop is generated, trained and published, and its service asked in three ways: with cases made from its OpenAPI
in every state of a key (`api_cases`), with hostile strings in every text field of every request (`hostile_strings`,
`hostile_fields`), and with bodies that are hardly JSON. Anchors: no reply without a documented status, content type and
schema; no status of 500 or above; after all requests that only ask, the graph has the content hash of before.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.api_cases import Asker, Tally, asking, run_cases
from benchmarks.hostile_fields import Description, Sent
from benchmarks.hostile_strings import hostile_strings
from kindred.domain.recommendation import Request
from kindred.domain.schema import graph_schema
from kindred.gnn.model import GnnConfig
from kindred.graph.statistics import graph_statistics
from kindred.ingest.generate.products import ProductSample, generate_products
from kindred.ingest.products import product_files
from kindred.linear.ensemble.fit import RankingConfig
from kindred.recommenders.config import ModelConfig
from kindred.serving.service import Service, open_service
from kindred.settings import Settings
from kindred.steps import ingest, publish_run, recommender_of, train_system

_JSON = {"Content-Type": "application/json"}
_MARK = "<script>alert(1)"


@dataclass
class Strings:
    """What came of the hostile strings.

    Attributes:
        fields: how many requests each field was tried with.
        statuses: how often each status was answered.
        failures: what was wrong, each with a string that shows it.
        hash_before, hash_after: of the graph, around the requests that only ask.
    """

    fields: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    hash_before: str = ""
    hash_after: str = ""

    def passed(self) -> bool:
        """Whether nothing was wrong and the graph is as it was."""
        return not self.failures and self.hash_before == self.hash_after


def main() -> int:
    """Prints what came of each; 1 if something was wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=50_000, help="requests made from the OpenAPI")
    parser.add_argument("--strings", type=int, default=10_000, help="hostile strings; all there are unless fewer")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    logging.getLogger("kindred").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data_dir=Path(name), serve_rate=0)
        known = publish_small_shop(settings)
        with open_service(settings) as service:
            start = time.monotonic()
            strings = try_strings(service, hostile_strings()[: arguments.strings], known)
            print(f"strings took {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
            start = time.monotonic()
            cases = run_cases(service, arguments.requests, known)
            print(f"cases took {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    if arguments.json:
        print(json.dumps({"cases": vars(cases), "strings": vars(strings)}))
    else:
        print("\n".join([*_of_cases(cases), *_of_strings(strings)]))
    return 1 if cases.failures or not strings.passed() else 0


def publish_small_shop(
    settings: Settings, num_users: int = 60, ranking: RankingConfig | None = None
) -> dict[str, list[str]]:
    """Makes a shop that answers; ids that mean something there, by the name of the parameter or field."""
    sample = ProductSample(users=num_users, products=num_users * 5 // 6, reviews=num_users * 8, seed=5)
    files = generate_products(sample, settings.data_dir / "sample")
    ingest(settings, product_files(files.reviews, files.metadata))
    gnn = GnnConfig(epochs=3, hidden_dim=16, heads=2, text_dim=8)
    config = ModelConfig(gnn=gnn, ranking=ranking or RankingConfig())
    publish_run(settings, train_system(settings, "products", config, None))
    with recommender_of(settings) as recommender:
        users = recommender.example_users(3)
        items = [found.item_id for found in recommender(Request(k=3)).recommendations]
    return {"system": ["products"], "user_id": users, "item_id": items, "item": items, "asin": items, "id": items}


def try_strings(service: Service, texts: Sequence[str], known: Mapping[str, Sequence[str]], step: int = 1) -> Strings:
    """Every text in every text field of what only asks, or every `step`th, another part of them in each field."""
    tried = Strings(hash_before=_content_hash(service))
    with asking(service) as (app, asker):
        description = Description(app.openapi(), known)
        for number, text in enumerate(texts):
            for place, sent in enumerate(description.requests(text, changing=False)):
                if (number + place) % step == 0:
                    _try(asker, sent, text, tried)
        tried.hash_after = _content_hash(service)
        for sent in description.raw_requests():
            _try(asker, sent, repr(sent.body)[:80], tried)
        for number, text in enumerate(texts):
            for place, sent in enumerate(description.requests(text, changing=True)):
                if (number + place) % step == 0:
                    _try(asker, sent, text, tried)
    return tried


def _try(asker: Asker, sent: Sent, text: str, tried: Strings) -> None:
    try:
        [reply] = asker.ask([_JSON], method=sent.method, url=sent.url, content=sent.body)
    except httpx.InvalidURL:  # longer than the client sends
        return
    tried.fields[sent.field] += 1
    tried.statuses[reply.status_code] += 1
    is_page = reply.headers.get("content-type", "").startswith("text/html")
    if reply.status_code >= 500:
        tried.failures.setdefault(f"{sent.field}: status {reply.status_code}", repr(text[:200]))
    elif is_page and _MARK in text and _MARK in reply.text:
        tried.failures.setdefault(f"{sent.field}: markup of others in the page", repr(text[:200]))


def _content_hash(service: Service) -> str:
    with service.graph.read() as store:
        return graph_statistics(store, graph_schema()).content_hash


def _of_cases(cases: Tally) -> list[str]:
    counts = ", ".join(f"{number:,} × {status}" for status, number in sorted(cases.statuses.items()))
    failures = [f"  {what}\n    {example}" for what, example in cases.failures.items()]
    return [
        f"OpenAPI: {cases.num_requests:,} requests, {len(failures)} kinds of failure (anchor 0): {counts}",
        *failures,
    ]


def _of_strings(strings: Strings) -> list[str]:
    counts = ", ".join(f"{number:,} × {status}" for status, number in sorted(strings.statuses.items()))
    same = "unchanged" if strings.hash_before == strings.hash_after else "CHANGED"
    failures = [f"  {what}: {example}" for what, example in strings.failures.items()]
    head = (
        f"hostile strings: {strings.statuses.total():,} requests in {len(strings.fields)} fields, "
        f"{len(failures)} kinds of failure (anchor 0), graph {same} by what only asks (anchor unchanged): {counts}"
    )
    return [head, *failures]


if __name__ == "__main__":
    sys.exit(main())
