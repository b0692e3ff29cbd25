"""The Grafana dashboard names metrics and labels that the service has."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.serving.conftest import Client, Published

DASHBOARD = Path(__file__).parents[3] / "docs" / "grafana" / "kindred.json"
_WORDS = {"sum", "by", "rate", "histogram_quantile", "le"}


def test_every_metric_of_the_dashboard_is_there(client: Client, published: Published) -> None:
    user = published.reviews[0]["reviewerID"]
    assert client.get(f"/v1/products/users/{user}/recommendations").status_code == 200
    text = client.get("/metrics").text
    declared = re.findall(r"^# TYPE ([a-z_]+) gauge$", text, re.MULTILINE)  # some have no value yet
    declared += [f"{name}_bucket" for name in re.findall(r"^# TYPE ([a-z_]+) histogram$", text, re.MULTILINE)]
    declared += [
        f"{name}_{part}"
        for name in re.findall(r"^# TYPE ([a-z_]+) summary$", text, re.MULTILINE)
        for part in ("sum", "count")
    ]
    metrics = {*declared, *re.findall(r"^([a-z_]+)(?:\{| )", text, re.MULTILINE)}
    labels = set(re.findall(r'([a-z_]+)="', text))
    panels = json.loads(DASHBOARD.read_text())["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(expressions) >= len(panels) > 10
    for expression in expressions:
        named = set(re.findall(r"[a-z_]{2,}", re.sub(r'"[^"]*"|\[\w+\]', "", expression))) - _WORDS
        assert named & metrics, expression
        assert named <= metrics | labels, f"{named - metrics - labels} in {expression}"
