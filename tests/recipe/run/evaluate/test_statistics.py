"""Intervals, pairing and power on small arrays; how often intervals cover is simulated in tests/bench/evaluate.py."""

import numpy as np
import pytest
from scipy import stats

from recipe.mmzero.run.evaluate.statistics import (
    Sample,
    agreement,
    detectable,
    differences,
    estimate,
    item_means,
    mcnemar,
    planned_error,
)


def coin(items, p=0.4, seed=0):
    return (np.random.default_rng(seed).random(items) < p).astype(float)


def test_the_interval_is_that_of_a_mean():
    values = coin(400)
    found = estimate(Sample(values, np.arange(400)))
    half = 1.96 * values.std(ddof=1) / 20
    assert found.value == values.mean()
    assert found.error == pytest.approx(values.std(ddof=1) / 20)
    assert found.low == pytest.approx(values.mean() - half, abs=0.006)
    assert found.high == pytest.approx(values.mean() + half, abs=0.006)


def test_items_of_a_cluster_are_not_independent():
    """Each item four times over: four times the items, nothing more is known."""
    values = coin(100)
    once = estimate(Sample(values, np.arange(100)))
    often = estimate(Sample(np.repeat(values, 4), np.repeat(np.arange(100), 4)))
    naive = estimate(Sample(np.repeat(values, 4), np.arange(400)))
    assert (often.items, often.clusters) == (400, 100)
    assert often.error == pytest.approx(once.error)
    assert (often.low, often.high) == (once.low, once.high)
    assert naive.high - naive.low < 0.6 * (often.high - often.low)


def test_clusters_of_different_sizes_are_weighed_by_their_items():
    found = estimate(Sample(np.array([1.0, 1.0, 1.0, 0.0]), np.array([0, 0, 0, 1])))
    assert found.value == 0.75 and found.clusters == 2


@pytest.mark.parametrize("clusters", [1, 2, 5])
def test_few_clusters_are_no_evidence(clusters):
    """Even if all agree, the sign test of five is above 5%: an interval without 0 would say more than is known."""
    places = np.arange(60) % clusters
    gain = estimate(Sample(np.full(60, 0.5), places))
    assert (gain.value, gain.low, gain.high) == (0.5, 0.0, 1.0) and not gain.excludes_zero
    loss = estimate(Sample(-np.full(60, 0.5), places))
    assert (loss.low, loss.high) == (-1.0, 0.0) and not loss.excludes_zero
    mixed = estimate(Sample(np.tile([1.0, -0.5], 30), places))
    assert (mixed.low, mixed.high) == (-1.0, 1.0)
    six = estimate(Sample(np.full(60, 0.5) + 0.01 * (np.arange(60) % 6), np.arange(60) % 6))
    assert six.excludes_zero and six.high < 1


def test_pooled_and_average():
    value = np.concatenate([np.ones(90), np.zeros(10)])
    benchmark = np.repeat(["large", "small"], [90, 10])
    sample = Sample(value, np.arange(100), benchmark)
    assert estimate(sample).value == pytest.approx(0.9)
    assert estimate(sample, equal_weights=True).value == pytest.approx(0.5)
    # every benchmark is constant, so nothing varies: the mix of benchmarks in a draw must not
    assert estimate(sample).low == pytest.approx(0.9) and estimate(sample).error == pytest.approx(0, abs=1e-9)


def test_a_picture_in_two_benchmarks_is_one_cluster():
    value = coin(200)
    doubled, names = np.tile(value, 2), np.repeat(["a", "b"], 200)
    shared = estimate(Sample(doubled, np.tile(np.arange(200), 2), names))
    apart = estimate(Sample(doubled, np.arange(400), names))
    assert shared.error == pytest.approx(apart.error * 2**0.5, rel=0.01)
    assert shared.high - shared.low > 1.25 * (apart.high - apart.low)


def test_pairing_is_what_makes_small_differences_visible():
    before = coin(500, 0.5, 1)
    after = before.copy()
    after[np.flatnonzero(before == 0)[:25]] = 1
    places = np.arange(500)
    pair = estimate(differences(Sample(before, places), Sample(after, places)))
    assert pair.value == pytest.approx(0.05) and pair.excludes_zero
    alone = [estimate(Sample(one, places)) for one in (before, after)]
    assert alone[0].high > alone[1].low  # the two intervals overlap


def test_paired_samples_are_of_the_same_items():
    with pytest.raises(ValueError, match="different items"):
        differences(Sample(np.ones(2), np.array([0, 1])), Sample(np.ones(2), np.array([1, 0])))


def test_samples_of_an_item_are_averaged_first():
    assert item_means(np.array([[1, 0, 0, 1], [1, 1, 1, 1]])).tolist() == [0.5, 1.0]
    answers = np.repeat(coin(100)[:, None], 8, axis=1)  # eight times the same answer
    assert estimate(Sample(item_means(answers), np.arange(100))).error == pytest.approx(
        estimate(Sample(coin(100), np.arange(100))).error
    )


def test_mcnemar_is_the_exact_test_of_discordant_pairs():
    value = np.concatenate([np.ones(15), -np.ones(5), np.zeros(80)])
    found = mcnemar(Sample(value, np.arange(100)))
    assert (found.gained, found.lost) == (15, 5)
    assert found.p == pytest.approx(2 * stats.binom.cdf(5, 20, 0.5))
    assert mcnemar(Sample(np.zeros(3), np.arange(3))).p == 1.0


@pytest.mark.parametrize(
    "items, correlation, points",
    [(900, 0.5, 4.7), (1000, 0.5, 4.4), (218, 0.5, 9.5), (17_000, 0.5, 1.1), (900, 0.7, 3.6)],
)
def test_what_a_size_can_see(items, correlation, points):
    assert 100 * detectable(planned_error(items, 0.5, correlation)) == pytest.approx(points, abs=0.05)


def test_the_same_seed_gives_the_same_interval():
    sample = Sample(coin(60), np.arange(60))
    assert estimate(sample, 3) == estimate(sample, 3)
    assert estimate(sample, 3) != estimate(sample, 4)


def test_agreement():
    assert agreement([(True, True), (True, False), (False, True), (False, False), (False, False)]) == {
        "both_right": 1,
        "both_wrong": 2,
        "only_rules": 1,
        "only_judge": 1,
    }
