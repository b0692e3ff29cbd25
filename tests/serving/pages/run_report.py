"""A report of the run of products that pages show."""

from __future__ import annotations

import json

from kindred.serving.service import Service
from kindred.stores import runs_folder_of


def write_report(service: Service, left_out: str) -> str:
    """Writes a report of the run, as `evaluation.report` writes it, without one part of it; the name of the run."""
    model = {"recall@10": 0.3754, "ndcg@10": 0.1942, "recall@100": 0.8761, "roc_auc": 0.9137}
    lead = {"recall@10": {"mean": 0.1, "low": 0.05, "high": 0.15}}
    by_history = {"1": {"users": 1_234, "model": model, "baselines": {"ease": model}, "delta": {"ease": lead}}}
    by_popularity = {"cold": {"users": 7, "model": {"recall@10": 0.0123}, "baselines": {"ease": model}, "delta": None}}
    ranking = {"model": model, "baselines": {"ease": model, "same_artist": model}, "delta": {"ease": lead}}
    report = {
        "protocol": {"split": "temporal", "rule": "the last", "tested_users": 9, "items": 4, "interval": "95 %"},
        "warnings": ["few users"],
        "ranking": {**ranking, "by_history": by_history, "by_popularity": by_popularity},
        "ablation": {"retrieval_alone": {"ranking": {"recall@10": 0.3111}, "delta": lead}},
        "rating": {"model": {"mse": 0.9903}, "baselines": {"mean": {"mse": 1.2056}}},
    }
    report.pop(left_out, None)
    run = runs_folder_of(service.settings, "products") / "20260101-000000-aaaaaa"
    (run / "evaluation" / "temporal").mkdir(parents=True, exist_ok=True)
    (run / "evaluation" / "temporal" / "report.json").write_text(json.dumps(report))
    return run.name
