import numpy as np

from kindred.domain.interactions import Interactions
from kindred.linear.cold_items import ColdItemConfig, fit_cold_items, text_of_items

THEMES, PER_THEME, USERS = 6, 8, 240
NUM_ITEMS = THEMES * PER_THEME
NEW = np.arange(THEMES) * PER_THEME


def two_themes_each():
    """Everyone chooses one item of each of two themes that go together; the first item of a theme is new.

    Returns the events on the others, the items' texts, alike within a theme, and the themes of each user.
    """
    rng = np.random.default_rng(0)
    themes = np.stack([np.arange(USERS) % 3, np.arange(USERS) % 3 + 3], axis=1)
    items = themes * PER_THEME + rng.integers(1, PER_THEME, themes.shape)
    text = np.eye(THEMES)[np.arange(NUM_ITEMS) // PER_THEME] + rng.normal(0, 0.1, (NUM_ITEMS, THEMES))
    events = Interactions(np.repeat(np.arange(USERS), 2), items.ravel(), USERS, NUM_ITEMS)
    return events, text.astype(np.float32), themes


def rows_of(train):
    """Encodes a user as what they chose, and nothing else."""

    def encode(rows):
        events = train.take(rows)
        chosen = np.zeros((train.num_users, train.num_items), dtype=np.float32)
        chosen[events.user_index, events.item_index] = 1
        return chosen

    return encode


def test_a_new_item_finds_those_who_chose_what_goes_with_its_look_alikes():
    train, text, themes = two_themes_each()
    cold = fit_cold_items(train, text, rows_of(train), ColdItemConfig())
    scores = rows_of(train)(np.arange(len(train))) @ cold.encode(text[NEW]).T
    best_two = np.sort(np.argsort(-scores, axis=1)[:, :2], axis=1)
    assert (best_two == themes).all(axis=1).mean() > 0.95


def test_an_item_is_placed_alike_alone_and_among_others():
    train, text, _ = two_themes_each()
    cold = fit_cold_items(train, text, rows_of(train), ColdItemConfig())
    np.testing.assert_allclose(cold.encode(text[NEW[2:3]])[0], cold.encode(text[NEW])[2], atol=1e-6)


def test_of_a_large_catalogue_the_most_chosen_items_teach():
    train, text, _ = two_themes_each()
    cold = fit_cold_items(train, text, rows_of(train), ColdItemConfig(max_items=5))
    counts = np.bincount(train.item_index, minlength=NUM_ITEMS)
    most = np.sort(np.argsort(-counts, kind="stable")[:5])
    alone = text[most] - text[most].mean(0)
    np.testing.assert_allclose(cold.known_text, alone / np.linalg.norm(alone, axis=1, keepdims=True), atol=1e-5)


def test_nothing_is_learned_where_no_item_has_a_text():
    train, text, _ = two_themes_each()
    assert fit_cold_items(train, np.zeros_like(text), rows_of(train), ColdItemConfig()) is None


def test_the_text_of_an_item_is_the_mean_of_those_events_that_have_one():
    events = Interactions(np.arange(4), np.array([0, 0, 0, 1]), 4, 2)
    vectors = text_of_items(events, np.array([[1, 2], [3, 4], [0, 0], [0, 0]], dtype=np.float32))
    assert vectors.tolist() == [[2, 3], [0, 0]]
