import numpy as np

from kindred.domain.interactions import Interactions
from kindred.linear.cold_items.fit import fit_cold_items, item_texts, no_texts, own_texts
from kindred.linear.cold_items.rows import ColdItemConfig, FirstEvents
from kindred.linear.inputs.event_text import EventText

THEMES, PER_THEME, USERS = 6, 8, 240
NUM_ITEMS = THEMES * PER_THEME
NEW = np.arange(THEMES) * PER_THEME


def two_themes_each():
    """Every user chooses four items of each of two themes that go together; the first item of a theme is new.

    Returns the events on the others, the items' texts, similar within a theme, and the themes of each user.
    """
    rng = np.random.default_rng(0)
    themes = np.stack([np.arange(USERS) % 3, np.arange(USERS) % 3 + 3], axis=1)
    within = np.stack([rng.permutation(np.arange(1, PER_THEME))[:4] for _ in range(2 * USERS)])
    items = np.repeat(themes.ravel(), 4) * PER_THEME + within.ravel()
    text = np.eye(THEMES)[np.arange(NUM_ITEMS) // PER_THEME] + rng.normal(0, 0.1, (NUM_ITEMS, THEMES))
    events = Interactions(np.repeat(np.arange(USERS), 8), items, USERS, NUM_ITEMS)
    return events, text.astype(np.float32), themes


def rows_of(train):
    """Encodes a user as what they chose and a constant."""

    def encode(rows):
        events = train.take(rows)
        chosen = np.zeros((train.num_users, train.num_items + 1), dtype=np.float32)
        chosen[events.user_index, events.item_index] = 1
        chosen[:, -1] = 1
        return chosen

    return encode


def items_of(train):
    """An item's score is how often it goes together with what a user chose, less popular ones louder."""
    chosen = rows_of(train)(np.arange(len(train)))[:, :-1]
    together = chosen.T @ chosen
    np.fill_diagonal(together, 0)
    items = np.concatenate([together, np.zeros((NUM_ITEMS, 1))], axis=1) / 10
    return items.astype(np.float32)


def fit(train, text, **settings):
    return fit_cold_items(train, own_texts(text), items_of(train), rows_of(train), ColdItemConfig(**settings))


def new_in_lists(train, rows):
    """Share of the positions in all users' lists of ten that these items take from the known ones."""
    users = rows_of(train)(np.arange(len(train)))
    known = users @ items_of(train).T
    known[users[:, :-1] > 0] = -np.inf
    known[:, NEW] = -np.inf
    lists = np.argsort(-np.concatenate([known, users @ rows.T], axis=1), axis=1)[:, :10]
    return (lists >= NUM_ITEMS).mean()


def test_a_new_item_finds_those_who_chose_what_goes_with_similar_ones():
    train, text, themes = two_themes_each()
    users = rows_of(train)(np.arange(len(train)))
    scores = users @ fit(train, text).encode(text[NEW]).T
    best_two = np.sort(np.argsort(-scores, axis=1)[:, :2], axis=1)
    assert (best_two == themes).all(axis=1).mean() > 0.95


def test_an_item_without_text_finds_users_like_those_who_chose_it():
    train, text, themes = two_themes_each()
    users = rows_of(train)(np.arange(len(train)))
    choosers = users[themes[:, 0] == 1][:3].sum(axis=0, keepdims=True)
    cold = fit(train, text)
    row = cold.encode(np.zeros((1, THEMES), dtype=np.float32), FirstEvents(choosers, np.array([3])))[0]
    scores = users @ row
    assert scores[themes[:, 0] == 1].mean() > scores[themes[:, 0] != 1].max()


def test_an_item_is_placed_alike_alone_and_among_others():
    train, text, _ = two_themes_each()
    cold = fit(train, text)
    np.testing.assert_allclose(cold.encode(text[NEW[2:3]])[0], cold.encode(text[NEW])[2], atol=1e-5)


def test_new_items_take_more_positions_the_more_they_are_allowed():
    train, text, _ = two_themes_each()
    shares = [new_in_lists(train, fit(train, text, max_share=share).encode(text[NEW])) for share in (0.0, 0.2, 1.0)]
    assert shares[0] < 0.02 < shares[1] < 0.4 < shares[2]


def test_users_who_have_nearly_all_do_not_keep_new_items_out():
    train, text, _ = two_themes_each()
    known = np.setdiff1d(np.arange(NUM_ITEMS), NEW)
    users = np.concatenate([train.user_index, USERS + np.repeat(np.arange(12), len(known))])
    fans = Interactions(users, np.concatenate([train.item_index, np.tile(known, 12)]), USERS + 12, NUM_ITEMS)
    cold = fit(fans, text)
    assert np.abs(cold.offsets).max() < 100, "of the size of scores, so that a row's own part is not rounded away"


def test_every_user_sees_the_offset_the_anonymous_one_as_well():
    train, text, _ = two_themes_each()
    constant = fit(train, text).constant
    encode = rows_of(train)
    np.testing.assert_allclose(encode(np.arange(len(train))) @ constant, 1, atol=0.05)
    np.testing.assert_allclose(encode(np.zeros(0, dtype=np.int64)) @ constant, 1, atol=0.05)


def test_of_a_large_catalogue_the_most_chosen_items_teach():
    train, text, _ = two_themes_each()
    cold = fit(train, text, max_items=5)
    counts = np.bincount(train.item_index, minlength=NUM_ITEMS)
    most = np.sort(np.argsort(-counts, kind="stable")[:5])
    alone = text[most] - text[most].mean(0)
    np.testing.assert_allclose(cold.known_text, alone / np.linalg.norm(alone, axis=1, keepdims=True), atol=1e-5)


def test_nothing_is_learned_from_one_item_with_a_text_among_others_without():
    train, text, _ = two_themes_each()
    text[2:] = 0
    text[0] = 0
    assert fit(train, text) is None


def test_without_any_text_all_items_teach_where_the_first_users_of_a_new_one_are_found():
    train, _, themes = two_themes_each()
    users = rows_of(train)(np.arange(len(train)))
    cold = fit_cold_items(train, no_texts(NUM_ITEMS), items_of(train), rows_of(train), ColdItemConfig(max_share=0.1))
    choosers = np.stack([users[(themes == theme).any(axis=1)][:3].sum(axis=0) for theme in range(THEMES)])
    rows = cold.encode(np.zeros((THEMES, 1), np.float32), FirstEvents(choosers, np.full(THEMES, 3)))
    best_two = np.sort(np.argsort(-(users @ rows.T), axis=1)[:, :2], axis=1)
    assert (best_two == themes).all(axis=1).mean() > 0.8
    assert 0.02 < new_in_lists(train, rows) < 0.3


def test_the_text_of_an_item_is_the_mean_of_those_events_that_have_one():
    texts = EventText.of(np.array([[1, 2], [3, 4], [0, 0], [0, 0]], dtype=np.float32))
    vectors = texts.means(np.array([0, 0, 0, 1]), 2)
    assert vectors.tolist() == [[2, 3], [0, 0]]


def test_items_without_text_of_their_own_are_new_with_the_mean_of_as_many_first_reviews_as_an_item_brings():
    events = Interactions(np.arange(4), np.array([0, 0, 0, 1]), 4, 2, at=np.array([3, 1, 2, 1]))
    texts = item_texts(events, EventText.of(np.array([[5, 2], [3, 4], [1, 0], [0, 0]], dtype=np.float32)))
    assert [text.tolist() for text in texts.new] == [
        [[3, 4], [0, 0]],
        [[3, 4], [0, 0]],
        [[2, 2], [0, 0]],
        [[3, 2], [0, 0]],
    ]
    assert texts.known.tolist() == [[3, 2], [0, 0]]


def test_calibration_lets_in_as_many_items_whichever_number_of_first_reviews_they_bring():
    """Reviews are about their theme with noise, so the mean of five says more than one."""
    train, text, _ = two_themes_each()
    noise = np.random.default_rng(1).normal(0, 1, (len(train), THEMES))
    reviews = (text[train.item_index] + noise).astype(np.float32)
    texts = item_texts(train, EventText.of(reviews))
    cold = fit_cold_items(train, texts, items_of(train), rows_of(train), ColdItemConfig(choosers=0))
    share = {1: 0.0, 5: 0.0}
    rng = np.random.default_rng(2)
    for number in share:
        of_new = (text[NEW] + rng.normal(0, 1, (20, number, THEMES, THEMES)).mean(1)).astype(np.float32)
        counts = np.full(THEMES, number)
        told = FirstEvents(np.zeros((THEMES, NUM_ITEMS + 1), np.float32), counts)
        share[number] = np.mean([new_in_lists(train, cold.encode(vectors, told)) for vectors in of_new])
    assert share[5] < 1.1 * share[1]
