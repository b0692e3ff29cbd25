"""The three tables of a feed service, as CSV, JSON lines, Parquet or a database dump.

* users: user_id, gender, age, country, city, exp_group, os, source.
* posts: post_id, text, topic. Tables of features come with posts without text, and with a number for `topic`: that
  stands for the topic in a model, it does not name it, so it becomes no Topic.
* feed: timestamp, user_id, post_id, action (view or like), target. A view's target says whether a like followed; that
  of a like says nothing. Times without a zone are UTC. The key of an event is its user, post, time and action.

Ids may be numbers. Names and texts are brought to Unicode form NFC; ids stay as they are.
"""

from __future__ import annotations

from functools import lru_cache

from kindred.domain.records import About, Edge, Liked, Node, Post, Topic, User, Viewed, content_id
from kindred.ingest.bad_records import BadRecord, Reason
from kindred.ingest.source import Parsed, Source, Values
from kindred.ingest.values import cell_number, given, id_of, name_of, seconds_of, text_of, whole

_REMEMBERED = 50_000  # nodes that are kept ready, because events name the same users and posts again and again
_NUMBERS = ("gender", "age", "exp_group")
_NAMES = ("country", "city", "os", "source")
_TARGETS = {"1": True, "1.0": True, "t": True, "true": True, "0": False, "0.0": False, "f": False, "false": False}


def parse_user(row: Values) -> Parsed:
    """A user and the profile.

    Raises:
        BadRecord, ValidationError: the row can't be used.
    """
    profile: dict[str, object] = {name: whole(row.get(name)) for name in _NUMBERS}
    profile |= {name: text_of(row.get(name), name) or None for name in _NAMES}
    return Parsed((User.model_validate({"id": id_of(row.get("user_id")), **profile}, strict=True),))


def parse_post(row: Values) -> Parsed:
    """A post and its topic.

    Raises:
        BadRecord, ValidationError: the row can't be used.
    """
    text = text_of(row.get("text"), "text") or None
    post = Post.model_validate({"id": id_of(row.get("post_id")), "text": text}, strict=True)
    records: list[Node | Edge] = [post]
    if topic := _topic_name(row.get("topic")):
        event_id = content_id(post.id, topic)
        records += [_topic(topic), About(event_id=event_id, source_id=post.id, target_id=topic)]
    return Parsed(records)


def _topic_name(value: object) -> str:
    """The name of a topic; empty where there is none, or a number stands for it."""
    if isinstance(value, (int, float)):
        return ""
    name = name_of(text_of(value, "topic"))
    try:
        float(name)
    except ValueError:
        return name
    return ""


def parse_event(row: Values) -> Parsed:
    """A view or a like, its user and its post.

    Raises:
        BadRecord, ValidationError: the row can't be used.
    """
    user_id, post_id = id_of(row.get("user_id")), id_of(row.get("post_id"))
    at, action = (
        seconds_of(given(row.get("timestamp"), "timestamp"), "timestamp"),
        text_of(row.get("action"), "action").strip().lower(),
    )
    event: dict[str, object] = {
        "event_id": content_id(str(user_id), str(post_id), str(at), action),
        "source_id": user_id,
        "target_id": post_id,
        "at": at,
    }
    happened: Viewed | Liked
    if action == "view":
        event["target_met"] = _truth(row.get("target"), "target")
        happened = Viewed.model_validate(event, strict=True)
    elif action == "like":
        happened = Liked.model_validate(event, strict=True)
    else:
        reason = Reason.OUT_OF_RANGE if action else Reason.MISSING_VALUE
        raise BadRecord(reason, f"an action is view or like, got {action[:100]!r}", "action")
    return Parsed((happened, _user(happened.source_id), _post(happened.target_id)))


def _truth(value: object, field: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    truth = _TARGETS.get(str(value).strip().lower())
    if truth is None:
        raise BadRecord(Reason.WRONG_TYPE, f"0 or 1 is wanted, got {str(value)[:100]!r}", field)
    return truth


@lru_cache(_REMEMBERED)
def _user(user_id: str) -> User:
    return User(id=user_id)


@lru_cache(_REMEMBERED)
def _post(post_id: str) -> Post:
    return Post(id=post_id)


@lru_cache(_REMEMBERED)
def _topic(name: str) -> Topic:
    return Topic(id=name)


USERS = Source(
    columns={
        "user_id": str,
        "gender": cell_number,
        "age": cell_number,
        "country": str,
        "city": str,
        "exp_group": cell_number,
        "os": str,
        "source": str,
    },
    parse=parse_user,
)
POSTS = Source(columns={"post_id": str, "text": str, "topic": str}, parse=parse_post)
FEED = Source(
    columns={"timestamp": str, "user_id": str, "post_id": str, "action": str, "target": str}, parse=parse_event
)
