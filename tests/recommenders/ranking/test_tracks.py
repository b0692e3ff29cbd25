"""Tracks from generated sessions, retrieved and ranked."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kindred import steps
from kindred.domain.errors import ArtifactError, SettingsError
from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.domain.recommendation import Answer, Candidate, Request
from kindred.domain.records import Listened
from kindred.domain.schema import graph_schema
from kindred.domain.sessions import SILENCE
from kindred.evaluation.splits import temporal_split
from kindred.ingest.generate.music import build_tracks
from kindred.ingest.generate.tracks import TrackSample
from kindred.linear.inputs.user_features import events_after
from kindred.models.pairwise_ranker import RankerConfig
from kindred.recommenders.answering.batch import open_published, recommend_to_all
from kindred.recommenders.answering.recommender import Opened
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.histories import Histories, no_histories, read_histories
from kindred.recommenders.judging.evaluating import EvaluationOptions, evaluate
from kindred.recommenders.judging.simulation import asking_policy, simulate
from kindred.recommenders.model import load_model
from kindred.recommenders.ranking.latest_events import LATEST_EVENTS, LatestEvents, in_session
from kindred.recommenders.ranking.pair_features import PairFeatures
from kindred.recommenders.ranking.ranker import Asking, RankedUsers, load_ranker, rank_candidates
from kindred.recommenders.ranking.ranker_data import PairSampler, Queries, sides_of
from kindred.recommenders.ranking.ranker_fitting import divide, fit_ranked
from kindred.recommenders.systems import find_system
from kindred.recommenders.tracks import TRACKS
from kindred.recommenders.two_stages import fit_split
from kindred.settings import Settings
from kindred.simulating import simulate_sessions
from kindred.training.fit import RunOptions
from tests.recommenders.conftest import ENCODER, SMALL, ids
from tests.recommenders.ranking.conftest import Music, small_ranker


def test_who_is_left_nothing_is_told_why(music: Music) -> None:
    every = list(music.graph.items)
    listens = [
        Listened(event_id=f"e{number}", source_id="new", target_id=track, share=number % 2)
        for number, track in enumerate(every)
    ]
    for events, rest, told in (
        (listens[::2], every[1::2], "skipped or excluded"),
        (listens, [], "played or skipped"),
        (listens[1::2], every[::2], "played or excluded"),
    ):
        answer = music.recommender(Request(events=events, exclude=frozenset(rest)))
        assert not ids(answer) and answer.note == f"nothing is left to recommend: every track is {told} already"


def test_a_reason_names_what_was_played(music: Music) -> None:
    answers = [music.recommender(Request(user_id=music.graph.users.external(user), k=5)) for user in range(10)]
    reasons = [item.reason.text for answer in answers for item in answer.recommendations if item.reason]
    assert reasons and all(text.startswith("you played “") for text in reasons)


def test_retrieval_learns_nothing_of_what_the_ranker_learns_from_and_is_validated_on() -> None:
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 30, 600), rng.integers(0, 50, 600)
    for at in (rng.integers(0, 10_000, 600), None):
        events = Interactions(users, items, 30, 50, at=at, edge_index=np.arange(600))
        parts = divide(events, ModelConfig(), 3, temporal=at is not None)
        assert not (parts.base & (parts.learn | parts.validation)).any() and not (parts.learn & parts.validation).any()
        assert parts.learn.sum() >= 20 and parts.validation.sum() >= 10
        pairs = users * 50 + items
        assert set(pairs[parts.learn | parts.validation]).isdisjoint(pairs[parts.base])
        if at is not None:
            for user in range(30):
                mine = users == user
                later, base = at[mine & (parts.learn | parts.validation)], at[mine & parts.base]
                assert later.min(initial=1 << 40) >= base.max()


def test_no_choice_of_a_user_then_or_later_is_a_negative(music: Music) -> None:
    """Of retrieval's candidates and of popular tracks, which hold later choices too; nor is one in validation."""
    model, events = load_model(TRACKS, music.run.folder), music.graph.interactions
    parts = divide(events, SMALL, 3, temporal=True)
    base, learn = np.flatnonzero(parts.base), np.flatnonzero(parts.learn)
    queries = Queries.of(model, music.graph, learn, np.arange(len(events)), base)
    features = PairFeatures.of(music.graph, events, None)
    sampler = PairSampler(features, events, RankerConfig(candidates=100), 3)
    chosen = set(zip(events.user_index.tolist(), events.item_index.tolist(), strict=True))
    users = queries.users.position

    def are_chosen(rows: IntArray, items: IntArray) -> list[bool]:
        return [pair in chosen for pair in zip(users[rows].tolist(), items.tolist(), strict=True)]

    candidates = sampler.lists(queries).items
    assert sum(are_chosen(*_pairs_in(candidates))) > len(learn)  # what they choose later is among the candidates
    pairs, pool = sampler.learning(queries)
    assert len(_pairs_in(pool.items)[0]) > 20 * len(learn) and not any(are_chosen(*_pairs_in(pool.items)))
    validation = sampler.validation(queries)
    for found in (pairs, validation):
        choices = found.label == 1
        assert choices.any() and all(are_chosen(found.user_index[choices], found.item_index[choices]))
    others = validation.label == 0
    assert others.sum() > 5 * len(learn)
    assert not any(are_chosen(validation.user_index[others], validation.item_index[others]))


def _pairs_in(items: IntArray) -> tuple[IntArray, IntArray]:
    rows, columns = np.nonzero(items >= 0)
    return rows, items[rows, columns]


def test_the_latest_events_are_scored_alone(music: Music) -> None:
    model, events = load_model(TRACKS, music.run.folder), music.graph.interactions
    assert events.at is not None
    latest = LatestEvents.of(model, events, None)
    for user in (0, 7, 40):
        mine = np.flatnonzero(events.user_index == user)
        ordered = mine[np.argsort(events.at[mine], kind="stable")]
        new = np.flatnonzero(np.diff(events.at[ordered], prepend=-1e9) > SILENCE)[-1]
        counts = [*LATEST_EVENTS, min(len(ordered) - new, 10)]
        last = ordered[-max(counts) :]
        alone = [Histories(replace(events.take(np.array([row])), at=None), {}) for row in last]
        added = [model.event_rows(one)[0] for one in alone]
        for column, count in enumerate(counts):
            wanted = np.sum(added[-count:], axis=0) @ model.ranking.items.T
            assert np.allclose(latest.scores(np.array([user]))[column, 0], wanted, atol=1e-4)
    nothing = events.take(np.zeros(0, np.int64))
    strangers = LatestEvents.of(model, nothing, None)
    assert not strangers.rows.any() and len(strangers.rows) == events.num_users


def test_a_session_ends_with_a_silence_and_is_the_last_ten_events_at_most() -> None:
    at = np.array([0, 100, 5_000, 5_000 + SILENCE, 7_000, *range(20, 32)])
    user = np.array([0, 0, 0, 0, 0, *[2] * 12])
    events = Interactions(user, np.zeros(len(at), np.int64), 3, 1, at=at)
    after, timeless = events_after(events), replace(events, at=None)
    told = in_session(events, after, None)
    assert told[:5].tolist() == [False, False, True, True, True]
    assert told[5:].tolist() == [False] * 2 + [True] * 10
    assert in_session(timeless, events_after(timeless), None).all()
    asked = in_session(events, after, np.array([7_000 + SILENCE, 0, 31 + SILENCE]))
    assert (asked == told).all()
    late = in_session(events, after, np.array([7_001 + SILENCE, 0, 31 + SILENCE]))
    assert not late[:5].any() and (late[5:] == told[5:]).all()
    assert in_session(timeless, events_after(timeless), np.full(3, 1 << 40)).all()


def test_a_saved_ranker_that_reads_other_numbers_is_refused(music: Music, tmp_path: Path) -> None:
    ranker = small_ranker(music, load_model(TRACKS, music.run.folder))
    fewer = {name: value[..., :-1] for name, value in ranker.scores.weights.items() if name in ("mean", "deviation")}
    replace(ranker, scores=replace(ranker.scores, weights={**ranker.scores.weights, **fewer})).save(tmp_path)
    with pytest.raises(ArtifactError, match="does not fit this version") as refused:
        load_ranker(tmp_path)
    assert refused.value.next_step == "train again"


def test_the_ranker_answers_as_it_was_judged(music: Music, tmp_path: Path) -> None:
    """The order of an answer is that of the scores that evaluation ranks by, alone and in a batch."""
    every = np.arange(len(music.graph.interactions))
    config = SMALL.model_copy(update={"ranker": RankerConfig(epochs=2, candidates=20)})
    ranked = fit_ranked(music.graph, every, config, RunOptions(tmp_path / "run", seed=3, device="cpu"))
    assert {"ndcg@10", "ndcg@10 of retrieval", "gain", "used", "roc_auc", "sessions"} <= set(ranked.noted)
    judged: Any = ranked.noted["sessions"]
    assert ranked.noted["used"] == any(kind["used"] for kind in judged.values()) == (ranked.ranker is not None)
    ranker = ranked.ranker or small_ranker(music, ranked.model)
    ranker.save(tmp_path)
    loaded = load_ranker(tmp_path)
    scorer, users, items = ranked.users.scorer(ranker), music.graph.users, music.graph.items
    batch = scorer(np.arange(30))
    for user in range(0, 30, 7):
        row = batch[user]
        assert np.allclose(scorer(np.array([user]))[0], row, atol=1e-4)
        best = np.argsort(-row, kind="stable")[:20]
        history = read_histories(TRACKS, music.store, items, [users.external(user)])
        assert ranked.users.skips is not None  # those after the last event are left out, where it is judged
        skipped = ranked.users.skips.item_index[ranked.users.skips.user_index == user]
        assert set(items.positions(history.skipped_ids)) >= set(skipped)
        ids_of = [items.external(int(item)) for item in skipped]
        found = ranked.model.score_users(np.array([user]))[0]
        candidates = [Candidate(items.external(int(item)), float(found[item])) for item in best]
        asker = Asking(
            users.external(user),
            history.item_ids,
            history.times,
            ids_of,
            ranked.model.learned_rows(history),
            at=int(history.times[-1]),
        )
        logits = rank_candidates(loaded, ranked.model, asker, candidates)
        assert np.allclose(np.array(logits) - logits[0], row[best] - row[best[0]], atol=1e-3)
        assert (np.diff(logits) <= 1e-4).all()
        stranger = replace(asker, user_id="new")
        assert np.isfinite(
            rank_candidates(loaded, ranked.model, stranger, [*candidates, Candidate("T99999", 0.0)])
        ).all()


def test_a_ranker_ranks_only_for_those_for_whom_it_was_better(music: Music) -> None:
    """In a session or between two; for the others the order is that of retrieval, in a batch as in an answer."""
    model, events = load_model(TRACKS, music.run.folder), music.graph.interactions
    both = small_ranker(music, model)
    late = np.full(events.num_users, events.at.max() + SILENCE + 1)
    sides = sides_of(music.graph, model)
    users, user_id = np.arange(20), music.graph.users.external(3)
    history = read_histories(TRACKS, music.store, music.graph.items, [user_id])
    for asked_at, kind in ((None, "within"), (late, "between")):
        latest = LatestEvents.of(model, events, asked_at)
        ranked = RankedUsers(model.score_users, users, sides.user_graph, events, None, latest)
        retrieval, network = (ranked.scorer(ranker)(users) for ranker in (None, both))
        assert not same_order(retrieval, network)
        assert same_order(
            network, ranked.scorer(replace(both, **{"within": False, "between": False, kind: True}))(users)
        )
        other = replace(both, **{kind: False})
        assert same_order(retrieval, ranked.scorer(other)(users))
        best = np.argsort(-retrieval[3], kind="stable")[:9]
        candidates = [Candidate(music.graph.items.external(int(item)), float(retrieval[3, item])) for item in best]
        at = int(history.times[-1]) if asked_at is None else int(late[3])
        assert replace(both, **{"within": False, "between": False, kind: True}).ranks_at(history.times, at)
        assert not other.ranks_at(history.times, at)
        asker = Asking(user_id, history.item_ids, history.times, (), model.learned_rows(history), at)
        assert rank_candidates(both, model, asker, candidates) != [candidate.score for candidate in candidates]
        nothing_more = replace(asker, learned=model.learned_rows(no_histories(1, len(music.graph.items))))
        assert rank_candidates(both, model, nothing_more, candidates) != rank_candidates(both, model, asker, candidates)
        opened = load_model(TRACKS, music.run.folder)
        of_network = replace(opened, open_exported=None).learned_rows(history)
        assert opened.learned_rows(history) == pytest.approx(of_network, abs=1e-3)
        assert "learned" not in vars(opened), "the exported network encodes, without PyTorch"


def same_order(left: FloatArray, right: FloatArray) -> bool:
    """Whether both rank the first hundred items of every user alike."""
    orders = [np.argsort(-scores, axis=1, kind="stable")[:, :100] for scores in (left, right)]
    return bool((orders[0] == orders[1]).all())


def test_more_events_than_a_ranking_is_learned_from_are_fitted_once(music: Music, tmp_path: Path) -> None:
    every = np.arange(len(music.graph.interactions))
    config = SMALL.model_copy(update={"ranker": RankerConfig(most_events=len(every) - 1)})
    ranked = fit_ranked(music.graph, every, config, RunOptions(tmp_path, seed=3, device="cpu"))
    assert ranked.ranker is None and "ranker.most_events" in str(ranked.noted["note"])
    assert not (tmp_path / "ranker").exists()


def test_at_most_so_many_tracks_by_one_artist(music: Music) -> None:
    user = music.graph.users.external(0)
    free = music.recommender(Request(user_id=user, k=10, reasons=False))
    one = music.recommender(Request(user_id=user, k=10, reasons=False, at_most={"artist": 1}))

    def artists(answer: Answer) -> list[str]:
        edge = graph_schema().edge(TRACKS.triples[1])
        return [music.store.target_ids(edge, item)[0] for item in ids(answer)]

    assert len(artists(free)) > len(set(artists(free)))
    assert len(artists(one)) == len(set(artists(one))) > 0
    with pytest.raises(SettingsError, match="have no label"):
        music.recommender(Request(user_id=user, at_most={"label": 1}))


def test_reports_tell_what_few_tracks_by_one_artist_cost(music: Music, tmp_path: Path) -> None:
    graph, split = music.graph, temporal_split(music.graph.interactions)
    fitted = fit_split(graph, SMALL, split, RunOptions(tmp_path, seed=3, device="cpu"))
    assert fitted.score_users is not None
    capped = fitted.variants["at_most_2_of_one_artist"].score_users
    assert capped is not None and {"retrieval_alone", "at_most_2_of_one_artist"} <= set(fitted.variants)
    artist_of = dict(graph.data[TRACKS.triples[1]].edge_index.t().tolist())
    users, num_fewer = np.arange(30), 0
    for free, few in zip(fitted.score_users(users), capped(users), strict=True):
        counts: Counter[int] = Counter()
        wanted = []
        for item in np.argsort(-free, kind="stable")[: np.isfinite(free).sum()].tolist():
            counts[artist_of[item]] += 1
            wanted += [item] * (counts[artist_of[item]] <= 2)
        assert np.argsort(-few, kind="stable")[:10].tolist() == wanted[:10]
        num_fewer += wanted[:10] != np.argsort(-free, kind="stable")[:10].tolist()
    assert num_fewer > 5
    options = EvaluationOptions("temporal", range(1), all_baselines=False)
    report = evaluate(graph, SMALL, options, RunOptions(tmp_path / "report", device="cpu"), lambda *_: fitted)
    few = report["ablation"]["at_most_2_of_one_artist"]["ranking"]["makers"]
    assert 10 >= few > report["ranking"]["model"]["makers"] >= 1 and report["ranking"]["model"]["recall@100"] > 0


def test_everyone_is_answered_as_each_alone(music: Music) -> None:
    found = dict(recommend_to_all(TRACKS, music.opened, 12))
    assert set(found) == set(music.graph.users)
    for user in list(found)[:25]:
        alone = music.recommender(Request(user_id=user, k=12, reasons=False))
        assert found[user] == ids(alone)
    one = dict(recommend_to_all(TRACKS, music.opened, 12, {"artist": 1}))
    edge = graph_schema().edge(TRACKS.triples[1])
    for items in list(one.values())[:10]:
        artists = [music.store.target_ids(edge, item)[0] for item in items]
        assert len(artists) == len(set(artists)) > 0
    with pytest.raises(SettingsError, match="have no label"):
        next(recommend_to_all(TRACKS, music.opened, 12, {"label": 1}))


def test_a_ranker_answers_everyone_as_each_alone(music: Music, tmp_path: Path) -> None:
    folder = tmp_path / music.run.name
    shutil.copytree(music.run.folder, folder)
    small_ranker(music, load_model(TRACKS, folder)).save(folder)
    opened = Opened(music.store, music.opened.vectors, tmp_path, lambda: ENCODER)
    recommender, users = find_system("tracks").open_recommender(opened), music.graph.users.ids[:25]
    found, plain = (dict(recommend_to_all(TRACKS, one, 12)) for one in (opened, music.opened))
    assert all(found[user] == ids(recommender(Request(user_id=user, k=12, reasons=False))) for user in users)
    assert sum(found[user] != plain[user] for user in users) > 20
    recommender.refresh()
    events = music.graph.interactions
    assert events.at is not None
    user = music.graph.users.external(int(events.user_index[np.argmax(events.at)]))
    quick = Request(user_id=user, k=12, reasons=False)
    assert not recommender.is_quick(quick)
    replace(small_ranker(music, load_model(TRACKS, folder)), between=False).save(folder)
    again = find_system("tracks").open_recommender(opened)
    again.refresh()
    assert again.is_quick(quick) and ids(again(quick)) == plain[user]
    late = int(events.at.max()) + SILENCE
    assert again.is_quick(replace(quick, at=late + 1)) and not again.is_quick(replace(quick, at=late))


def test_published_embeddings_multiply_to_the_scores_of_retrieval(music: Music) -> None:
    version, published = open_published(TRACKS, music.opened)
    user = music.graph.users.external(3)
    rows = published.users.vectors[published.users.ids.positions([user])]
    wanted = version.model.score_users(version.model.users.positions([user]))
    assert np.allclose(rows @ published.items.vectors.T, wanted, atol=1e-4)


def test_a_simulated_session_is_answered_by_all_that_its_listener_did(
    music: Music, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the commands as by hand: what the graph holds, then what the session heard, and none of it again."""
    monkeypatch.setattr(steps, "graph_to_read", lambda settings: nullcontext(music.store))
    monkeypatch.setattr(steps, "vectors_of", lambda settings: nullcontext(music.opened.vectors))
    shutil.copytree(music.run.folder, tmp_path / "artifacts" / "tracks" / music.run.name)
    settings, levels = Settings(data_dir=tmp_path, seed=3), Counter[str]()
    before, again = (simulate_sessions(settings, policy, (80, 160), 40, 1) for policy in ("model", "model-asked-again"))

    for policy in ("model", "model-asked-again"):
        with pytest.raises(SettingsError, match="160 tracks, 100 of them among the 100 "):
            simulate_sessions(settings, policy, (80, 100), 40, 1)

    def recommend(request: Request) -> Answer:
        events = [event.target_id for event in request.events]
        assert request.user_id is not None and events[: len(past(request.user_id))] == played(request.user_id)
        answer = music.recommender(request)
        assert len(ids(answer)) == 1 and set(ids(answer)).isdisjoint(events)
        levels[answer.level] += 1
        return answer

    def past(user: str) -> list[Listened]:
        return [Listened(**row) for row in music.store.edges_of(TRACKS.edge, user).to_pylist()]

    def played(user: str) -> list[str]:
        return [event.target_id for event in past(user)]

    by_hand = simulate(TrackSample(80, 160, 80, 3), asking_policy(recommend, past, build_tracks(160, 3), 1), 40, 3)
    assert by_hand.seconds.tolist() == again.seconds.tolist() != before.seconds.tolist()
    assert set(levels) == {"inductive"} and before.tracks.mean() > 0
