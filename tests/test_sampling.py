from __future__ import annotations

import pytest

from agent.sampling import FractionControl, HashSampler, Observed


def test_the_kept_share_is_the_fraction() -> None:
    sampler = HashSampler(0.3)
    kept = sum(sampler.keeps(f"message-{i}") for i in range(20_000))
    assert 0.29 < kept / 20_000 < 0.31


def test_a_smaller_fraction_keeps_a_subset() -> None:
    ids = [f"chat/0/{i}" for i in range(5_000)]
    few = {i for i in ids if HashSampler(0.1).keeps(i)}
    more = {i for i in ids if HashSampler(0.4).keeps(i)}
    assert few < more


def test_any_id_can_be_hashed() -> None:
    assert HashSampler(0.5).keeps("\ud800") in {True, False}


def simulate(arriving: float, seconds: int, full_cost: float = 0.05, read_cost: float = 2e-5) -> tuple[float, float]:
    """One core against `arriving` records/s; returns the last fraction and the last lag in seconds of arrivals."""
    control, fraction, lag, step = FractionControl(0.001, 1.0, 60.0), 1.0, 0.0, 5.0
    for _ in range(int(seconds / step)):
        per_record = read_cost + fraction * full_cost
        done = min(lag + arriving * step, step / per_record)
        lag_now = lag + arriving * step - done
        seen = Observed(
            seconds=step,
            records=int(done),
            lag=int(lag_now),
            lag_change=int(lag_now) - int(lag),
            kept=int(done * fraction),
            read_seconds=done * read_cost,
            full_seconds=done * fraction * full_cost,
        )
        lag = lag_now
        fraction = control.next_fraction(fraction, seen)
    return fraction, lag / arriving


@pytest.mark.parametrize("arriving", [50.0, 500.0, 5_000.0])
def test_traffic_that_outruns_the_core_is_caught_up_with(arriving: float) -> None:
    fraction, lag_seconds = simulate(arriving, 1_800)
    affordable = (1 - arriving * 2e-5) / (arriving * 0.05)
    assert lag_seconds < 60
    assert 0.4 * affordable < fraction < 1.6 * affordable


def test_light_traffic_is_read_whole() -> None:
    assert simulate(10.0, 600) == (1.0, 0.0)


def test_the_fraction_comes_back_after_a_rush() -> None:
    control, fraction = FractionControl(0.001, 1.0, 60.0), 0.01
    quiet = Observed(5.0, 10, 0, 0, 1, 0.001, 0.05)
    for _ in range(12):
        fraction = control.next_fraction(fraction, quiet)
    assert fraction == 1.0


def test_the_fraction_keeps_its_bounds() -> None:
    control = FractionControl(0.02, 0.5, 60.0)
    rush = Observed(5.0, 1_000, 10**9, 10**9, 900, 0.1, 5.0)
    assert control.next_fraction(0.5, rush) == 0.02
    calm = Observed(5.0, 10, 0, 0, 10, 0.1, 0.5)
    assert all(control.next_fraction(0.5, calm) == 0.5 for _ in range(3))
