"""Token buckets, and what is said of a JSON body before it is read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindred.serving.protection.limits import _TOKENS, MOST_BRACKETS, MOST_DEPTH, TokenBuckets, json_refusal

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=25,
)


def depth_of(value: object) -> int:
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


@given(JSON, st.integers(0, 2 * MOST_DEPTH))
def test_a_body_is_refused_exactly_where_it_is_too_deep(value: object, more: int) -> None:
    for _ in range(more):
        value = [value, ']]]"[[{']
    for ascii_only in (True, False):
        body = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        assert (json_refusal(body) is not None) == (depth_of(value) > MOST_DEPTH)


def test_brackets_in_texts_are_no_lists() -> None:
    assert json_refusal(json.dumps({"text": "[{" * 1_000 + '\\"' + "[" * 100}).encode()) is None


@pytest.mark.parametrize("end", [b"", b'"', b"\\"])
def test_a_string_is_looked_at_once_whatever_it_holds(end: bytes) -> None:
    body = b"[" * MOST_DEPTH + b'"' + b'\\"[' * 1_000 + end
    assert json_refusal(body) is None
    assert len(_TOKENS.findall(body)) <= MOST_DEPTH + 2


def test_bodies_of_too_many_parts_are_refused_before_they_are_looked_at() -> None:
    assert json_refusal(b"[" + b"[]," * MOST_BRACKETS) is not None
    assert json_refusal(b"[]" * (MOST_DEPTH + 1) + b'"' * 500_000) is not None


def test_a_bucket_gives_what_is_saved_then_so_many_a_second() -> None:
    now = 100.0
    buckets = TokenBuckets(rate=2.0, burst=3, clock=lambda: now)
    assert [buckets.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.wait("b") == 0
    now += 0.25
    assert buckets.wait("a") == pytest.approx(0.25)
    now += 0.25
    assert buckets.wait("a") == 0
    now += 1_000
    assert [buckets.wait("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_without_a_rate_nobody_waits() -> None:
    buckets = TokenBuckets(rate=0, burst=1)
    assert not any(buckets.wait("a") for _ in range(100))
