"""How exchanges end in rare cells, beside what was accepted of them."""

from typing import Any

import numpy as np
import pytest

from agent.cell_watch import Provenance, RareCells
from agent.join_entry import Numbers
from agent.join_known import Known
from agent.outcome_kinds import Kind
from agent.tally import Tally
from detectors.rare import survival

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


def test_bounds_of_the_change_share_alpha_among_four_rates() -> None:
    """0.0125 each, so that the change misses in 0.05 at most."""
    found = ended([[1_000, 100], [4_000, 400]], [[500, 90], [2_000, 250]])
    now, before = (
        survival(np.array(good), np.array(n), 0.025)
        for good, n in (([410, 1_750], [500, 2_000]), ([900, 3_600], [1_000, 4_000]))
    )
    assert found["offmap_survival_change_lower"] == pytest.approx(now[1] - before[2])
    assert found["offmap_survival_change_upper"] == pytest.approx(now[2] - before[1])


def test_nothing_is_said_below_fifteen_exchanges_in_rare_cells() -> None:
    assert "offmap_survival" not in ended(None, [[14, 3], [400, 40]])
    assert "offmap_survival" in ended(None, [[15, 3], [400, 40]])


def test_a_cell_is_above_a_synthetic_share_only_beyond_it() -> None:
    shares = np.array([0.3, 0.31, 0.7, 0.71], dtype=np.float32)
    tally = Tally()
    Provenance(shares).update([exchange(cell) for cell in (0, 0, 1, 2, 3)], tally)
    counted = {synthetic: n for (synthetic, _), n in tally.samples()["offmap_provenance_exchanges"].items()}
    assert counted == {"0.3": 2.0, "0.7": 2.0, "1": 1.0}


def exchange(cell: int) -> Known:
    facts: dict[str, Any] = dict.fromkeys(("asked", "wording", "session", "model", "family"), 0)
    facts |= {"time": 0.0, "prompt": Numbers(0.5, 0.0, cell), "response": None, "completed": True, "verdicts": ()}
    return Known(**facts, earlier=(), kinds=Kind.COUNTED, fresh=Kind.COUNTED, answered=True, cosine=0.5, vectors=None)


def test_rare_cells_that_got_worse_than_accepted() -> None:
    found = ended([[1_000, 100], [4_000, 400]], [[1_000, 300], [4_000, 400]])
    assert found["offmap_survival_change"] == pytest.approx(np.log(0.7 / 0.9))
    assert found["offmap_survival_change_upper"] < 0


@pytest.mark.parametrize("accepted", [None, [[14, 1], [4_000, 400]]])
def test_nothing_is_said_of_a_change_where_too_little_was_accepted(accepted: list[list[int]] | None) -> None:
    found = ended(accepted, [[1_000, 300], [4_000, 400]])
    assert [name for name in found if "change" in name or name == "offmap_survival_expected"] == []
