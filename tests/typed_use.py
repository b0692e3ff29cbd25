"""What a type checker sees of `import kindred`: `make lint` checks this file, which is never run."""

from __future__ import annotations

from typing import Any, assert_type

import kindred


def best_items(path: str) -> list[str]:
    """The items that a user of a table gets, by public names alone."""
    data = assert_type(kindred.read_interactions(path, user="u"), kindred.Data)
    trained = assert_type(kindred.train(data, epochs=2), kindred.Trained)
    assert_type(kindred.evaluate(trained), dict[str, Any])
    answer = assert_type(kindred.recommend(trained, "u1"), kindred.Answer)
    return [found.item_id for found in answer.recommendations]
