from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.mentions import mentions
from kindred.domain.errors import SettingsError, StoreError
from kindred.domain.records import Brand, Category, Product, Reviewed, User
from kindred.ingest.generate.aspects import ASPECTS
from kindred.ingest.generate.products import ProductSample, generate_products
from kindred.ingest.generate.sampler import Sampler, apportion
from kindred.ingest.generate.shop import COMMUNITIES, SHELVES, STYLES
from kindred.ingest.generate.write import write_json_lines
from kindred.ingest.sources.amazon import METADATA, REVIEWS

SMALL = ProductSample(users=60, products=40, reviews=400, seed=7)
SMALL_REVIEWS_SHA256 = "eac16ee35d27da5f1df5f492c2753ebead559ea4540037d00230c773187f314b"

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@dataclass(frozen=True)
class Sample:
    reviews: list[Row]
    metadata: dict[str, Row]

    def shelf(self, review: Row) -> str | None:
        product = self.metadata.get(review["asin"])
        return product["category"][1] if product else None


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    files = generate_products(ProductSample(), tmp_path_factory.mktemp("sample"))
    return Sample(read_rows(files.reviews), {row["asin"]: row for row in read_rows(files.metadata)})


def by_user(reviews: list[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for review in reviews:
        groups[review["reviewerID"]].append(review)
    return groups


# Sizes, bytes, memory


def test_equal_seeds_give_equal_bytes_on_every_machine(tmp_path: Path) -> None:
    first, again = generate_products(SMALL, tmp_path / "first"), generate_products(SMALL, tmp_path / "again")
    assert first.reviews.read_bytes() == again.reviews.read_bytes()
    assert first.metadata.read_bytes() == again.metadata.read_bytes()
    # A change of words or of structure changes this sum, and should: write the new one here.
    assert hashlib.sha256(first.reviews.read_bytes()).hexdigest() == SMALL_REVIEWS_SHA256


def test_other_seeds_give_other_tastes_not_only_other_words(tmp_path: Path) -> None:
    samples = [generate_products(ProductSample(60, 40, 400, seed), tmp_path / str(seed)) for seed in (7, 8)]
    bought = [Counter(row["asin"] for row in read_rows(files.reviews)) for files in samples]
    assert bought[0] != bought[1]


@given(st.integers(1, 40), st.integers(1, 12), st.data())
@settings(max_examples=25, deadline=None)
def test_any_possible_size_is_met_exactly(users: int, products: int, data: st.DataObject) -> None:
    reviews = data.draw(st.integers(users, users * products))
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr("kindred.ingest.generate.products.REVIEWS_A_CHUNK", 64)
        files = generate_products(ProductSample(users, products, reviews, seed=3), Path(folder))
        rows = read_rows(files.reviews)
    assert len(rows) == reviews
    assert len({row["reviewerID"] for row in rows}) == users
    assert {row["asin"] for row in rows} <= {f"P{number:05d}" for number in range(1, products + 1)}
    moments = {(row["reviewerID"], row["unixReviewTime"]) for row in rows}
    assert len(moments) == reviews


@pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (3, 5, 2), (2, 2, 5)])
def test_impossible_sizes_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(SettingsError):
        ProductSample(*sizes)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(SettingsError):
        ProductSample(seed=-1)


def test_memory_does_not_grow_with_reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kindred.ingest.generate.products.REVIEWS_A_CHUNK", 1024)

    def peak(reviews: int) -> int:
        tracemalloc.start()
        generate_products(ProductSample(users=400, products=100, reviews=reviews, seed=1), tmp_path)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    assert peak(12_000) < 1.2 * peak(4_000)


def test_progress_ends_at_the_number_asked_for(tmp_path: Path) -> None:
    reports: list[tuple[str, int, int | None]] = []
    generate_products(ProductSample(2000, 50, 20_000, 1), tmp_path, lambda *report: reports.append(report))
    done = [report[1] for report in reports]
    assert done == sorted(done) and len(done) >= 2
    assert reports[-1][1:] == (20_000, 20_000)


def test_an_interrupted_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_json_lines(path, [{"kept": True}])

    def interrupted() -> Iterator[dict[str, object]]:
        yield {"kept": False}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_json_lines(path, interrupted())
    assert read_rows(path) == [{"kept": True}]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(StoreError, match="can't write"):
        generate_products(SMALL, tmp_path / "taken")


# Sampler


@given(st.integers(0, 2**40), st.lists(st.tuples(st.floats(0.01, 100), st.integers(0, 30)), min_size=1, max_size=30))
def test_apportion_shares_everything_out_within_the_caps(seed: int, parts: list[tuple[float, int]]) -> None:
    weights, caps = np.array([w for w, _ in parts]), np.array([c for _, c in parts])
    total = seed % (int(caps.sum()) + 1)
    shares = apportion(total, weights, caps)
    assert shares.sum() == total
    assert (shares >= 0).all() and (shares <= caps).all()


def test_weighted_draws_never_fall_on_weight_zero_and_keep_proportions() -> None:
    drawn = Sampler(1).weighted(np.cumsum([0.0, 3.0, 0.0, 1.0]), 4000)
    counts = np.bincount(drawn, minlength=4)
    assert counts[0] == counts[2] == 0
    assert counts[1] / 4000 == pytest.approx(0.75, abs=0.03)


def test_the_bell_is_centred_with_deviation_one() -> None:
    values = Sampler(2).bell(20_000)
    assert abs(values.mean()) < 0.03
    assert values.std() == pytest.approx(1.0, abs=0.02)


# Words


def test_the_shop_is_consistent() -> None:
    names = {aspect.name for aspect in ASPECTS}
    assert all(set(shelf.aspects) <= names and len(set(shelf.aspects)) == 8 for shelf in SHELVES)
    shelves = {shelf.name for shelf in SHELVES}
    assert all(len(c.shelves) == 3 and set(c.shelves) <= shelves and set(c.styles) <= set(STYLES) for c in COMMUNITIES)
    assert all(min(len(a.wish), len(a.praise), len(a.fault), len(a.praise_headline)) >= 4 for a in ASPECTS)


def test_every_line_is_a_valid_record_of_a_known_product_or_one_without_metadata(sample: Sample) -> None:
    for row in sample.reviews[:4000]:
        labels = Counter(type(record) for record in REVIEWS.parse(row).records)
        assert labels == {User: 1, Product: 1, Reviewed: 1}
    for row in sample.metadata.values():
        labels = Counter(type(record) for record in METADATA.parse(row).records)
        assert labels[Product] == 1 and labels[Category] == 2 and labels[Brand] == ("brand" in row)
    unknown = {row["asin"] for row in sample.reviews} - set(sample.metadata)
    assert 0 < len(unknown) < 40


def test_texts_are_short_and_varied(sample: Sample) -> None:
    texts = [row["reviewText"] for row in sample.reviews]
    words = np.array([len(text.split()) for text in texts])
    assert 12 < words.mean() < 20 and words.max() <= 42
    assert len(set(texts)) > 0.9 * len(texts)
    assert 0.005 < sum(not text for text in texts) / len(texts) < 0.025
    assert any(not row["reviewerName"].isascii() for row in sample.reviews if "reviewerName" in row)
    assert any("reviewerName" not in row for row in sample.reviews)


def test_no_slot_is_left_unfilled(sample: Sample) -> None:
    assert not [row for row in sample.reviews if "{" in row["reviewText"] + row["summary"]]
    assert not [row for row in sample.metadata.values() if "{" in row["title"] + row.get("description", "")]


# Planted structure


def test_activity_is_heavy_tailed_and_most_users_have_three_reviews(sample: Sample) -> None:
    counts = np.array([len(rows) for rows in by_user(sample.reviews).values()])
    assert len(counts) == 3000
    assert (counts >= 3).mean() > 0.85
    assert counts.max() > 15 * np.median(counts)


def test_second_reviews_of_a_product_are_rare_but_there(sample: Sample) -> None:
    pairs = {(row["reviewerID"], row["asin"]) for row in sample.reviews}
    assert 0.001 < 1 - len(pairs) / len(sample.reviews) < 0.01


def test_users_keep_to_the_shelves_of_their_community(sample: Sample) -> None:
    shares = [
        sum(count for _, count in Counter(map(sample.shelf, rows)).most_common(3)) / len(rows)
        for rows in by_user(sample.reviews).values()
        if len(rows) >= 10
    ]
    all_shelves = Counter(map(sample.shelf, sample.reviews))
    by_chance = sum(count for _, count in all_shelves.most_common(3)) / len(sample.reviews)
    assert np.mean(shares) > 0.75 > 2 * by_chance


def test_fame_is_heavy_tailed_and_drifts(sample: Sample) -> None:
    counts = np.array([count for _, count in Counter(row["asin"] for row in sample.reviews).most_common()])
    assert counts[:80].sum() > 0.25 * counts.sum()
    in_order = sorted(sample.reviews, key=lambda row: row["unixReviewTime"])
    early, late = (Counter(row["asin"] for row in part) for part in (in_order[:4000], in_order[-4000:]))
    kept = {asin for asin, _ in early.most_common(50)} & {asin for asin, _ in late.most_common(50)}
    assert len(kept) < 25


def test_ratings_lean_to_five_stars_and_users_differ_in_scale(sample: Sample) -> None:
    stars = Counter(row["overall"] for row in sample.reviews)
    assert set(stars) == {1.0, 2.0, 3.0, 4.0, 5.0}
    assert stars.most_common(1)[0][0] == 5.0 and 0.5 < stars[5.0] / len(sample.reviews) < 0.68
    means = [np.mean([r["overall"] for r in rows]) for rows in by_user(sample.reviews).values() if len(rows) >= 10]
    chance = np.std([r["overall"] for r in sample.reviews]) / np.sqrt(10)
    assert np.std(means) > 1.3 * chance
    assert 0.8 < np.mean([row["verified"] for row in sample.reviews]) < 0.92


def test_users_return_to_the_same_aspects_across_shelves(sample: Sample) -> None:
    repeated = pairs = 0
    for rows in by_user(sample.reviews).values():
        first = [(sample.shelf(row), spoken[0][0]) for row in rows if (spoken := mentions(row["reviewText"]))]
        for (shelf, aspect), (other_shelf, other) in pairwise(first):
            if shelf != other_shelf:
                pairs += 1
                repeated += aspect == other
    assert repeated / pairs > 4 / len(ASPECTS)  # chance would be 1 / 14 and a little


def test_stars_do_not_tell_the_aspect_and_good_stars_come_with_faults(sample: Sample) -> None:
    best = [spoken for r in sample.reviews if r["overall"] == 5 and (spoken := mentions(r["reviewText"]))]
    aspects = Counter(aspect for spoken in best for aspect, _ in spoken)
    assert len(aspects) == len(ASPECTS)
    assert max(aspects.values()) < 0.2 * aspects.total()
    faulted = sum(not is_praise for spoken in best for _, is_praise in spoken) / aspects.total()
    assert 0.08 < faulted < 0.3


def others_praise(reviews: list[Row]) -> list[tuple[float, float]]:
    """For each review that speaks: what other users say of its product on its first aspect, and its stars."""
    said: dict[tuple[str, int], list[int]] = defaultdict(list)
    for row in reviews:
        for aspect, is_praise in mentions(row["reviewText"]):
            said[row["asin"], aspect].append(1 if is_praise else -1)
    found = []
    for row in reviews:
        for aspect, is_praise in mentions(row["reviewText"])[:1]:
            others = said[row["asin"], aspect]
            if len(others) > 3:
                found.append(((sum(others) - (1 if is_praise else -1)) / (len(others) - 1), row["overall"]))
    return found


def test_what_others_praise_decides_ratings_beyond_the_mean_of_the_product(sample: Sample) -> None:
    mean = {asin: np.mean(stars) for asin, stars in grouped_stars(sample.reviews).items()}
    centred = [{**row, "overall": row["overall"] - mean[row["asin"]]} for row in sample.reviews]
    praise, stars = np.array(others_praise(centred)).T
    assert np.corrcoef(praise, stars)[0, 1] > 0.15


def grouped_stars(reviews: list[Row]) -> dict[str, list[float]]:
    groups: dict[str, list[float]] = defaultdict(list)
    for row in reviews:
        groups[row["asin"]].append(row["overall"])
    return groups


def test_aspects_decide_what_is_chosen_among_products_of_one_shelf(sample: Sample) -> None:
    """A user's last purchase is better at what their texts spoke of than what others bought on that shelf."""
    histories = {
        user: sorted(rows, key=lambda r: r["unixReviewTime"]) for user, rows in by_user(sample.reviews).items()
    }
    earlier = [row for rows in histories.values() for row in rows[:-1]]
    said: dict[tuple[str, int], list[int]] = defaultdict(list)
    on_shelf: dict[tuple[str | None, int], list[float]] = defaultdict(list)
    for row in earlier:
        for aspect, is_praise in mentions(row["reviewText"]):
            said[row["asin"], aspect].append(1 if is_praise else -1)
    for row in earlier:
        for aspect in range(len(ASPECTS)):
            if others := said.get((row["asin"], aspect)):
                on_shelf[sample.shelf(row), aspect].append(sum(others) / (len(others) + 2))
    usual = {key: float(np.mean(values)) for key, values in on_shelf.items()}
    gains = []
    for rows in histories.values():
        cares = Counter(aspect for row in rows[:-1] for aspect, _ in mentions(row["reviewText"]))
        for aspect, _ in cares.most_common(1):
            if (key := (sample.shelf(rows[-1]), aspect)) in usual:
                others = said.get((rows[-1]["asin"], aspect), [])
                gains.append(sum(others) / (len(others) + 2) - usual[key])
    assert len(gains) > 1000
    assert np.mean(gains) > 5 * np.std(gains) / np.sqrt(len(gains))
