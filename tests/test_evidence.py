import numpy as np
import pytest

from detectors.evidence import TailEvidence, pooled_evidence
from detectors.evidence_accepted import accepted_traffic, held_out, tolerate, upper_rates
from detectors.evidence_fit import calibrated, guaranteed
from detectors.evidence_plan import EvidencePlan
from detectors.evidence_simulation import draw_rates, run_lengths

PLAN = guaranteed(held_out([3000]), 5000)


def log_evidence(pager):
    return next(m.value for m in pager.measure() if m.name == "evidence")


def by_definition(plan, p_values):
    """Sum over every start of the product of all factors since, mean over bets: the textbook's Shiryaev–Roberts."""
    levels = list(zip(plan.levels, plan.rates, strict=True))
    factors = [[1 + bet * (float(p <= g) / r - 1) for g, r in levels for bet in plan.bets] for p in p_values]
    starts = [np.prod(factors[start:], axis=0) for start in range(len(factors))]
    return np.log(np.sum(starts, axis=0).mean())


def test_is_the_sum_over_starts_of_products_of_bets():
    p_values = np.random.default_rng(1).random(300)
    pager = TailEvidence(PLAN)
    pager.update(p_values)
    assert log_evidence(pager) == pytest.approx(by_definition(PLAN, p_values), rel=1e-10)


def test_batches_do_not_matter_to_the_bit():
    rng = np.random.default_rng(2)
    p_values, times = rng.random(500) ** 1.5, np.arange(500.0)
    whole, cut = TailEvidence(PLAN), TailEvidence(PLAN)
    whole.update(p_values, times)
    for part in np.split(np.arange(500), [1, 2, 70, 71, 333]):
        cut.update(p_values[part], times[part])
    for name, array in whole.get_state().items():
        np.testing.assert_array_equal(array, cut.get_state()[name])


def test_goes_on_from_its_state():
    rng = np.random.default_rng(3)
    p_values, bets = rng.random(400) ** 2, rng.random(400) < 0.7
    straight, before, after = TailEvidence(PLAN), TailEvidence(PLAN), TailEvidence(PLAN)
    straight.update(p_values, bets=bets)
    before.update(p_values[:250], bets=bets[:250])
    after.set_state(before.get_state())
    after.update(p_values[250:], bets=bets[250:])
    assert after.measure() == straight.measure()


def test_a_state_of_other_bets_changes_nothing_and_one_of_another_threshold_goes_on():
    before = TailEvidence(PLAN)
    before.update(np.full(5, 0.2))
    other = TailEvidence(guaranteed(held_out([2000]), 5000))
    assert not other.set_state(before.get_state())
    assert other.measure() == []
    stricter = TailEvidence(guaranteed(held_out([3000]), 50_000))
    assert stricter.set_state(before.get_state())
    assert log_evidence(stricter) == log_evidence(before)


def test_dates_page_and_change_and_stays_paged_until_acknowledged():
    rng = np.random.default_rng(4)
    quiet, drift = rng.random(2000), np.where(rng.random(200) < 0.5, 0.001, rng.random(200))
    pager = TailEvidence(PLAN)
    pager.update(np.concatenate([quiet, drift]), np.arange(2200.0) + 1e9)
    assert pager.alarm
    assert 1980 <= pager.change_message <= 2005 < pager.alarm_message < 2050
    found = {m.name: m.value for m in pager.measure()}
    assert found["evidence_change_timestamp"] == 1e9 + pager.change_message
    assert found["evidence_alarm_timestamp"] == 1e9 + pager.alarm_message - 1
    paged_at = pager.alarm_message
    pager.update(np.ones(20_000))
    assert log_evidence(pager) < PLAN.log_threshold  # the drift is over, the page is not
    assert pager.alarm_message == paged_at
    pager.acknowledge()
    assert not pager.alarm
    assert pager.measure() == []


def test_nothing_before_the_first_message_and_nothing_from_unscored_ones():
    pager = TailEvidence(PLAN)
    pager.update(np.full(5, np.nan))
    pager.update(np.zeros(0))
    assert pager.measure() == []


def test_what_is_no_bet_counts_as_a_message_only():
    burst, alone = TailEvidence(PLAN), TailEvidence(PLAN)
    burst.update(np.full(200, 0.001), bets=np.arange(200) == 0)
    assert not burst.alarm
    assert burst.measure()[0].n_samples == 200
    alone.update(np.full(200, 0.001), bets=np.ones(200, dtype=np.bool_))
    assert alone.alarm


def test_never_overflows():
    pager = TailEvidence(PLAN)
    pager.update(np.full(20_000, 1e-4))
    assert np.isfinite(log_evidence(pager))
    pager.update(np.ones(100_000))
    assert np.isfinite(log_evidence(pager))
    assert log_evidence(pager) > np.log(1e-3)


def test_pooling_is_the_mean_of_evidence():
    assert pooled_evidence([1.0, 2.0, -np.inf]) == pytest.approx(np.log((np.exp(1) + np.exp(2)) / 3))


def test_plan_survives_its_arrays_and_refuses_nonsense():
    again = EvidencePlan.from_arrays(PLAN.to_arrays())
    np.testing.assert_array_equal(again.factors(), PLAN.factors())
    with pytest.raises(ValueError, match="without rates"):
        EvidencePlan.from_arrays({k: v for k, v in PLAN.to_arrays().items() if k != "rates"})
    with pytest.raises(ValueError, match="bets must lie between 0 and 1"):
        EvidencePlan(np.array([0.1]), np.array([0.1]), np.array([1.0]), 5.0, 100.0)
    with pytest.raises(ValueError, match="descend"):
        EvidencePlan(np.array([0.1, 0.2]), np.array([0.1, 0.2]), np.array([0.1]), 5.0, 100.0)


def test_upper_rates_are_beta_quantiles_and_mixtures_of_them():
    rng = np.random.default_rng(5)
    one = rng.beta(30, 2971, size=200_000)
    assert upper_rates(held_out([3000]), 0.05)[3] == pytest.approx(np.quantile(one, 0.95), rel=0.01)
    sizes = np.array([300, 700, 2000])
    m = np.floor(0.03 * (sizes + 1))
    mixture = sum(n * rng.beta(k, n + 1 - k, size=200_000) for n, k in zip(sizes, m, strict=True)) / 3000
    assert upper_rates(held_out(sizes), 0.01)[2] == pytest.approx(np.quantile(mixture, 0.99), rel=0.01)


def test_levels_are_those_that_enough_rows_reach():
    assert held_out([3000]).levels.tolist() == [0.3, 0.1, 0.03, 0.01, 0.003]
    assert held_out([300] * 10).levels.tolist() == [0.3, 0.1, 0.03, 0.01, 1 / 301]
    assert held_out([100]).levels.tolist() == [0.3, 0.1, 0.03]
    with pytest.raises(ValueError, match="at least 10"):
        held_out([5])


def test_drawn_rates_follow_the_order_statistics():
    accepted = held_out([1000])
    rates = draw_rates(accepted.counts, accepted.sizes, 5000, np.random.default_rng(6))
    np.testing.assert_allclose(rates.mean(axis=0), accepted.counts[0] / 1001, rtol=0.03)
    held = np.sort(np.random.default_rng(7).random((5000, 1000)), axis=1)[:, accepted.counts[0] - 1]
    np.testing.assert_allclose(np.cov(rates.T), np.cov(held.T), rtol=0.15, atol=2e-6)


def test_simulated_run_lengths_are_those_of_the_pager():
    p_values = np.random.default_rng(8).random(12_000)
    accepted = held_out([3000])
    pager = TailEvidence(EvidencePlan(PLAN.levels, PLAN.levels, PLAN.bets, np.log(100.0), 100.0))
    lengths = []
    for p in p_values:
        pager.update(np.array([p]))
        if pager.alarm:
            lengths.append(pager.alarm_message)
            pager.acknowledge()
    rates = np.tile(accepted.levels, (200, 1))
    simulated = run_lengths(pager.plan, rates, np.array([np.log(100.0)]), 5000, np.random.default_rng(9))
    assert len(lengths) > 20
    assert np.mean(lengths) == pytest.approx(simulated.mean(), rel=0.4)
    assert simulated.mean() >= 100


@pytest.mark.parametrize("agents", [1, 10])
def test_the_first_page_of_any_of_several_agents_comes_after_the_run_length_in_all(agents):
    """At the rates that are just tolerated: however many share the traffic, an alert on any of them is no sooner."""
    run_length, streams, rng = 300, 200, np.random.default_rng(12)
    plan = guaranteed(held_out([3000]), run_length)
    factors, rows = plan.factors(), np.arange(streams)
    evidence = np.zeros((streams, agents, factors.shape[1]))
    first = np.full(streams, 20.0 * run_length)
    for message in range(1, 20 * run_length):
        whose = rng.integers(agents, size=streams)
        reached = (rng.random(streams)[:, None] < plan.rates).sum(axis=1)
        evidence[rows, whose] = (evidence[rows, whose] + 1) * factors[reached]
        pages = evidence[rows, whose].mean(axis=1) >= run_length
        first[pages] = np.minimum(first[pages], message)
        if first.max() < message:
            break
    assert first.mean() >= run_length


def test_calibrated_meets_its_run_length_on_fresh_streams_and_pages_earlier_than_guaranteed():
    accepted = held_out([1000])
    plan, safe = calibrated(accepted, 1000), guaranteed(accepted, 1000)
    rng = np.random.default_rng(10)
    rates = draw_rates(accepted.counts, accepted.sizes, 1000, rng)
    means = {
        name: run_lengths(p, rates, np.array([p.log_threshold]), 2000, rng).mean()
        for name, p in (("calibrated", plan), ("guaranteed", safe))
    }
    assert 950 <= means["calibrated"] <= 1200
    assert means["guaranteed"] > 1700
    assert calibrated(accepted, 1000).log_threshold == plan.log_threshold  # seeded


def test_calibrated_refuses_what_it_cannot_simulate():
    with pytest.raises(ValueError, match="guaranteed"):
        calibrated(held_out([1000]), 1e7)


def test_a_tolerated_share_is_tolerated():
    accepted = tolerate(held_out([3000]), 0.1)
    assert (guaranteed(accepted, 5000).rates > 0.1).all()
    rng = np.random.default_rng(11)
    pager = TailEvidence(guaranteed(accepted, 5000))
    pager.update(np.where(rng.random(20_000) < 0.08, 0.001, rng.random(20_000)))
    assert not pager.alarm  # not at this share, nor at any below the tolerated one
    pager.update(np.where(rng.random(2000) < 0.2, 0.001, rng.random(2000)))
    assert pager.alarm
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\)"):
        tolerate(accepted, 1.0)


def cyclic(rng, hours, extra=0.0):
    """300 messages an hour; up to 6 % of them off the map, most in the evening; returns p-values and hours."""
    hour = np.repeat(np.arange(hours), 300)
    share = 0.03 * (1 + np.sin(2 * np.pi * hour / 24)) + extra
    return np.where(rng.random(len(hour)) < share, 0.001, rng.random(len(hour))), hour


def test_accepted_cycles_do_not_page_and_more_than_them_does():
    rng = np.random.default_rng(12)
    accepted = accepted_traffic(*cyclic(rng, 168))
    quiet = TailEvidence(guaranteed(accepted, 50_000))
    quiet.update(cyclic(rng, 168)[0])
    assert not quiet.alarm
    naive = TailEvidence(guaranteed(accepted._replace(spread=np.zeros(len(accepted.levels))), 50_000))
    naive.update(cyclic(rng, 168)[0])
    assert naive.alarm  # what taking messages for independent would do
    quiet.update(cyclic(rng, 24, extra=0.06)[0])
    assert quiet.alarm


def test_accepted_traffic_without_cycles_costs_no_power():
    rng = np.random.default_rng(13)
    accepted = accepted_traffic(rng.random(50_000), np.repeat(np.arange(100), 500))
    assert (accepted.spread < upper_rates(accepted._replace(spread=0 * accepted.spread), 0.01) * 1.1).all()


def test_accepted_traffic_needs_blocks_and_messages():
    with pytest.raises(ValueError, match="in 2 block"):
        accepted_traffic(np.full(100, 0.5), np.arange(100) // 50)
    with pytest.raises(ValueError, match="9 accepted messages"):
        accepted_traffic(np.append(np.full(9, 0.9), np.nan), np.arange(10))
