from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from kindred.domain.refusals import did_you_mean, refusal


def even(value: int) -> int:
    if value % 2:
        raise ValueError("must be even")
    return value


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    share: float = Field(0.5, gt=0, lt=1, allow_inf_nan=False)


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rounds: Annotated[int, Field(ge=1, le=9)] = 1
    pairs: Annotated[int, AfterValidator(even)] = 2
    mode: Literal["a", "b"] = "a"
    text: bool = True
    name: Annotated[str, Field(min_length=1, max_length=8)] = "a"
    sizes: Annotated[tuple[int, ...], Field(min_length=1, max_length=2)] = (1,)
    inner: Inner = Inner()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rounds": 0}, "must be at least 1"),
        ({"rounds": 10}, "must be at most 9"),
        ({"rounds": 1.5}, "must be a whole number"),
        ({"rounds": "x"}, "must be a whole number"),
        ({"rounds": None}, "must be a whole number"),
        ({"pairs": 3}, "must be even"),
        ({"mode": "c"}, "must be 'a' or 'b'"),
        ({"text": "perhaps"}, "must be true or false"),
        ({"name": 5}, "must be a text"),
        ({"name": ""}, "must have at least so many characters: 1"),
        ({"name": "abcdefghi"}, "must have at most so many characters: 8"),
        ({"sizes": 5}, "must be a list"),
        ({"sizes": ()}, "must hold at least 1"),
        ({"sizes": (1, 2, 3)}, "must hold at most 2"),
        ({"inner": 5}, "must be a table of names and values"),
        ({"inner": {"share": 0}}, "must be above 0"),
        ({"inner": {"share": 1}}, "must be below 1"),
        ({"inner": {"share": float("inf")}}, "must be finite"),
        ({"inner": {"part": 1}}, "is not known"),
    ],
)
def test_each_kind_of_refusal_has_plain_words(given: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Config.model_validate(given)
    assert refusal(raised.value.errors()[0]) == words


def test_a_near_name_is_offered_and_a_far_one_is_not() -> None:
    assert did_you_mean("KINDRED_SEEED", ["KINDRED_SEED", "KINDRED_DEVICE"]) == "; did you mean KINDRED_SEED?"
    assert did_you_mean("shop", ["seed", "device"]) == ""
