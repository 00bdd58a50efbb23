"""Silver labels, their filter, and the render-rate window."""

import pytest

from mmzero_rewards.config import LabelFilterConfig, RewardConfig
from mmzero_rewards.scoring.labels import label_row, render_rate_kept

OTHERS = [f"other {c}" for c in "abcdefgh"]


def votes(count, total=10):
    return ["9"] * count + OTHERS[: total - count]


@pytest.mark.parametrize(
    "count, kept, reason",
    [
        (3, True, ""),
        (5, True, ""),
        (7, True, ""),
        (8, False, "too_easy"),
        (10, False, "too_easy"),
    ],
)
def test_window_of_the_hard_question(count, kept, reason):
    row = label_row(["4"] * 10, votes(count), "4", "9")
    assert (row.label, row.hard_consistency, row.kept, row.reason) == ("9", count / 10, kept, reason)


@pytest.mark.parametrize("count, total", [(3, 12), (9, 12), (1, 4), (3, 4)])
def test_window_is_inclusive(count, total):
    many = ["9"] * count + [f"x {i} y" for i in range(total - count)]
    assert label_row(["4"] * 4, many, "4").kept


@pytest.mark.parametrize(
    "easy, metric, kept, reason",
    [
        (["4"] * 5 + [None] * 5, "accuracy", True, ""),  # exactly one half
        (["4"] * 4 + [None] * 6, "accuracy", False, "easy_accuracy"),
        (["3"] * 10, "accuracy", False, "easy_accuracy"),
        (["3"] * 10, "consistency", True, ""),
        (["3"] * 4 + [None] * 6, "consistency", False, "easy_consistency"),  # over all roll-outs, also under paper
    ],
)
def test_easy_filter(easy, metric, kept, reason):
    config = RewardConfig.preset("paper", {"grading": {"grader": "builtin"}})
    row = label_row(easy, votes(5), "4", config=config, rule=LabelFilterConfig(easy_metric=metric))
    assert (row.kept, row.reason) == (kept, reason)


def test_two_of_ten_is_too_hard():
    assert label_row(["4"] * 10, votes(2), "4").reason == "too_hard"


def test_nobody_answered():
    row = label_row([None] * 10, [None] * 9 + ["N/A"], "4", "9")
    assert (row.label, row.hard_consistency, row.easy_consistency, row.reason) == (None, 0.0, 0.0, "no_label")
    assert row.label_agrees is None


def test_agreement_is_reported_and_only_filters_when_asked():
    row = label_row(["4"] * 10, votes(5), "4", "8")
    assert (row.label_agrees, row.kept) == (False, True)
    strict = label_row(["4"] * 10, votes(5), "4", "8", rule=LabelFilterConfig(require_hard_answer=True))
    assert strict.reason == "label_disagrees"
    assert label_row(["4"] * 10, votes(5), "4", "9.0").label_agrees is True
    assert label_row(["4"] * 10, [None] * 10, "4", "9").label_agrees is None, "no label, no opinion"


@pytest.mark.parametrize("drawn, kept", [(0, False), (1, True), (2, True), (3, True), (4, False)])
def test_render_window(drawn, kept):
    assert render_rate_kept(drawn / 4) is kept


def test_render_window_ends_up_to_rounding():
    assert render_rate_kept(0.1 + 0.2, (0.3, 0.7)) and render_rate_kept(1 - 0.3, (0.3, 0.7))
    assert not render_rate_kept(0.0) and not render_rate_kept(1.0)
