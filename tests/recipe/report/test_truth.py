"""Where truth is known: differences and their intervals, alarms that fire on a fall and not on noise, damaged files."""

import json
import math
import random

import numpy as np
import pytest

from recipe.mmzero.report.alarms.check import check_step, evaluate
from recipe.mmzero.report.alarms.measures import Numbers
from recipe.mmzero.report.data import truth
from recipe.mmzero.report.data.read import Skips
from recipe.mmzero.report.data.truth import Rates
from recipe.mmzero.settings.types.alarms import AlarmConfig
from tests.support.synthetic import Shape, make_run, ones, write_held_out

SMALL = Shape(iterations=2, steps=3, samples=6, rows=6, pictures=3)


# --- differences ------------------------------------------------------------------------------------------------------


def test_paired_leaves_out_items_without_a_value():
    mean, low, high = truth.paired([0.0, 0.0, 1.0, None], [1.0, 0.0, 1.0, 1.0])
    assert mean == pytest.approx(1 / 3) and low < mean < high
    assert high - mean == pytest.approx(1.959964 * np.std([1, 0, 0], ddof=1) / math.sqrt(3))
    assert truth.paired([1.0, 0.0] * 50, [1.0, 0.0] * 50) == (0.0, 0.0, 0.0), "no noise where nothing changed"


def test_unpaired_is_agresti_and_caffo():
    """By hand: 24 of 48 against 12 of 48, each with one more right and one more wrong: 25/50 and 13/50."""
    mean, low, high = truth.unpaired(ones(0.5, 48), [*ones(0.25, 48), None])
    half = 1.959964 * math.sqrt(0.5 * 0.5 / 50 + 0.26 * 0.74 / 50)
    assert mean == -0.25 and (low, high) == (pytest.approx(-0.24 - half), pytest.approx(-0.24 + half))
    assert math.isnan(truth.unpaired([], [1.0])[0])
    low, high = truth.unpaired([1.0] * 20, [1.0] * 20)[1:]
    assert low < -0.05 and high > 0.05, "twenty equal rows do not prove that nothing changed"


def test_many_iterations_show_the_first_and_the_last():
    points = [Rates(k, {"solver": {"hard_right": ones(0.1 * k, 10)}}) for k in range(10)]
    assert [point.title for point in truth.shown(points)] == ["base", "it 1", "it 6", "it 7", "it 8", "it 9"]
    text = truth.rates_table(points, truth.END, ())
    assert max(map(len, text.splitlines())) <= 120 and "+0.900 [" in text and "Rows" not in text


# --- alarms -----------------------------------------------------------------------------------------------------------


def collected(before, now, name="well_posed"):
    sides = tuple(Rates(k + 1, {"rows": {name: values}}) for k, values in enumerate((before, now)))
    return Numbers("iter_02/collect_solver", 2, "collect_solver", {}, {}, truth=sides)


def trained(before, now, role="proposer", name="well_posed"):
    sides = tuple(Rates(k, {role: {name: values}}) for k, values in enumerate((before, now)))
    return Numbers("iter_01/solver", 1, "solver", {}, {}, truth=sides)


@pytest.mark.parametrize("name", ["well_posed", "faithful", "label_true"])
@pytest.mark.parametrize(
    "before, now, fires",
    [
        ((0.5, 48), (0.25, 48), True),
        ((0.5, 48), (0.27, 48), False),  # the 99% bound still reaches 0
        ((0.23, 48), (0.5, 48), False),  # a rise
        ((0.9, 2000), (0.81, 2000), False),  # certain, and less than the smallest fall that counts
        ((0.9, 2000), (0.78, 2000), True),
        ((1.0, 19), (0.0, 40), False),  # fewer than min_count
        ((1.0, 20), (0.0, 40), True),
        ((0.0, 48), (0.0, 48), False),
    ],
)
def test_rows_fell(name, before, now, fires):
    found = evaluate(collected(ones(*before), ones(*now), name))
    assert [alarm.rule for alarm in found] == [name] * fires
    if fires:
        assert found[0].value == pytest.approx(before[0] - now[0], abs=0.02) and found[0].key == "alarms.truth_fall_max"


def test_held_out_rates_fell():
    before, now = ones(0.6, 480), ones(0.45, 480)
    assert [alarm.rule for alarm in evaluate(trained(before, now))] == ["well_posed"]
    assert [alarm.rule for alarm in evaluate(trained(before, now, "coder", "faithful"))] == ["faithful"]
    assert evaluate(trained(before, now, "solver", "hard_right")) == [], "no rule: a Solver is paid for that"
    assert evaluate(trained(before, ones(0.51, 480))) == []
    assert evaluate(trained(before, now), AlarmConfig(truth_fall_max=0.2)) == []
    assert evaluate(Numbers("iter_01/solver", 1, "solver", {}, {})) == [], "where truth is not known there is no rule"


def test_invalid_proposals_have_no_value():
    before, now = [*ones(0.6, 480), None], [*ones(0.45, 480), 1.0]
    assert [alarm.rule for alarm in evaluate(trained(before, now))] == ["well_posed"]
    assert evaluate(trained([None] * 480, ones(0.45, 480))) == []


def test_noise_raises_no_alarm():
    """Runs of three iterations in which nothing changes, with the shares and the 48 rows of real ones: 6 comparisons of
    1% each make at most 6%, and of 400 runs that count is uncertain by 2.3 points."""
    dice, alarmed, runs = random.Random(0), 0, 400
    for _ in range(runs):
        shares = {"well_posed": 0.45, "faithful": 0.5, "label_true": 0.16}
        first, *later = ({n: [float(dice.random() < p) for _ in range(48)] for n, p in shares.items()} for _ in "123")
        alarmed += any(evaluate(collected(first[n], now[n], n)) for now in later for n in shares)
    assert alarmed / runs < 0.083, alarmed


def test_a_step_is_compared_with_the_start_of_its_run(tmp_path):
    run = make_run(tmp_path / "run", shape=SMALL)
    write_held_out(run, {0: {}, 1: {}, 2: {"coder/faithful": 0.1}})
    found = {step: [a.rule for a in check_step(run / step)] for step in ("iter_01/solver", "iter_02/solver")}
    assert found == {"iter_01/solver": [], "iter_02/solver": ["faithful"]}
    (run / "iter_02/collect_solver/truth.json").write_text(json.dumps({"label_true": ones(0.0, 48)}))
    assert [a.rule for a in check_step(run / "iter_02/collect_solver")] == ["label_true"]
    (run / "iter_01/collect_solver/truth.json").unlink()
    assert check_step(run / "iter_02/collect_solver") == [], "the start was not measured"


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"points": 3}',
        '{"points": [3, {"iteration": "x"}, {"iteration": 1, "values": []}]}',
        '{"before": {"items": 200, "easy_accuracy": 0.5}, "after": {"items": 200}}',  # of an earlier version
    ],
)
def test_a_damaged_file_is_not_measured(tmp_path, text):
    (tmp_path / "held_out.json").write_text(text)
    assert truth.truth(tmp_path, Skips()) == []


def test_points_are_read_as_written(tmp_path):
    write_held_out(tmp_path, {1: {}, 0: {}}, items=10)
    base, first = truth.truth(tmp_path, Skips())
    assert (base.iteration, first.iteration) == (0, 1) and base.whole == {"proposer": {"type_entropy": 1.1}}
    assert base.mean("coder", "faithful") == pytest.approx(0.4) and first.of("rows", "well_posed") == ones(0.5, 48)


def test_checkpoints_that_were_not_asked_the_same_are_not_compared(tmp_path):
    write_held_out(tmp_path, {0: {}, 1: {}}, items=10)
    content = json.loads((tmp_path / "held_out.json").read_text())
    content["points"][1]["values"]["coder"]["draws"].pop()
    (tmp_path / "held_out.json").write_text(json.dumps(content))
    skips = Skips()
    assert truth.truth(tmp_path, skips) == [] and skips.lines()
