"""Namespaces: what is told apart, and what stays one."""

from kindred.domain.records import Brand, Edge, Node, User
from kindred.ingest.loading.namespace import Namespace, in_namespace
from kindred.ingest.sources.amazon import METADATA, REVIEWS

REVIEW = {"reviewerID": "7", "asin": "P1", "overall": 5.0, "unixReviewTime": 1_400_000_000, "reviewText": "good"}


def records(namespace: Namespace) -> tuple[Edge, User, Node]:
    edge, user, product = in_namespace(REVIEWS, namespace).parse(REVIEW).records
    assert isinstance(edge, Edge) and isinstance(user, User) and isinstance(product, Node)
    return edge, user, product


def test_users_and_items_have_prefixes_of_their_own() -> None:
    edge, user, product = records(Namespace(users="shop", items="2014"))
    assert (user.id, product.id) == ("shop:7", "2014:P1")
    assert (edge.source_id, edge.target_id) == (user.id, product.id)


def test_an_empty_prefix_changes_no_id() -> None:
    edge, user, product = records(Namespace(items="2014"))
    assert (user.id, product.id, edge.source_id) == ("7", "2014:P1", "7")


def test_the_same_event_in_two_namespaces_is_two_events() -> None:
    keys = {records(namespace)[0].event_id for namespace in (Namespace(), Namespace("a"), Namespace("b"))}
    assert len(keys) == 3


def test_names_mean_the_same_everywhere() -> None:
    row = {"asin": "P1", "title": "Strings", "brand": "Acme"}
    found = in_namespace(METADATA, Namespace(users="shop", items="2014")).parse(row).records
    assert [record.id for record in found if isinstance(record, Brand)] == ["Acme"]


def test_a_node_that_is_mentioned_again_is_the_same_object() -> None:
    source = in_namespace(REVIEWS, Namespace(users="shop"))
    assert source.parse(REVIEW).records[1] is source.parse(dict(REVIEW, asin="P2")).records[1]
