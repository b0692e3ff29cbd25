"""The questions of `explore/`: on both engines, over a town whose answers are known by construction."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from kindred.domain.errors import SchemaError, SettingsError
from kindred.domain.schema import graph_schema
from kindred.graph.explore.question_files import question_of, read_question, read_questions
from kindred.graph.explore.questions import Question
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore, QueryLimits
from tests.conftest import clear_graph, open_neo4j
from tests.graph.crowd import IDS, build_crowd
from tests.graph.town import build_town, seconds
from tests.neo4j_server.server import Neo4jServer

Answer = list[dict[str, object]]
QUESTIONS = read_questions()

# What each question is asked about the town; the others take nothing or what is in ANYWHERE.
ANYWHERE = {"user": "dan", "product": "strings", "brand": "Oak", "query": "guitar strings", "artist": "lark"} | {
    "tag": "calm", "topic": "sport", "post": "p1"
}  # fmt: skip
ASKED: dict[str, dict[str, object]] = {
    "reviewed_both": {"first": "guitar", "second": "strings"},
    "reviewed_together": {"product": "guitar"},
    "taste_neighbours": {"user": "ann"},
    "neighbours_liked": {"user": "ann"},
    "why_recommended": {"user": "ann", "product": "tuner"},
    "users_in_common": {"first": "ann", "second": "cara"},
    "bridging_users": {"first": "Guitars", "second": "Drums"},
    "brands_returned_to": {"least_people": 1},
    "polarised_products": {"least_reviews": 4},
    "user_bursts": {"least_reviews": 3},
    "hard_to_please": {"least_reviews": 2},
    "friends_tracks": {"user": "ann"},
}
# Known by construction: the rows, each as its values in the order of the declared columns.
KNOWN: dict[str, list[tuple[object, ...]]] = {
    "reviewed_both": [("ben", 5.0, 4.0, seconds("2012-05-01")), ("ann", 5.0, 4.0, seconds("2012-02-10"))],
    "reviewed_together": [("strings", "Light strings", 2, 3, 0.667), ("tuner", "Clip-on tuner", 2, 3, 0.667)],
    "bought_together": [("guitar", "Six-string guitar", 2), ("tuner", "Clip-on tuner", 2)],
    "taste_neighbours": [("ben", 2, 2, 0.0), ("dan", 2, 0, 1.5), ("eve", 2, 0, 2.5), ("cara", 2, 0, 3.5)],
    "neighbours_liked": [
        ("tuner", "Clip-on tuner", 3, 4),  # ben over guitar and strings, dan over guitar, ring1 over strings
        ("amp", "Small amplifier", 1, 1),
        ("sticks", "Drum sticks", 1, 1),
    ],
    "why_recommended": [
        ("guitar", "Six-string guitar", 5.0, "ben", 5.0, 5.0),
        ("guitar", "Six-string guitar", 5.0, "dan", 4.0, 5.0),
        ("strings", "Light strings", 4.0, "ring1", 5.0, 5.0),
        ("strings", "Light strings", 4.0, "ben", 4.0, 5.0),
    ],
    "users_in_common": [("drum", "Snare drum", 2.0, 5.0, 3.0), ("guitar", "Six-string guitar", 5.0, 1.0, 4.0)],
    "user_timeline": [
        (seconds("2013-07-01"), "listened", "lull", None),
        (seconds("2013-06-01"), "listened", "hum", None),
        (seconds("2013-05-07"), "bought", "strings", None),
        (seconds("2013-05-06"), "put into the cart", "tuner", None),
        *((seconds("2013-05-05"), "liked", post, None) for post in ("p1", "p3")),
        *((seconds("2013-05-05"), "searched", query, None) for query in ("guitar strings", "left-handed kazoo")),
        (seconds("2013-05-05"), "tagged", "calm", None),
        *((seconds("2013-05-05"), "viewed", post, None) for post in ("p1", "p2", "p2", "p3")),
        (seconds("2013-05-01"), "reviewed", "sticks", 4.0),
        (seconds("2013-04-03"), "reviewed", "guitar", 4.0),
        (seconds("2013-04-01"), "reviewed", "drum", 4.0),
        (seconds("2013-01-01"), "reviewed", "tuner", 5.0),
        (seconds("2012-06-01"), "listened", "din", None),
    ],
    "taste_by_year": [(2013, "Drums", 2, 4.0), (2013, "Guitars", 2, 4.5)],
    "bridging_users": [("dan", 2, 2, 2)],
    "product_by_month": [(2013, 6, 1, 5.0, 0), (2012, 5, 1, 4.0, 0), (2012, 2, 1, 4.0, 0)],
    "brand_regulars": [
        ("ann", 2, 4.5, seconds("2012-01-10"), seconds("2012-02-10")),
        ("ben", 2, 4.5, seconds("2012-01-12"), seconds("2012-05-01")),
    ],
    "brands_returned_to": [("Elm", 4, 2, 50.0), ("Oak", 6, 2, 33.3)],
    "categories": [("Guitars", 5, 11, 4.0), ("Drums", 2, 6, 3.5)],
    "polarised_products": [("guitar", "Six-string guitar", 5, 2, 2, 0.4), ("drum", "Snare drum", 4, 1, 2, 0.25)],
    "product_bursts": [("amp", "Small amplifier", seconds("2013-06-01"), 4, 4)],
    "user_bursts": [("ring1", seconds("2013-06-01"), 3, 3, 5.0, 0)],
    "cold_products": [("case", "", 0, 1), ("tuner2", "CLIP-ON TUNER", 0, 1)],
    "reviews_per_user": [(1, 3), (2, 1), (3, 4), (4, 1)],
    "reviews_per_product": [(0, 2), (2, 1), (3, 2), (4, 2), (5, 1)],
    "repeated_summaries": [("the best of all amplifiers", 4, 4, 1)],
    "same_titles": [("clip-on tuner", 2, "tuner", "tuner2")],
    "users_in_several_domains": [
        ("dan", 4, 6, 2, 3, 6), ("ann", 4, 5, 1, 2, 2), ("eve", 4, 3, 1, 1, 5), ("ben", 2, 6, 0, 3, 0),
        ("cara", 2, 3, 0, 1, 0),
    ],
    "searches_to_product": [("guitar strings", 3, 0, 3, 2)],
    "search_results": [("strings", "Light strings", 3, 100.0), ("tuner", "Clip-on tuner", 1, None)],
    "searches_before_purchase": [
        (seconds("2013-05-05"), "guitar strings", "strings", "bought", seconds("2013-05-07")),
        (seconds("2013-05-05"), "guitar strings", "tuner", "put into the cart", seconds("2013-05-06")),
    ],
    "searches_to_nothing": [("left-handed kazoo", 2, 2, seconds("2013-05-05"))],
    "misleading_searches": [("drum kit", "case", "", 2, 0.0)],
    "genres_by_year": [(2012, "metal", 1, 1), (2013, "folk", 2, 2)],
    "friends_with_taste": [("ann", 2, 9), ("eve", 1, 4)],
    "most_played": [
        ("track", "din", "Din", "Wren", 1, 7, seconds("2012-06-01")),
        ("track", "hum", "Hum", "Lark", 1, 2, seconds("2013-06-01")),
        ("track", "lull", "Lull", "Lark", 1, 1, seconds("2013-07-01")),
    ],
    "friends_tracks": [
        ("track", "din", "Din", 2, 2), ("track", "lull", "Lull", 2, 2), ("track", "hum", "Hum", 1, 1),
    ],
    "artist_tags": [("calm", "calm", 1, 2), ("voice", "voice", 1, 2)],
    "similar_artists": [("wren", "Wren", 2, 3, 0.816)],
    "tags_together": [("voice", "voice", 2, 2), ("loud", "loud", 0, 1)],
    "also_liked_posts": [("p3", 1, "A post that is about tech"), ("p4", 1, "A post that is about tech")],
    "user_topics": [("sport", 3, 1, 33.3), ("tech", 1, 1, 100.0)],
    "viewed_in_vain": [("p2", 2, seconds("2013-05-05"), "A post that is about sport")],
    "like_rate_by_topic": [("tech", 3, 2, 66.7), ("sport", 5, 3, 60.0)],
}  # fmt: skip

FORM = """\
// Who is there?
// reads: the neighbourhood of a user
// parameters:
//   user: string, e.g. U1 - id of a user
//   limit: integer = 20 - rows at most
// columns:
//   id: string - who is there

MATCH (u:User {id: $user})
RETURN u.id AS id
ORDER BY id
LIMIT $limit
"""


@pytest.fixture(scope="module")
def embedded_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphStore]:
    with closing(open_graph(f"ladybug:{tmp_path_factory.mktemp('town') / 'graph'}")) as store:
        build_town(store)
        yield store


@pytest.fixture
def both_towns(embedded_town: GraphStore, neo4j_server: Neo4jServer) -> Iterator[tuple[GraphStore, GraphStore]]:
    with closing(open_neo4j(neo4j_server)) as store:
        clear_graph(neo4j_server)
        build_town(store)
        yield embedded_town, store


def ask(store: GraphStore, question: Question) -> Answer:
    given = {p.name: ANYWHERE[p.name] for p in question.parameters if p.name in ANYWHERE}
    return answer_to(store, question, given | ASKED.get(question.name, {}))


def answer_to(store: GraphStore, question: Question, given: dict[str, object]) -> Answer:
    answer: Answer = store.query(question.text, question.values(given), QueryLimits()).to_pylist()
    return answer


def test_none_leaves_decimals_to_the_engine() -> None:
    """Half-way between two of them, one engine rounds up and the other as the last bit has it."""
    assert [question.name for question in QUESTIONS if re.search(r"round\(.*, [1-9]\)", question.text)] == []


def test_there_is_a_question_for_everything_the_graph_knows() -> None:
    assert len(QUESTIONS) >= 24
    assert [question.number for question in QUESTIONS] == list(range(1, len(QUESTIONS) + 1))
    asked = " ".join(question.text for question in QUESTIONS)
    for name in (
        "REVIEWED",
        "BOUGHT",
        "ADDED_TO_CART",
        "LED_TO",
        "JUDGED",
        "LISTENED",
        "TAGGED",
        "FRIEND_OF",
        "VIEWED",
        "LIKED",
    ):
        assert f":{name}" in asked


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.full_name)
def test_the_embedded_engine_answers_as_the_town_was_built(embedded_town: GraphStore, question: Question) -> None:
    answer = ask(embedded_town, question)
    assert answer, "the town has an answer to every question"
    assert list(answer[0]) == [column.name for column in question.columns]
    if question.name in KNOWN:
        assert [tuple(row.values()) for row in answer] == KNOWN[question.name]


def test_both_engines_give_equal_answers(both_towns: tuple[GraphStore, GraphStore]) -> None:
    embedded, server = both_towns
    means = "UNWIND range(1, 200) AS n RETURN n, round(100.0 * n / 40, 0) / 100 AS mean ORDER BY n"  # some half-way
    rounded = [store.query(means, {}, QueryLimits(rows=200)).to_pylist() for store in (embedded, server)]
    assert rounded[0] == rounded[1] == [{"n": n, "mean": (10 * n + 2) // 4 / 100} for n in range(1, 201)]
    for question in QUESTIONS:
        assert ask(server, question) == ask(embedded, question), question.full_name


def test_both_engines_give_equal_answers_about_a_crowd_with_parallel_edges(
    tmp_path: Path, neo4j_server: Neo4jServer
) -> None:
    rng = random.Random(7)
    labels = {"first": "User", "second": "User"} | {name: name.title() for name in ANYWHERE}
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as embedded, closing(open_neo4j(neo4j_server)) as server:
        clear_graph(neo4j_server)
        for store in (embedded, server):
            build_crowd(store, seed=7)
        for question in QUESTIONS:
            given = {p.name: rng.choice(IDS[labels[p.name]]) for p in question.parameters if p.name in labels}
            if question.name in ("reviewed_both", "bridging_users"):
                given = dict(
                    zip(given, IDS["Product" if question.name == "reviewed_both" else "Category"], strict=False)
                )
            least = {p.name: 1 for p in question.parameters if p.name.startswith("least_") and p.name != "least_length"}
            answers = [answer_to(store, question, given | least) for store in (embedded, server)]
            assert answers[0] == answers[1], (question.full_name, given)


def test_a_question_about_one_node_starts_from_its_index(
    both_towns: tuple[GraphStore, GraphStore], neo4j_server: Neo4jServer
) -> None:
    import neo4j

    login = ("neo4j", neo4j_server.password)
    with neo4j.GraphDatabase.driver(neo4j_server.url, auth=login) as driver, driver.session() as session:
        # over a handful of nodes a scan may be the better plan, and over counts not yet renewed it may seem so
        for node in graph_schema().nodes:
            session.run(f"UNWIND range(1, 500) AS n CREATE (:{node.label} {{id: 'more ' + n}})").consume()
        session.run("CALL db.prepareForReplanning(60)").consume()
        for question in QUESTIONS:
            given = {p.name: p.value(p.example) for p in question.parameters}
            plan = session.run(f"EXPLAIN {question.text}", given).consume().plan
            operators = {name.partition("@")[0] for name in operators_of(plan or {})}
            assert "AllNodesScan" not in operators, question.full_name
            if not question.reads_whole_graph:
                assert operators & {"NodeUniqueIndexSeek", "NodeIndexSeek"}, (question.full_name, operators)
                assert "CartesianProduct" not in operators and "NodeByLabelScan" not in operators, question.full_name


def operators_of(plan: Mapping[str, object]) -> Iterator[str]:
    yield str(plan.get("operatorType", ""))
    children = plan.get("children", [])
    assert isinstance(children, list)
    for child in children:
        yield from operators_of(child)


def test_a_limit_cuts_the_answer_and_the_first_rows_stay(embedded_town: GraphStore) -> None:
    question = question_of("user_timeline")
    whole = answer_to(embedded_town, question, {"user": "dan"})
    assert answer_to(embedded_town, question, {"user": "dan", "limit": 3}) == whole[:3]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "needs user.*--param user="),
        ({"user": 7}, "user must be a text, got 7"),
        ({"user": "u", "limit": "many"}, "limit must be a whole number, 0 or more, got 'many'.*limit=50"),
        ({"user": "u", "limit": -1}, "limit must be a whole number"),
        ({"user": "u", "limit": True}, "limit must be a whole number"),
        ({"user": "u", "limit": 2.5}, "limit must be a whole number"),
        ({"usr": "u"}, "no parameter 'usr'.*it takes user"),
    ],
)
def test_parameters_are_checked_before_the_graph_is_asked(given: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        question_of("taste_by_year").values(given)
    assert re.search(said, str(caught.value))


def test_texts_become_what_the_parameter_is() -> None:
    values = question_of("neighbours_liked").values({"user": "42", "least_rating": "3.5", "limit": "7"})
    assert values == {"user": "42", "least_rating": 3.5, "limit": 7}
    assert question_of("neighbours_liked").values({"user": "42", "least_rating": 3})["least_rating"] == 3.0


def test_a_question_is_found_by_name_number_or_both_and_near_ones_are_named() -> None:
    assert question_of("reviewed_both") is question_of("01_reviewed_both") is question_of("1")
    with pytest.raises(SettingsError, match="did you mean taste_neighbours"):
        question_of("taste_neighbors")
    with pytest.raises(SettingsError, match="friends_tracks"):
        question_of("friends")
    with pytest.raises(SettingsError, match="kindred explore"):
        question_of("xyzzy")
    with pytest.raises(SettingsError, match="there is no question '²'"):
        question_of("²")


def test_a_file_in_the_right_form_is_read(tmp_path: Path) -> None:
    question = read_question(written(tmp_path, FORM))
    assert (question.number, question.name, question.title) == (7, "who", "Who is there?")
    assert [(p.name, p.default, p.is_required) for p in question.parameters] == [
        ("user", None, True),
        ("limit", 20, False),
    ]
    assert [column.name for column in question.columns] == ["id"] and not question.reads_whole_graph


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("// Who is there?", "// Who is there", 1),
        ("// Who is there?\n", "", 1),
        ("reads: the neighbourhood of a user", "reads: some", 2),
        ("// parameters:", "// params:", 3),
        (", e.g. U1 -", " -", 4),
        ("integer = 20", "integer = many", 5),
        ("integer = 20", "whole = 20", 5),
        (" - rows at most", "", 5),
        ("// columns:\n", "", 6),
        ("//   id: string - who is there\n", "", 7),
        ("//   id: string", "//   id: text", 7),
        ("who is there\n\n", "who is there\n", 8),
    ],
)
def test_a_broken_header_is_named_by_file_and_line(tmp_path: Path, old: str, new: str, line: int) -> None:
    with pytest.raises(SchemaError, match=rf"07_who\.cypher, line {line}: "):
        read_question(written(tmp_path, FORM.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("RETURN u.id", "SET u.age = 1 RETURN u.id", "SET"),
        ("LIMIT $limit", "LIMIT 5", "limit is never used"),
        ("{id: $user}", "{id: $use}", r"\$use"),
        ("u.id AS id", "count(DISTINCT u.id) AS id, count(u.id) AS n", "DISTINCT"),
    ],
)
def test_a_statement_that_does_not_fit_its_header_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(SchemaError, match=rf"07_who\.cypher: .*{said}"):
        read_question(written(tmp_path, FORM.replace(old, new)))


def test_files_need_a_name_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="can't name a question"):
        read_question(written(tmp_path, FORM, "who.cypher"))
    written(tmp_path, FORM, "07_whom.cypher")
    written(tmp_path, FORM)
    (tmp_path / "who.cypher").unlink()
    with pytest.raises(SchemaError, match="07_who and 07_whom have one number"):
        read_questions(tmp_path)


def written(folder: Path, text: str, name: str = "07_who.cypher") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
