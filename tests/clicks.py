"""Clicks of a small news site, where most readers go on from each article to the next one."""

from __future__ import annotations

import numpy as np

BEGIN, READERS, ARTICLES = 1_506_826_800, 400, 20


def clicks_of(seed: int) -> list[dict[str, int]]:
    """Readers who go on from each article to the next one, four times of five, and anywhere else otherwise."""
    rng = np.random.default_rng(seed)
    rows = []
    for reader in range(READERS):
        at, article = BEGIN * 1000 + int(rng.integers(0, 6 * 3_600_000)), int(rng.integers(ARTICLES))
        for _ in range(6):
            rows.append({"user_id": reader, "click_article_id": article, "click_timestamp": at, "click_os": reader % 2})
            at += int(rng.integers(5_000, 200_000))
            article = (article + 1) % ARTICLES if rng.random() < 0.8 else int(rng.integers(ARTICLES))
    return rows
