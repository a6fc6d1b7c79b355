"""How exchanges end in rare cells, beside what was accepted of them."""

import numpy as np
import pytest

from agent.cell_watch import RareCells

COUNTS = np.array([80.0, 10.0, 10.0])


def ended(accepted: list[list[int]] | None, now: list[list[int]]) -> dict[str, float]:
    watch = RareCells(COUNTS, 0.05, None if accepted is None else np.array(accepted))
    watch.ended = np.array(now)
    return {name: float(value[()]) for name, value in watch.measure().items()}  # type: ignore[arg-type]


def test_rare_cells_that_were_harder_already_are_no_change() -> None:
    found = ended([[1_000, 300], [4_000, 400]], [[1_000, 300], [4_000, 400]])
    assert found["offmap_survival"] == found["offmap_survival_expected"] == pytest.approx(np.log(0.7 / 0.9))
    assert found["offmap_survival_upper"] < 0
    assert found["offmap_survival_change"] == pytest.approx(0)
    assert found["offmap_survival_change_lower"] < 0 < found["offmap_survival_change_upper"]


def test_rare_cells_that_got_worse_than_accepted() -> None:
    found = ended([[1_000, 100], [4_000, 400]], [[1_000, 300], [4_000, 400]])
    assert found["offmap_survival_change"] == pytest.approx(np.log(0.7 / 0.9))
    assert found["offmap_survival_change_upper"] < 0


@pytest.mark.parametrize("accepted", [None, [[14, 1], [4_000, 400]]])
def test_nothing_is_said_of_a_change_where_too_little_was_accepted(accepted: list[list[int]] | None) -> None:
    found = ended(accepted, [[1_000, 300], [4_000, 400]])
    assert [name for name in found if "change" in name or name == "offmap_survival_expected"] == []
