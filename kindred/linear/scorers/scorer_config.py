"""Settings of the linear scorers; the same values for every data set."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pydantic import ConfigDict

STRICT = ConfigDict(extra="forbid")
"""Settings of another version, read from a file, are refused instead of ignored."""


@dataclass(frozen=True)
class SpectralFilter:
    """One way to normalise the item graph before its leading eigenvectors are taken.

    Attributes:
        exponent: how much long histories and popular items are toned down in it.
        diagonal: how much an item counts as going with itself, 0 to 1.
        rank: number of eigenvectors; what is more than the space holds is compressed later.
        large: from this many known pairs on, twice as many.
    """

    __pydantic_config__ = STRICT

    exponent: float
    diagonal: float
    rank: int = 512
    large: int = 500_000


@dataclass(frozen=True)
class FactorConfig:
    """How weighted factors are learned.

    Attributes:
        ranks: numbers of dimensions of the factorisations whose mean counts: each errs on other items.
        large: from this many known pairs on, `large_ranks` stand in for them.
        large_ranks: where one factorisation takes long and has the more to learn.
        confidence: how many times more a known item counts than an unknown one.
        ridge: L2 penalty of a row with the mean number of known pairs, in pairs.
        ridge_growth: the penalty grows with the number of pairs to this power: 0 is the same for all, 1 a penalty of
            each pair (Rendle et al., "Revisiting the Performance of iALS on Item Recommendation Benchmarks", 2022,
            arXiv 2110.14037).
        rounds: how often both sides are solved.
        steps: of conjugate gradients each time, from where the last round ended.
    """

    __pydantic_config__ = STRICT

    ranks: tuple[int, ...] = (96, 128, 192)
    large: int = 500_000
    large_ranks: tuple[int, ...] = (256,)
    confidence: float = 10.0
    ridge: float = 30.0
    ridge_growth: float = 0.5
    rounds: int = 8
    steps: int = 2


@dataclass(frozen=True)
class NetworkConfig:
    """How the graph network that ranks is trained.

    Attributes:
        dim: of a state.
        rounds: of message passing.
        text_dim: dimensions that text vectors are reduced to.
        hidden_share: part of the events that a step predicts, and that no message runs along.
        id_dropout: part of the items whose own row a step does without.
        temperature: what a cosine is divided by among up to 1,000 items; less among more, see `temperature_among`.
        learning_rate: at its highest.
        steps: of the whole training.
        batch_size: most events that a step predicts.
        candidates: items that they are ranked among; smaller catalogues are taken whole.
        most_events: with more events it is left out: a step passes messages along all of them, and what the network
            added to the sum there, .001 of recall, took longer than all else.
    """

    __pydantic_config__ = STRICT

    dim: int = 64
    rounds: int = 2
    text_dim: int = 64
    hidden_share: float = 0.25
    id_dropout: float = 0.4
    temperature: float = 0.25
    learning_rate: float = 0.02
    steps: int = 100
    batch_size: int = 8192
    candidates: int = 2048
    most_events: int = 50_000

    def temperature_among(self, num_items: int) -> float:
        """What a cosine is divided by where there are so many items.

        To be as sure of one among more items, their scores must lie further apart. What validation found best among
        900 and among 41,000 items is as the square of the logarithm.
        """
        return self.temperature * min(1.0, math.log(1000) / math.log(max(num_items, 2))) ** 2


@dataclass(frozen=True)
class ScorerConfig:
    """How the scorers are fitted.

    Attributes:
        max_dense: up to this many items, scorers of histories are item-by-item matrices alone; from here on there is a
            spectrum.
        max_squared: up to this many items there are item-by-item matrices, of 400 MB each at 10,000 items. A larger
            catalogue gets EASE from the side of its users, where a matrix of users by items is no larger.
        ease_ridge: ridge of EASE, in mean item counts.
        ease_rank: how many of the users' leading directions EASE has where that matrix is larger, but there are no more
            than `max_dense` users.
        text_share: weight of text similarity beside co-occurrence in the Gram matrix of EASE with text.
        next_ridge: ridge of the next-item regression, in mean item counts.
        text_shrinkage: events at which an item's own text vector has half its weight.
        ordered_filters: the item graphs whose spectra are added up, each spread alike, where the order of events is
            known.
        unordered_filters: the same where it is not. Held-out events are then a random sample, which favours sharper
            filters than what comes next would; a smooth one, as published, keeps the balance.
        spectral_iterations: passes of subspace iteration.
        factors: how weighted factors are learned.
        network: how the graph network that ranks is trained; None leaves it out.
    """

    __pydantic_config__ = STRICT

    max_dense: int = 4_096
    max_squared: int = 10_000
    ease_ridge: float = 25.0
    ease_rank: int = 512
    text_share: float = 0.3
    next_ridge: float = 15.0
    text_shrinkage: float = 2.0
    ordered_filters: tuple[SpectralFilter, ...] = (SpectralFilter(0.3, 0.0),)
    unordered_filters: tuple[SpectralFilter, ...] = (SpectralFilter(0.5, 1.0), SpectralFilter(0.4, 0.0))
    spectral_iterations: int = 4
    factors: FactorConfig = field(default_factory=FactorConfig)
    network: NetworkConfig | None = field(default_factory=NetworkConfig)
