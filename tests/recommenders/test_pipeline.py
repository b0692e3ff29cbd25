from __future__ import annotations

from collections.abc import Sequence

from kindred.domain.recommendation import Candidate
from kindred.recommenders.pipeline import Pipeline, best_first


def shelf(*items: tuple[str, float]) -> list[Candidate]:
    return [Candidate(item, score) for item, score in items]


def select(k: int, candidates: Sequence[Candidate]) -> list[Candidate]:
    return best_first(candidates, k)


def test_sources_merge_by_best_score_and_ties_go_by_id() -> None:
    pipeline = Pipeline[int](
        sources=(lambda k: shelf(("b", 1.0), ("a", 1.0)), lambda k: shelf(("b", 0.5), ("c", 2.0))),
        filters=(),
        scorers=(),
        select=select,
    )
    assert pipeline.run(3).chosen == (Candidate("c", 2.0), Candidate("a", 1.0), Candidate("b", 1.0))


def test_removed_candidates_keep_the_first_filter_s_reason_and_are_never_scored() -> None:
    scored: list[str] = []

    def boost_b(k: int, candidates: Sequence[Candidate]) -> list[float]:
        scored.extend(c.item_id for c in candidates)
        return [10.0 if c.item_id == "b" else 0.0 for c in candidates]

    pipeline = Pipeline[int](
        sources=(lambda k: shelf(("a", 3.0), ("b", 1.0), ("c", 2.0)),),
        filters=(
            lambda k, c: "seen" if c.item_id == "a" else None,
            lambda k, c: "sold out" if c.item_id in "ac" else None,
        ),
        scorers=(boost_b,),
        select=select,
    )
    selection = pipeline.run(5)
    assert selection.chosen == (Candidate("b", 11.0),)
    assert selection.removed == {"a": "seen", "c": "sold out"} and scored == ["b"]
