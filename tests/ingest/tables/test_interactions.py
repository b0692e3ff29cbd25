"""Tables of one's own: every usual layout is understood, what is given goes first, and nothing is lost unseen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindred.domain.errors import KindredError, RecordError, SettingsError
from kindred.domain.properties import EARLIEST_TIME
from kindred.domain.records import Category, Interacted, Item, ItemInCategory, Listened, ListenedToArtist, Reviewed
from kindred.domain.schema import edge_type_of, graph_schema
from kindred.graph.open import open_graph
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.formats.files import read_rows
from kindred.ingest.interactions import Tables, interaction_files
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.tables.mapping import (
    EventColumns,
    ItemColumns,
    Layout,
    TableMapping,
    mapping_text,
    read_mapping,
    write_mapping,
)

MOVIELENS = "userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n1,1029,3.0,1260759179\n2,31,5,1260759185\n"
RECBOLE = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\ta\t5\t1393545600\n2\ta\t3\t1393545700\n"
AMAZON_2023 = [
    {"rating": 4.0, "title": "Fine", "text": "Holds", "parent_asin": "B1", "user_id": "u1", "timestamp": 1588687728923},
    {"rating": 1.0, "title": "No", "text": "", "parent_asin": "B2", "user_id": "u2", "timestamp": 1588687728924},
]
DAY = 1583020800  # 2020-03-01


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


def understood(path: Path, known: TableMapping | None = None, items: Path | None = None) -> Tables:
    return interaction_files(known or TableMapping(), [path], items)


def events_of(tables: Tables, file: int = 0) -> list[object]:
    """The records that the rows of a file are about; for a row that is refused the reason."""
    source = tables.files[file].source
    found: list[object] = []
    for row in read_rows(tables.files[file].path, source, lambda *_: None):
        try:
            assert not isinstance(row.value, BadRecord)
            found.append(source.parse(row.value).records[0])
        except BadRecord as bad:
            found.append(bad.reason.value)
    return found


def short(events: Sequence[object]) -> list[object]:
    return [(e.source_id, e.target_id, e.rating, e.at) if isinstance(e, (Interacted, Reviewed)) else e for e in events]


def test_movielens_is_understood_as_it_comes(tmp_path: Path) -> None:
    tables = understood(write(tmp_path / "ratings.csv", MOVIELENS))
    assert short(events_of(tables)) == [
        ("1", "31", 2.5, 1260759144),
        ("1", "1029", 3.0, 1260759179),
        ("2", "31", 5.0, 1260759185),
    ]
    assert [(c.role, c.column, c.is_guess) for c in tables.choices] == [
        ("user", "userId", True),
        ("item", "movieId", True),
        ("rating", "rating", True),
        ("at", "timestamp", True),
    ]


@pytest.mark.parametrize(
    ("name", "text", "known"),
    [
        ("u.data", "1\t31\t2\t1260759144\n", Layout()),
        ("ratings.dat", "1::31::2::1260759144\n", Layout()),
        ("mine.tsv", "31\t1\t2\t1260759144\n", Layout(columns=("item", "user", "rating", "at"))),
        ("mine.txt", "1;31;2;1260759144\n", Layout(separator=";", columns=("user", "item", "rating", "at"))),
        ("mine.txt", "1~~31~~2~~1260759144\n", Layout(separator="~~", columns=("user", "item", "rating", "at"))),
        ("mine.csv", "user item rating at\n1 31 2 1260759144\n", Layout(separator=" ")),
        ("mine.csv", "user|item|rating|at\n1|31|2|1260759144\n", Layout()),
        ("x.inter", "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t31\t2\t1260759144\n", Layout()),
    ],
)
def test_cells_may_be_parted_by_anything_with_a_header_or_without(
    tmp_path: Path, name: str, text: str, known: Layout
) -> None:
    tables = understood(write(tmp_path / name, text), TableMapping(file=known))
    assert short(events_of(tables)) == [("1", "31", 2.0, 1260759144)]


def test_amazon_2023_and_its_texts(tmp_path: Path) -> None:
    path = write(tmp_path / "reviews.jsonl", "\n".join(map(json.dumps, AMAZON_2023)))
    tables = understood(path)
    first = events_of(tables)[0]
    assert isinstance(first, Interacted) and first.text == "Holds"
    assert short([first]) == [("u1", "B1", 4.0, 1588687728)]
    assert tables.unused["events"] == ["title"]


def test_yambda_whose_times_only_tell_the_order(tmp_path: Path) -> None:
    rows = {"uid": [7, 7], "item_id": [1, 2], "timestamp": [39420, 25_000_000], "played_ratio_pct": [100, 30]}
    pq.write_table(pa.table(rows | {"is_organic": [1, 0]}), tmp_path / "listens.parquet")
    tables = understood(tmp_path / "listens.parquet")
    assert [(e.at - EARLIEST_TIME, e.weight) for e in events_of(tables) if isinstance(e, Interacted) and e.at] == [
        (39420, 100.0),
        (25_000_000, 30.0),
    ]
    assert tables.mapping.events.at_format == "order" and "order" in tables.remarks[0]


def test_columns_within_columns_are_found_and_can_be_named(tmp_path: Path) -> None:
    shown = {"product_id": "p1", "name": "Pan", "price": {"amount": 5}}
    row = {"userId": "u1", "event": "Viewed", "timestamp": "2020-03-01", "properties": shown}
    path = write(tmp_path / "track.jsonl", json.dumps(row) + "\n" + json.dumps({**row, "properties": None}))
    found = understood(path)
    assert short(events_of(found)) == [("u1", "p1", None, DAY), "missing_id"]
    assert found.unused["events"] == ["properties.name", "properties.price.amount"]
    named = TableMapping(
        events=EventColumns(item="properties.name", weight="properties.price.amount"),
        items=ItemColumns(title="properties.name"),
    )
    first = events_of(understood(path, named))[0]
    assert isinstance(first, Interacted) and (first.target_id, first.weight) == ("Pan", 5.0)


def test_columns_that_hold_times_are_told_where_none_is_named_so(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "user,item,Kauftag,shelf\n1,a,03.01.2020,7\n2,a,,8\n")
    assert understood(path).remarks == [
        "no column of times: every event counts as equally old; times seem to stand in Kauftag: --at COLUMN"
    ]
    path = write(tmp_path / "t.csv", "user,item,WEEK_NO,order_number,step\n1,a,3,1,up\n")
    assert understood(path).remarks[0].endswith("; if WEEK_NO or order_number tells what came first: --at COLUMN")
    path = write(tmp_path / "t.csv", "user,item,shelf\n1,a,20200301\n")
    assert understood(path).remarks == ["no column of times: every event counts as equally old"]


def test_what_few_rows_have_is_found_far_from_the_first(tmp_path: Path) -> None:
    rows = [{"user": "u", "item": n} | ({"rating": 4} if n == 1500 else {}) for n in range(1600)]
    tables = understood(write(tmp_path / "t.jsonl", "\n".join(map(json.dumps, rows))))
    assert tables.mapping.events.rating == "rating"


def test_what_is_shown_of_a_column_stands_on_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", json.dumps({"user": "u", "item": "i", "text": "One\n\ntwo"}))
    assert [choice.examples for choice in understood(path).choices][-1] == ("One two",)


def test_days_written_as_one_number_are_days(tmp_path: Path) -> None:
    tables = understood(write(tmp_path / "t.csv", "user,item,date\n1,a,20200301\n"))
    assert short(events_of(tables)) == [("1", "a", None, DAY)]


@pytest.mark.parametrize(
    ("form", "value", "at"),
    [
        (None, "2020-03-01", DAY),
        ("%d/%m/%y", "01/03/20", DAY),
        ("seconds", "1583020800", DAY),
        ("milliseconds", "1583020800999", DAY),
        ("order", "3", EARLIEST_TIME + 3),
    ],
)
def test_times_are_read_in_the_form_that_is_given(tmp_path: Path, form: str | None, value: str, at: int) -> None:
    path = write(tmp_path / "t.csv", f"user,item,at\n1,a,{value}\n")
    assert short(events_of(understood(path, TableMapping(events=EventColumns(at_format=form))))) == [
        ("1", "a", None, at)
    ]


def test_a_form_of_times_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "user,item,at\n1,a,5\n")
    with pytest.raises(SettingsError, match="no form of times 'fortnights'"):
        understood(path, TableMapping(events=EventColumns(at_format="fortnights")))


def test_an_encoding_is_named_or_told_from_the_file(tmp_path: Path) -> None:
    text = "user,item,rating\nЯна,книга,5\n"
    named = TableMapping(file=Layout(encoding="cp1251"))
    assert short(events_of(understood(write(tmp_path / "a.csv", text, "cp1251"), named))) == [
        ("Яна", "книга", 5.0, None)
    ]
    assert short(events_of(understood(write(tmp_path / "b.csv", text, "utf-16")))) == [("Яна", "книга", 5.0, None)]
    with pytest.raises(SettingsError, match="no encoding 'klingon'"):
        understood(tmp_path / "a.csv", TableMapping(file=Layout(encoding="klingon")))


@pytest.mark.parametrize("header", ["user,item", "用户,商品"])
def test_an_encoding_that_is_not_told_is_asked_for(tmp_path: Path, header: str) -> None:
    path = write(tmp_path / "t.csv", f"{header}\n张三,手机\n", "gbk")
    options = IngestOptions(tmp_path / "s", tmp_path / "q")
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store, pytest.raises(RecordError) as raised:
        ingest_files(store, understood(path).files, None, options)
    assert "--encoding ENCODING" in raised.value.next_step
    assert len(events_of(understood(path, TableMapping(file=Layout(encoding="gbk"))))) == 1


def test_bad_rows_are_refused_with_their_reason_and_gaps_are_gaps(tmp_path: Path) -> None:
    text = "user,item,rating,weight\n1,a,good,1\n,a,1,1\n1,,1,1\n1,a,1,many\n1,a,,\n2,b,-3.5,0.25\n"
    events = events_of(understood(write(tmp_path / "t.csv", text)))
    assert events[:4] == ["wrong_type", "missing_id", "missing_id", "wrong_type"]
    assert short(events[4:]) == [("1", "a", None, None), ("2", "b", -3.5, None)]


@pytest.mark.parametrize("sign", ["£", "\xa0", "½", "£ ä", "₽"])
def test_signs_alone_make_utf_8_no_other_encoding(tmp_path: Path, sign: str) -> None:
    tables = understood(write(tmp_path / "t.csv", f"user,item,text\n1,a,{sign}5\n"))
    [event] = events_of(tables)
    assert isinstance(event, Interacted) and event.text == f"{sign}5"


def test_a_column_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "reader,book\n1,a\n")
    with pytest.raises(RecordError, match=r"no column 'raeder' \(user\) among reader, book") as raised:
        understood(path, TableMapping(events=EventColumns(user="raeder")))
    assert "reader" in raised.value.next_step
    with pytest.raises(RecordError, match="what columns of the user usually are: wer, was") as raised:
        understood(write(tmp_path / "u.csv", "wer,was\n1,a\n"))
    assert raised.value.next_step.startswith("name them: --user COLUMN --item COLUMN;")
    with pytest.raises(RecordError, match="names no columns") as raised:
        understood(write(tmp_path / "v.csv", "1,2,3\n4,5,6\n"))
    assert "--columns user,item,rating" in raised.value.next_step


def test_a_table_of_items_says_what_they_are(tmp_path: Path) -> None:
    movies = "movieId,title,genres\n31,Dangerous Minds (1995),Drama|School\n1029,Dumbo,(no genres listed)\n"
    tables = understood(write(tmp_path / "ratings.csv", MOVIELENS), items=write(tmp_path / "movies.csv", movies))
    rows = list(read_rows(tmp_path / "movies.csv", tables.files[1].source, lambda *_: None))
    assert not isinstance(rows[0].value, BadRecord)
    records = tables.files[1].source.parse(rows[0].value).records
    assert records[0] == Item(id="31", title="Dangerous Minds (1995)")
    assert [r.id for r in records if isinstance(r, Category)] == ["Drama", "School"]
    assert [(r.source_id, r.target_id) for r in records if isinstance(r, ItemInCategory)] == [
        ("31", "Drama"),
        ("31", "School"),
    ]


@pytest.mark.parametrize(
    ("cells", "sign", "names"),
    [
        (["Food, Bars", "Bars", "Food", "Bars, Food"], ",", ["Food", "Bars"]),
        (["Action;Free to Play", "Action", "Free to Play", "Free to Play;Action"], ";", ["Action", "Free to Play"]),
        (["Home, Kitchen & Garden", "Toys", "Books"], None, ["Home, Kitchen & Garden"]),
        (["Food, Bars|Bars", "Bars", "Food, Bars"], None, ["Food, Bars", "Bars"]),
        (["[{'id': 16, 'name': 'Action'}, {'id': 9, 'name': 'War'}]"], None, ["Action", "War"]),
        (["[{'role': '', 'author_id': 7}, {'author_id': '8', 'author_name': 'King'}]"], None, ["7", "King"]),
    ],
)
def test_categories_are_parted_by_what_the_column_shows(
    tmp_path: Path, cells: list[str], sign: str | None, names: list[str]
) -> None:
    items = write(tmp_path / "i.jsonl", "\n".join(json.dumps({"id": n, "genres": c}) for n, c in enumerate(cells)))
    events = write(tmp_path / "t.csv", "user,item,at\n1,0,2020-03-01\n")
    tables = understood(events, items=items)
    assert tables.mapping.items.parted_by == sign and (len(tables.remarks) == 1) == (sign is not None)
    row = next(read_rows(items, tables.files[1].source, lambda *_: None)).value
    assert not isinstance(row, BadRecord)
    assert [r.id for r in tables.files[1].source.parse(row).records if isinstance(r, Category)] == names


def test_a_table_of_other_items_is_told(tmp_path: Path) -> None:
    events = write(tmp_path / "t.csv", "user,item\n1,0031\n2,0032\n")
    other = write(tmp_path / "other.jsonl", '{"id": 31, "title": "Lost"}\n{"id": 32}\n')
    [*_, remark] = understood(events, items=other).remarks
    assert remark.startswith(f"none of the first items of the events is in {other}, which holds 31, 32 …")
    same = write(tmp_path / "same.csv", "id,title\n0030,A\n0032,B\n")
    assert len(understood(events, items=same).remarks) == 1


def test_recbole_parts_its_lists_by_blanks(tmp_path: Path) -> None:
    items = "item_id:token\tmovie_title:token_seq\tclass:token_seq\na\tToy Story\tComedy Drama\n"
    tables = understood(write(tmp_path / "x.inter", RECBOLE), items=write(tmp_path / "x.item", items))
    assert tables.mapping.items == ItemColumns(
        id="item_id:token", title="movie_title:token_seq", category=("class:token_seq",)
    )
    row = next(read_rows(tmp_path / "x.item", tables.files[1].source, lambda *_: None)).value
    assert not isinstance(row, BadRecord)
    assert [r.id for r in tables.files[1].source.parse(row).records if isinstance(r, Category)] == ["Comedy", "Drama"]


def test_all_usual_columns_that_say_what_an_item_is_of_are_taken(tmp_path: Path) -> None:
    events = write(tmp_path / "t.csv", "user,item\n1,a\n2,b\n")
    items = write(
        tmp_path / "books.csv", "id,title,genre,author,publisher,price\na,Emma,Novel,Austen,,5\nb,It,Horror,King,,6\n"
    )
    tables = understood(events, items=items)
    assert tables.mapping.items.category == ("genre", "author"), "a column without values is none"
    row = next(read_rows(items, tables.files[1].source, lambda *_: None)).value
    assert not isinstance(row, BadRecord)
    assert [r.id for r in tables.files[1].source.parse(row).records if isinstance(r, Category)] == ["Novel", "Austen"]


def test_the_same_columns_may_say_what_items_are(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", 'user,item,name,shelf\n1,a,An Atlas,"[""Maps"", ""Travel""]"\n')
    tables = understood(path, TableMapping(items=ItemColumns(title="name", category=("shelf",))))
    row = next(read_rows(path, tables.files[0].source, lambda *_: None)).value
    assert not isinstance(row, BadRecord)
    records = tables.files[0].source.parse(row).records
    assert Item(id="a", title="An Atlas") in records and len(tables.files) == 1
    assert [r.id for r in records if isinstance(r, Category)] == ["Maps", "Travel"]


@pytest.mark.parametrize(
    ("event", "record"), [("LISTENED", Listened), ("LISTENED:Artist", ListenedToArtist), ("reviewed", Reviewed)]
)
def test_rows_may_become_another_event_type(tmp_path: Path, event: str, record: type) -> None:
    path = write(tmp_path / "t.csv", "user,item,plays,rating\n1,a,3,4\n")
    tables = understood(path, TableMapping(event=event))
    [found] = events_of(tables)
    assert isinstance(found, record) and tables.event is record
    assert getattr(found, "plays", 3) == 3 and getattr(found, "rating", 4) == 4


def test_an_event_type_has_what_it_has(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "user,item,mark\n1,a,4\n")
    with pytest.raises(SettingsError, match="LIKED events have no rating"):
        understood(path, TableMapping(event="LIKED", events=EventColumns(rating="mark")))
    with pytest.raises(SettingsError, match="a Track has no text"):
        understood(path, TableMapping(event="LISTENED", items=ItemColumns(text="mark")))
    with pytest.raises(SettingsError, match="no event type 'ENJOYED'"):
        understood(path, TableMapping(event="ENJOYED"))


def test_a_table_that_comes_again_with_more_columns_adds_to_its_events(tmp_path: Path) -> None:
    store = open_graph(f"ladybug:{tmp_path / 'graph'}")
    store.create_schema(graph_schema())
    options = IngestOptions(tmp_path / "staging", tmp_path / "quarantine")
    path = write(tmp_path / "t.csv", "user,item,mark,words,date\n1,a,4,Good,2020-03-01\n1,b,2,,2020-03-02\n")
    for columns in (EventColumns(), EventColumns(rating="mark"), EventColumns(rating="mark", text="words")):
        ingest_files(store, understood(path, TableMapping(events=columns)).files, None, options)
        [table] = list(store.read_edges(edge_type_of(Interacted), ["target_id", "rating", "text"]))
        assert len(table) == 2
    assert sorted(table.to_pylist(), key=str) == sorted(
        [{"target_id": "a", "rating": 4.0, "text": "Good"}, {"target_id": "b", "rating": 2.0, "text": None}], key=str
    )
    store.close()


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(st.builds(EventColumns, user=names, item=names, at_format=names), st.lists(names, max_size=3).map(tuple), names)
def test_a_mapping_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, events: EventColumns, categories: tuple[str, ...], name: str
) -> None:
    mapping = TableMapping(
        event=name, events=events, items=ItemColumns(category=categories), file=Layout(separator=name)
    )
    path = tmp_path_factory.mktemp("mapping") / "m.toml"
    write_mapping(mapping, path)
    assert read_mapping(path) == mapping


def test_a_mapping_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    path = write(tmp_path / "m.toml", '[events]\nusr = "u"\n')
    with pytest.raises(SettingsError, match=r"events\.usr is not known"):
        read_mapping(path)
    with pytest.raises(KindredError):
        read_mapping(write(path, "event ="))
    assert mapping_text(TableMapping()) == 'event = "INTERACTED"\n'


@pytest.mark.parametrize(
    "header",
    [
        "Kunden-Nr;Artikelnummer;Bewertung;Datum",
        "Käufer;Artikel-Nr.;Bewertung;Datum",
        "id_utilisateur;id_produit;étoiles;date_achat",
        "Usuario;Artículo;Valoración;Fecha",
        "пользователь;товар;оценка;дата",
        "用户ID;商品ID;评分;时间",
    ],
)
def test_names_of_columns_in_other_languages_are_known(tmp_path: Path, header: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{header}\nu1;p1;4;2021-03-01\nu2;p1;5;2021-03-02\n")
    events = interaction_files(TableMapping(), [path]).mapping.events
    assert [events.user, events.item, events.rating, events.at] == header.split(";")
