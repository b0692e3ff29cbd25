"""What the posts of the generated feed are about, and from which angle they are written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FeedTopic:
    """A topic, and the things that its posts name."""

    name: str
    things: tuple[str, ...]


@dataclass(frozen=True)
class Angle:
    """A way to write about anything; `{thing}` stands for what it is about."""

    name: str
    sentences: tuple[str, ...]


TOPICS = (
    FeedTopic("film", ("the harbour thriller", "a silent comedy", "the desert epic", "an animated fable")),
    FeedTopic("sport", ("the city marathon", "the rowing cup", "women's handball", "the hill race")),
    FeedTopic("cooking", ("a pot of lentils", "sourdough bread", "pickled plums", "a fish stew")),
    FeedTopic("travel", ("the night train north", "a walk along the coast", "the island ferry", "the old pass road")),
    FeedTopic("technology", ("a solar charger", "the new tram signals", "a repairable phone", "home sensors")),
    FeedTopic("garden", ("a balcony of herbs", "the apple harvest", "a bee meadow", "winter salads")),
    FeedTopic("business", ("the market hall", "a ferry company", "the paper mill", "small bakeries")),
)

ANGLES = (
    Angle(
        "how to",
        (
            "Step one: prepare everything you need for {thing}, then measure twice.",
            "Here is a simple guide to {thing}, with a checklist and the tools required.",
            "Follow these instructions for {thing} and you will avoid the usual mistakes.",
        ),
    ),
    Angle(
        "news",
        (
            "Officials announced on Monday a decision on {thing}, a spokesman said.",
            "According to a report published today, the council will vote on {thing}.",
            "The ministry confirmed new rules for {thing} that take effect next month.",
        ),
    ),
    Angle(
        "memories",
        (
            "When I was a child my grandmother told me about {thing}, and I still remember her voice.",
            "I cried a little yesterday, because {thing} reminded me of my father.",
            "That summer we were young and in love, and {thing} was all we talked about.",
        ),
    ),
    Angle(
        "jokes",
        (
            "My cat has strong opinions on {thing}, and sends angry letters, ha ha.",
            "Why did the chicken care about {thing}? No one knows, least of all the chicken!",
            "The funniest thing about {thing} is my uncle, who fell into it twice. What a clown!",
        ),
    ),
    Angle(
        "numbers",
        (
            "Statistics on {thing}: up 14 percent in a year, median 3.2, sample of 900.",
            "We compared 40 figures about {thing}; the correlation is weak, the trend is clear.",
            "A chart of {thing} shows quarterly growth of 2.5 percent and falling costs.",
        ),
    ),
    Angle(
        "debate",
        (
            "It is a scandal how {thing} is treated; we must protest and demand better!",
            "Critics are wrong about {thing}, and I will argue against every one of them.",
            "Stop defending {thing}: it is unjust, and those in charge should resign.",
        ),
    ),
)

CLOSINGS = (
    "More about {thing} soon.",
    "That is all on {thing} for today.",
    "Tell us what you think of {thing}.",
    "Pictures of {thing} below.",
)

CITIES = ("Port Amber", "Saltmere", "Hillgate", "Old Bridge", "Fenwick-on-Sea", "Quarry")
