"""The sizes of a generated sample, checked alike for every domain."""

from __future__ import annotations

from kindred.domain.errors import SettingsError


def check_least(sample: object, **least: int) -> None:
    """Checks that no size of a sample is too small.

    Args:
        sample: has each size as an attribute.
        least: name of a size → the least that it may be.

    Raises:
        SettingsError: one is smaller.
    """
    for name, lowest in least.items():
        if getattr(sample, name) < lowest:
            raise SettingsError(f"{name} is {getattr(sample, name)}", f"ask for {lowest} or more")
