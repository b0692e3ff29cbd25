"""Charts as numbers that a template turns into SVG: curves over epochs, and bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 520.0, 240.0
LEFT, RIGHT, TOP, BOTTOM = 72.0, 12.0, 14.0, 30.0
"""Room around the curves; at the left for a number in the large letters that a narrow screen needs."""
_TICKS = 4


@dataclass(frozen=True)
class Curve:
    """One line.

    Attributes:
        points: as an SVG polyline has them.
        last: what it ends at.
    """

    name: str
    points: str
    last: float


@dataclass(frozen=True)
class LineChart:
    """A chart in a box of WIDTH × HEIGHT.

    Attributes:
        across, up: place and text of each tick.
        begin, end: between which x values the curves are.
        table: epoch and the value of each curve, the same in words.
    """

    title: str
    curves: tuple[Curve, ...]
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]
    table: tuple[tuple[str, tuple[str, ...]], ...]
    begin: float = LEFT
    end: float = WIDTH - RIGHT


@dataclass(frozen=True)
class Bar:
    """A bar; `share` of the longest, from 0 to 1."""

    name: str
    value: float
    share: float
    note: str


def bars_of(values: Sequence[tuple[str, float]], notes: Mapping[str, str]) -> list[Bar]:
    """Bars in the order given."""
    most = max((abs(value) for _, value in values), default=1.0) or 1.0
    return [Bar(name, value, abs(value) / most, notes.get(name, "")) for name, value in values]


def line_chart(title: str, series: Mapping[str, Sequence[tuple[float, float]]]) -> LineChart | None:
    """The chart of some series of (x, y); None where there are no two points."""
    points = [point for line in series.values() for point in line if math.isfinite(point[1])]
    if len(points) < 2:
        return None
    low_x, high_x = min(x for x, _ in points), max(x for x, _ in points)
    ticks = ticks_of(min(y for _, y in points), max(y for _, y in points))
    low_y, high_y = ticks[0], ticks[-1]

    def x_of(x: float) -> float:
        return LEFT + (x - low_x) / max(high_x - low_x, 1e-9) * (WIDTH - LEFT - RIGHT)

    def y_of(y: float) -> float:
        return HEIGHT - BOTTOM - (y - low_y) / max(high_y - low_y, 1e-9) * (HEIGHT - TOP - BOTTOM)

    curves = tuple(
        Curve(name, " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in line if math.isfinite(y)), line[-1][1])
        for name, line in series.items()
    )
    steps = sorted({x for x, _ in points})
    marks = epochs_of(low_x, high_x)
    values = {name: dict(line) for name, line in series.items()}
    table = tuple(
        (f"{x:g}", tuple(f"{values[name][x]:.4g}" if x in values[name] else "–" for name in series)) for x in steps
    )
    across = tuple((x_of(x), f"{x:g}") for x in marks)
    return LineChart(title, curves, across, tuple((y_of(y), f"{y:.3g}") for y in ticks), table)


def epochs_of(first: float, last: float) -> list[float]:
    """The first epoch, then round whole numbers up to the last, none close beside the first."""
    ticks = [tick for tick in ticks_of(first, last) if tick.is_integer() and first < tick <= last]
    room = (ticks[1] - ticks[0]) / 2 if len(ticks) > 1 else 0.0
    return [first, *(tick for tick in ticks if tick - first >= room)]


def ticks_of(low: float, high: float) -> list[float]:
    """Round numbers from one at or below the lowest value to one at or above the highest."""
    span = (high - low) or abs(high) or 1.0
    rough = span / _TICKS
    size = 10.0 ** math.floor(math.log10(rough))
    step = size * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * size >= rough * 0.999)
    first = math.floor(low / step)
    last = math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]
