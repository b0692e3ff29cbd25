from __future__ import annotations

import pytest

from kindred.domain.progress import told_on_interrupt


def test_an_interrupt_carries_the_notes_of_every_stage_it_passes_innermost_first() -> None:
    done = 0
    outer, inner = told_on_interrupt(lambda: "the outer is kept"), told_on_interrupt(lambda: f"{done} are kept")
    with pytest.raises(KeyboardInterrupt) as stopped, outer, inner:
        done = 3
        raise KeyboardInterrupt
    assert stopped.value.__notes__ == ["3 are kept", "the outer is kept"]


def test_other_errors_and_results_pass_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError) as raised, told_on_interrupt(lambda: "kept"):
        raise ZeroDivisionError
    assert not hasattr(raised.value, "__notes__")
