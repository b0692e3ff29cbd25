"""What the routes take, as the OpenAPI of the service says it."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import Path
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from kindred.domain.id_text import id_in
from kindred.domain.properties import MAX_ID_LENGTH, check_storable_id
from kindred.domain.recommendation import Bounds, Request
from kindred.recommenders.answering.conditions import conditions_of, one_of_each
from kindred.recommenders.system import System
from kindred.serving.http.known_parameters import check_known
from kindred.serving.http.times import seconds_of

MOST_ITEMS = 200
"""The longest list that an answer holds."""
MOST_IDS = 1_000
"""Ids in one field of a request."""
MOST_USERS = 100
"""Users of one batch."""
_BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))
"""What stands for nothing at either end of a text: blanks and control characters."""


def _bare(text: Any) -> Any:
    return text.strip(_BLANKS) if isinstance(text, str) else text


def _without_blanks(value: Any) -> Any:
    return check_storable_id(id_in(value)) if isinstance(value, str) else value


Name = Annotated[
    str,
    Field(min_length=1, max_length=MAX_ID_LENGTH, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$"),
    BeforeValidator(_without_blanks),
]
"""An id as people know it: no control characters; blanks around it are left out, as ingest leaves them out."""
Id = Annotated[Name, BeforeValidator(lambda value: str(value) if type(value) is int else value)]
"""The same where nothing but an id is taken: a whole number is one too, as ingest takes it."""
SystemPath = Annotated[str, Path(description="which recommender", examples=["products"])]
Ids = Annotated[list[Id], Field(max_length=MOST_IDS)]
K = Annotated[int, Field(ge=1, le=MOST_ITEMS, description="how many items")]
ExcludeSeen = Annotated[bool, Field(description="leave out what the user has had")]
Diversity = Annotated[float, Field(ge=0, le=1, description="0: the best first; towards 1: the less alike, the better")]
At = Annotated[
    str | None,
    Field(max_length=40, description="answer as of this time, ISO 8601 or seconds", examples=["2026-01-31"]),
    BeforeValidator(lambda at: str(at) if type(at) is int else at, json_schema_input_type=str | int | None),
]
Reasons = Annotated[bool, Field(description="look for a reason for each item")]
Debug = Annotated[bool, Field(description="tell what was taken out of the best, and why")]


class Body(BaseModel):
    """A request body; unknown fields are refused, so that a slip in a name is noticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Range(Body):
    """Values from `min` to `max`, both included; either may be left out."""

    min: Annotated[float | None, Field(allow_inf_nan=False)] = None
    max: Annotated[float | None, Field(allow_inf_nan=False)] = None


def _one_of_several(value: object, read: ValidatorFunctionWrapHandler) -> Any:
    """A condition's value; one that has none of the forms is told of all of them, not of the first."""
    try:
        return read(value)
    except ValidationError as error:
        raise ValueError('must be a name, true, false, or bounds as {"min": 5, "max": 20}') from error


def _bounds(given: bool | Range) -> Bounds:
    if isinstance(given, bool):
        return Bounds(float(given), float(given))
    return Bounds(given.min, given.max)


class Asked(Body):
    """A request for recommendations; every field may be left out, so that `{}` asks what is popular."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"user_id": "U00042", "viewed": ["P00007"], "text": "warm tone", "k": 5}]},
    )

    user_id: Annotated[Id | None, Field(description="who asks")] = None
    viewed: Annotated[
        list[Id],
        Field(max_length=50, description="items that they look at now; each counts like an event that speaks for it"),
    ] = []
    text: Annotated[
        str, Field(max_length=2_000, description="what they look for, in their words"), BeforeValidator(_bare)
    ] = ""
    queries: Annotated[
        list[Annotated[str, Field(max_length=2_000)]],
        Field(
            max_length=100,
            description="what they searched for, the latest last, for systems that go by searches; in the place of "
            "what is known of the user",
        ),
    ] = []
    where: Annotated[
        dict[Name, Annotated[Name | StrictBool | Range, WrapValidator(_one_of_several)]],
        Field(
            max_length=10,
            validation_alias=AliasChoices("where", "filters"),
            description='only items of these, e.g. {"category": "Guitars"}, and with these numbers, e.g. '
            '{"price": {"max": 20}, "in_stock": true}; an item of which they are not known is left out',
        ),
    ] = {}
    exclude: Annotated[Ids, Field(description="items that may not be in the answer")] = []
    pinned: Annotated[list[Id], Field(max_length=MOST_ITEMS, description="items that come first, in this order")] = []
    boosts: Annotated[
        dict[Id, Annotated[float, Field(ge=-10, le=10)]],
        Field(
            max_length=MOST_ITEMS,
            description="item → what is added to its score, 1 being the spread of the candidates' scores",
        ),
    ] = {}
    k: K = 10
    exclude_seen: ExcludeSeen = True
    diversity: Diversity = 0.0
    at: At = None
    reasons: Reasons = False
    debug: Debug = False

    def request(self) -> Request:
        """What it asks a recommender. Raises: SettingsError where two conditions are on one label."""
        bounds: dict[str, Bounds] = {}
        for name, of in self.where.items():
            if not isinstance(of, str):
                bounds[name.lower()] = _bounds(of).within(bounds.get(name.lower(), Bounds()))
        return Request(
            user_id=self.user_id,
            k=self.k,
            at=seconds_of(self.at),
            exclude=frozenset(self.exclude),
            exclude_seen=self.exclude_seen,
            where=one_of_each((label, node) for label, node in self.where.items() if isinstance(node, str)),
            bounds=bounds,
            diversity=self.diversity,
            reasons=self.reasons,
            viewed=self.viewed,
            text=self.text,
            queries=self.queries,
            pinned=self.pinned,
            boosts=self.boosts,
            removed=self.debug,
        )


class AskedOfUser(Body):
    """The query of a request for one user's recommendations."""

    k: K = 10
    exclude_seen: ExcludeSeen = True
    category: Annotated[Id | None, Field(description="only items of this category")] = None
    where: Annotated[
        list[Annotated[str, Field(max_length=MAX_ID_LENGTH + 100)]],
        Field(
            max_length=10,
            description="only items for which this holds; again for each condition: LABEL=NAME by a label that items "
            "lead to, NUMBER<=N, NUMBER>=N or NUMBER=N by a number of theirs, yes and no for what is true or false",
            examples=[["category=Guitars", "price<=20", "in_stock=yes"]],
        ),
    ] = []
    diversity: Diversity = 0.0
    at: At = None
    reasons: Reasons = False
    debug: Debug = False

    @classmethod
    @lru_cache(maxsize=256)  # most ask in the same few ways
    def of(cls, query: bytes) -> AskedOfUser:
        """The query as it was sent; of what is given twice the last counts. Raises: ValidationError, RecordError."""
        given = parse_qs(query.decode("latin-1"), keep_blank_values=True)
        check_known(given, cls.model_fields)
        return cls.model_validate({name: sent if name == "where" else sent[-1] for name, sent in given.items()})

    def request(self, user_id: str, system: System) -> Request:
        """What it asks a recommender of a system for this user.

        Raises:
            SettingsError: a condition can't be read, the system's items have nothing that it names, or two name a
                label.
        """
        where, bounds = conditions_of(system, self.where)
        if self.category is not None:
            where = one_of_each([*where.items(), ("category", self.category)])
        return Request(
            user_id=user_id,
            k=self.k,
            at=seconds_of(self.at),
            exclude_seen=self.exclude_seen,
            where=where,
            bounds=bounds,
            diversity=self.diversity,
            reasons=self.reasons,
            removed=self.debug,
        )


class Batch(Body):
    """Users to answer for, all of the same system."""

    users: Annotated[list[Id], Field(min_length=1, max_length=MOST_USERS, description="who to answer for")]
    k: K = 10


class ToRank(Body):
    """Items to put in order for a user."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"user_id": "U00042", "items": ["P00007", "P00011"]}]},
    )

    user_id: Annotated[Id | None, Field(description="for whom")] = None
    items: Annotated[list[Id], Field(min_length=1, max_length=MOST_IDS, description="what to put in order")]

    def request(self) -> Request:
        """What it asks a recommender."""
        items = list(dict.fromkeys(self.items))
        return Request(self.user_id, k=len(items), exclude_seen=False, reasons=False, among=items, removed=False)


class Review(BaseModel):
    """A review of a product, which the graph need not hold. Other fields are left alone."""

    model_config = ConfigDict(frozen=True)

    reviewerID: Id
    asin: Id
    verified: bool | None = None
    score: Annotated[float | None, Field(ge=0, le=5)] = None
    product_name: Annotated[str | None, Field(max_length=10_000)] = None
    product_info: Annotated[str | None, Field(max_length=100_000)] = None
    comment: Annotated[str | None, Field(max_length=100_000)] = None
