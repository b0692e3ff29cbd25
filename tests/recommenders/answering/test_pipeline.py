from __future__ import annotations

from collections.abc import Sequence

from kindred.domain.recommendation import Candidate, best_first
from kindred.recommenders.answering.pipeline import Pipeline, Source


def shelf(*items: tuple[str, float]) -> list[Candidate]:
    return [Candidate(item, score) for item, score in items]


def source(name: str, *items: tuple[str, float]) -> Source[str]:
    return Source(name, lambda asked, k: shelf(*items))


def select(asked: str, candidates: Sequence[Candidate], k: int) -> list[Candidate]:
    return best_first(candidates, k)


def test_later_sources_fill_what_the_first_leaves_open_and_never_overtake_it() -> None:
    pipeline = Pipeline((source("near", ("b", 1.0), ("a", 1.0)), source("popular", ("b", 9.0), ("c", 9.0))), (), select)
    selection = pipeline.run("who", 3)
    assert [c.item_id for c in selection.chosen] == ["a", "b", "c"]
    assert selection.sources == {"a": "near", "b": "near", "c": "popular"}


def test_a_fallback_is_not_asked_where_enough_is_found() -> None:
    asked: list[int] = []

    def popular(who: str, k: int) -> list[Candidate]:
        asked.append(k)
        return shelf(("z", 1.0))

    pipeline = Pipeline((source("near", ("a", 1.0), ("b", 2.0)), Source("popular", popular)), (), select)
    assert [c.item_id for c in pipeline.run("who", 2).chosen] == ["b", "a"] and not asked
    assert [c.item_id for c in pipeline.run("who", 3).chosen] == ["b", "a", "z"] and asked == [3]


def test_removed_candidates_keep_the_first_filter_s_reason_and_are_never_scored_nor_brought_back() -> None:
    scored: list[str] = []

    def rank(asked: str, candidates: Sequence[Candidate]) -> list[float]:
        scored.extend(c.item_id for c in candidates)
        return [-c.score for c in candidates]

    pipeline = Pipeline(
        sources=(source("near", ("a", 3.0), ("b", 1.0), ("c", 2.0), ("d", 4.0)), source("popular", ("a", 9.0))),
        filters=(
            lambda asked, candidates: {c.item_id: "seen" for c in candidates if c.item_id == "a"},
            lambda asked, candidates: {c.item_id: "sold out" for c in candidates if c.item_id in "ac"},
        ),
        select=select,
        scorer=rank,
    )
    selection = pipeline.run("who", 5)
    assert selection.chosen == (Candidate("b", -1.0), Candidate("d", -4.0))
    assert selection.removed == {"a": "seen", "c": "sold out"} and scored == ["b", "d"]
