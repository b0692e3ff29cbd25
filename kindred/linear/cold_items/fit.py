"""Learns where new items belong from known ones, each taken out of all histories in its turn.

What is asked of a new item's row is twofold. It has to find the users who come to choose the item: two ridge
regressions in closed form, from users' rows to who chose it, and from a kernel of texts to that. And it has to stand at
the right height in lists that hold known items as well: with a fifth of the items hidden, the offset is raised until
they take as many positions as new items are allowed. (To hold events out and to count what the known items lose does
not work here: the space has been fitted to these events, so they stand higher than unseen ones and seem to lose less.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from kindred.domain.embeddings import unit_rows
from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.linear.algebra.ridge import ridge_weights
from kindred.linear.cold_items.folds import (
    NEVER,
    EncodeEvents,
    FoldLesson,
    HiddenItems,
    learn_from_folds,
    place_in_item,
)
from kindred.linear.cold_items.rows import EVENT_COUNTS, ColdItemConfig, ColdItemMap, text_kernel
from kindred.linear.inputs.event_text import EventText

_ROUNDING = 1e-5
"""A spread below this part of the scores themselves is none: they are equal but for rounding."""


@dataclass(frozen=True)
class ItemText:
    """Text vectors of the items, zeros where one has none, `[num_items, text_dim]` each.

    Attributes:
        known: all that is known of each.
        new: what was known of it after each of `EVENT_COUNTS` events: the same where items have texts of their own,
            otherwise the mean of so many first events, of one at least. Later ones say more of an item, so it would be
            placed better than a new one ever is, and more of them bring it into more lists.
    """

    known: FloatArray
    new: tuple[FloatArray, ...]

    def beside(self, context: FloatArray | None) -> ItemText:
        """The same with what items lead to beside their texts, which no event changes, `[num_items, context_dim]`."""
        if context is None:
            return self
        return ItemText(np.hstack([self.known, context]), tuple(np.hstack([text, context]) for text in self.new))


def own_texts(text: FloatArray) -> ItemText:
    """Texts of items that have their own, which no event changes."""
    return ItemText(text, (text,) * len(EVENT_COUNTS))


def no_texts(num_items: int) -> ItemText:
    """Texts where no item has one and no event."""
    return own_texts(np.zeros((num_items, 1), dtype=np.float32))


def item_texts(train: Interactions, event_text: EventText) -> ItemText:
    """Texts of items that have none of their own: the mean of their events' texts, of all and of the first ones."""
    place = place_in_item(train)
    told = [place < max(most, 1) for most in EVENT_COUNTS]
    new = tuple(event_text.take(rows).means(train.item_index[rows], train.num_items) for rows in told)
    return ItemText(event_text.means(train.item_index, train.num_items), new)


def fit_cold_items(
    train: Interactions, text: ItemText, items: FloatArray, encode: EncodeEvents, config: ColdItemConfig
) -> ColdItemMap | None:
    """The map learned from the items that have both events and text; None where fewer than two have.

    Where no item has a text, all that have events teach: new ones are then placed by who chose them first alone.

    Args:
        train: the training events.
        text: of the items.
        items: rows of the items, `[num_items, width]`.
        encode: rows of the users of `train`.
        config: see there.
    """
    counts = np.bincount(train.item_index, minlength=train.num_items)
    has_text = (text.known != 0).any(axis=1)
    known = np.flatnonzero((counts > 0) & (has_text | ~has_text.any()))
    if len(known) < 2:
        return None
    known = np.sort(known[np.argsort(-counts[known], kind="stable")[: config.max_items]])
    lesson = learn_from_folds(train, items, known, encode, config)
    ridge = config.user_ridge * float(lesson.gram.trace()) / len(lesson.gram)
    chooser_map = ridge_weights(lesson.gram, np.eye(len(lesson.gram), dtype=np.float32), ridge)
    targets = (lesson.choosers @ chooser_map / counts[known, None]).astype(np.float32)
    none = np.zeros((0, items.shape[1]), dtype=np.float32)
    plain = ColdItemMap(
        text_mean=none[:, 0],
        known_text=none,
        known_rows=none,
        asked_rows=none,
        chooser_map=chooser_map,
        constant=lesson.constant,
        mean_user=lesson.mean_user,
        offsets=np.zeros(len(EVENT_COUNTS), dtype=np.float32),
        sharpness=config.sharpness,
        chooser_weight=1.0,
    )
    new_text = tuple(of_items[known] for of_items in text.new)
    teach = _Teacher(text.known[known], new_text, items[known], targets, counts[known], plain, config)
    return _calibrate(teach, known, lesson, config)


@dataclass(frozen=True)
class _Teacher:
    """The known items, and how a map without calibration follows from some of them.

    Attributes:
        text: `[num_known, text_dim]`.
        new_text: when they were new, at each of `EVENT_COUNTS`, `[num_known, text_dim]` each.
        rows: `[num_known, width]`.
        targets: the row that best finds each item's choosers had they not chosen it, `[num_known, width]`.
        counts: events of each, `[num_known]`.
        plain: what needs no item to be learned from.
        config: see there.
    """

    text: FloatArray
    new_text: tuple[FloatArray, ...]
    rows: FloatArray
    targets: FloatArray
    counts: IntArray
    plain: ColdItemMap
    config: ColdItemConfig

    def fit(self, taught: np.ndarray) -> ColdItemMap:
        """The map learned from the items of this mask, its parts still of weight 1 and without offsets."""
        counts, targets = self.counts[taught], self.targets[taught]
        text_mean = np.asarray(self.text[taught].mean(0), dtype=np.float32)
        text = unit_rows(self.text[taught] - text_mean)
        # each event is one observation of its item's target, so an item's noise is as one over its count
        noise = self.config.text_ridge * counts.mean() / counts
        mean = np.average(targets, axis=0, weights=counts)
        lifted = text_kernel(text @ text.T, self.config.sharpness).astype(np.float64)
        lifted[np.diag_indices_from(lifted)] += noise
        added = np.linalg.solve(lifted, targets - mean)
        asked = np.vstack([added, mean]).astype(np.float32)
        return replace(self.plain, text_mean=text_mean, known_text=text, known_rows=self.rows[taught], asked_rows=asked)


@dataclass(frozen=True)
class _Exam:
    """One fold's new items and the map that was not taught them.

    Attributes:
        fold: the fold.
        taught: the map from the other items.
        text: of the hidden items that teach, at each of `EVENT_COUNTS`, `[num_asked, text_dim]` each.
    """

    fold: HiddenItems
    taught: ColdItemMap
    text: tuple[FloatArray, ...]

    def scores(self, rows: FloatArray) -> FloatArray:
        """Of the sampled users, `[num_sampled, num_asked]`."""
        scores: FloatArray = self.fold.lists.users @ rows.T
        return scores

    def missing(self, number: int) -> FloatArray:
        """What each user's m-th best new item lacks to come into the list, `[num_sampled, 10]`.

        It comes in where it passes the known item on position 11 − m.
        """
        best = self.fold.lists.best
        new = self.scores(self.taught.encode(self.text[number], self.fold.first[number]))
        new[self.fold.knows[number].nonzero()] = NEVER
        most = min(best.shape[1], new.shape[1])
        lacking: FloatArray = best[:, :most] + np.sort(-new, axis=1)[:, :most]
        return lacking


def _calibrate(teach: _Teacher, known: IntArray, lesson: FoldLesson, config: ColdItemConfig) -> ColdItemMap:
    """The map with the weights of its parts and the offsets that the folds allow."""
    exams = []
    for fold in lesson.folds:
        asked = np.isin(known, fold.items)
        if asked.any() and not asked.all():
            taught = replace(teach.fit(~asked), mean_user=fold.lists.mean_user)
            exams.append(_Exam(fold, taught, tuple(text[asked] for text in teach.new_text)))
    weigh = _weights(exams, config)
    exams = [replace(exam, taught=weigh(exam.taught)) for exam in exams]
    offsets = [_offset(exams, number, config.max_share) for number in range(len(EVENT_COUNTS))]
    return replace(weigh(teach.fit(np.ones(len(known), dtype=bool))), offsets=np.array(offsets, dtype=np.float32))


def _weights(exams: list[_Exam], config: ColdItemConfig) -> Callable[[ColdItemMap], ColdItemMap]:
    """Brings the parts of a map to the spread of the similar items' scores, in the proportions of `config`.

    Where no text says which items are similar, those who chose an item get the spread of the known items' scores.
    """
    spread = _spread([exam.scores(exam.taught.rows_alike(exam.text[0])) for exam in exams])
    if not any(exam.text[0].any() for exam in exams):
        spread = _spread([exam.scores(exam.taught.known_rows) for exam in exams])
    asked = _ratio(spread, _spread([exam.scores(exam.taught.rows_asked(exam.text[0])) for exam in exams]))
    last = len(EVENT_COUNTS) - 1
    told = _ratio(spread, _spread([exam.scores(exam.taught.rows_of_choosers(exam.fold.first[last])) for exam in exams]))

    def weigh(plain: ColdItemMap) -> ColdItemMap:
        return replace(
            plain,
            known_rows=config.similar_items * plain.known_rows,
            asked_rows=(1 - config.similar_items) * asked * plain.asked_rows,
            chooser_weight=config.choosers * told,
        )

    return weigh


def _spread(scores: list[FloatArray]) -> float:
    """Standard deviation of the scores within users, over all folds; 0 where there are none but for rounding."""
    if not scores:
        return 0.0
    spread, size = (float(np.sqrt(np.mean([np.mean(f(part)) for part in scores]))) for f in (_variance, np.square))
    return spread if spread > _ROUNDING * size else 0.0


def _variance(scores: FloatArray) -> FloatArray:
    variance: FloatArray = scores.var(axis=1)
    return variance


def _ratio(wanted: float, given: float) -> float:
    return wanted / given if given else 0.0


def _offset(exams: list[_Exam], number: int, max_share: float) -> float:
    """The offset at which new items with so many events take this share of the positions in all lists.

    Where it asks for more than there is, all of them; where for none, one less than the first needs. Positions that no
    known item is left for, as in small catalogues, tell nothing.
    """
    lacking = np.sort(np.concatenate([exam.missing(number).ravel() for exam in exams])) if exams else np.zeros(0)
    lacking = lacking[np.abs(lacking) < -NEVER / 2]
    positions = sum(np.count_nonzero(exam.fold.lists.best > NEVER / 2) for exam in exams)
    allowed = min(int(max_share * positions), len(lacking))
    if not len(lacking):
        return 0.0
    return float(lacking[allowed - 1]) if allowed else float(lacking[0]) - 1.0
