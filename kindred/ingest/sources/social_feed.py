"""The three tables of a feed service, as CSV, JSON lines, Parquet or a database dump; or those of MIND as they come.

* users: user_id, gender, age, country, city, exp_group, os, source.
* posts: post_id, text, topic. Tables of features come with posts without text, and with a number for `topic`: that
  stands for the topic in a model, it does not name it, so it becomes no Topic.
* feed: timestamp, user_id, post_id, action (view or like), target. A view's target says whether a like followed; that
  of a like says nothing. Times without a zone are UTC. The key of an event is its user, post, time and action.

Ids may be numbers. Names and texts are brought to Unicode form NFC; ids stay as they are.
"""

from __future__ import annotations

from kindred.domain.records import About, Edge, Liked, Node, Post, Topic, User, Viewed, content_id
from kindred.ingest.cells.bad_records import BadRecord, Reason, checked
from kindred.ingest.cells.ids import id_of
from kindred.ingest.cells.numbers import whole_of
from kindred.ingest.cells.texts import long_text_of, name_in, short_text_of, text_of
from kindred.ingest.cells.times import key_of_time, milliseconds_of
from kindred.ingest.cells.values import given_time, optional, truth_of
from kindred.ingest.formats.impressions import HISTORY, UNTIMED, read_news, read_views
from kindred.ingest.formats.nodes import node_of
from kindred.ingest.formats.source import Parsed, Source, Values

_NUMBERS = ("gender", "age", "exp_group")
_NAMES = ("country", "city", "os", "source")
_COLUMNS = {"id": "user_id", "source_id": "user_id", "target_id": "post_id", "at": "timestamp"}


_OTHER_WORDS = {
    **dict.fromkeys(["liked", "favourite", "favourited", "favorite", "favorited", "upvote", "upvoted"], "like"),
    **dict.fromkeys(["viewed", "impression", "shown", "seen", "exposure"], "view"),
}
"""What other networks call a like and a view."""


def parse_user(row: Values) -> Parsed:
    """A user and the profile.

    Raises:
        BadRecord: the row can't be used.
    """
    notes: list[str] = []
    profile: dict[str, object] = {name: optional(whole_of, row.get(name), name, notes) for name in _NUMBERS}
    profile |= {name: optional(short_text_of, row.get(name), name, notes) for name in _NAMES}
    return Parsed((checked(User, {"id": id_of(row.get("user_id"), "user_id"), **profile}, _COLUMNS),), notes)


def parse_post(row: Values) -> Parsed:
    """A post and its topic.

    Raises:
        BadRecord: the row can't be used.
    """
    notes: list[str] = []
    text = optional(long_text_of, row.get("text"), "text", notes)
    post = checked(Post, {"id": id_of(row.get("post_id"), "post_id"), "text": text}, {"id": "post_id"})
    records: list[Node | Edge] = [post]
    if topic := optional(_topic_name, row.get("topic"), "topic", notes):
        event_id = content_id(post.id, topic)
        records += [node_of(Topic, topic), About(event_id=event_id, source_id=post.id, target_id=topic)]
    return Parsed(records, notes)


def _topic_name(value: object, field: str) -> str:
    """The name of a topic; empty where there is none, or a number stands for it."""
    name = name_in(value, field)
    try:
        float(name)
    except ValueError:
        return name
    return ""


def parse_event(row: Values) -> Parsed:
    """A view or a like, its user and its post.

    Raises:
        BadRecord: the row can't be used.
    """
    notes = [UNTIMED] if row.get(HISTORY) else []
    user_id, post_id = id_of(row.get("user_id"), "user_id"), id_of(row.get("post_id"), "post_id")
    at_ms = given_time(milliseconds_of(row.get("timestamp"), "timestamp"), "timestamp")
    named = text_of(row.get("action"), "action").strip().lower()
    action = _OTHER_WORDS.get(named, named)
    event: dict[str, object] = {
        "event_id": content_id(str(user_id), str(post_id), key_of_time(at_ms), action),
        "source_id": user_id,
        "target_id": post_id,
        "at": None if at_ms is None else at_ms // 1000,
    }
    happened: Viewed | Liked
    if action == "view":
        event["target_met"] = optional(truth_of, row.get("target"), "target", notes)
        happened = checked(Viewed, event, _COLUMNS)
    elif action == "like":
        happened = checked(Liked, event, _COLUMNS)
    else:
        reason = Reason.OUT_OF_RANGE if action else Reason.MISSING_VALUE
        raise BadRecord(reason, f"an action is view or like, got {action[:100]!r}", "action")
    return Parsed((happened, node_of(User, happened.source_id), node_of(Post, happened.target_id)), notes)


USERS = Source(columns=("user_id", *_NUMBERS, *_NAMES), parse=parse_user, wanted={"user": ("user_id",)})
POSTS = Source(columns=("post_id", "text", "topic"), parse=parse_post, wanted={"post": ("post_id",)}, read=read_news)
FEED = Source(
    columns=("timestamp", "user_id", "post_id", "action", "target"),
    parse=parse_event,
    wanted={"time": ("timestamp",), "user": ("user_id",), "post": ("post_id",), "action": ("action",)},
    read=read_views,
)
