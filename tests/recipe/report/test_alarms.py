"""Every alarm fires on the synthetic run that has its fault, and none on a healthy one; what the loop sees of them."""

import json
import math

import pytest

from recipe.mmzero.report.alarms.check import RULES, Numbers, check_step, evaluate, should_stop
from recipe.mmzero.settings.alarms import AlarmConfig
from tests.support.synthetic import FAULTS, Shape, make_run

SMALL = Shape(iterations=2, steps=6, samples=12, rows=12, pictures=4)


def alarms_of(run):
    return [alarm for step in sorted(run.glob("iter_*/*")) for alarm in check_step(step)]


def test_faults_cover_all_rules():
    assert sorted(FAULTS.values()) == sorted(rule.name for rule in RULES)


@pytest.mark.parametrize("seed", range(3))
def test_healthy_run_has_no_alarm(tmp_path, seed):
    run = make_run(tmp_path / "run", seed=seed, shape=SMALL)
    assert alarms_of(run) == []
    assert not (run / "alarms.jsonl").exists()


@pytest.mark.parametrize("fault, rule", FAULTS.items())
def test_fault_raises_its_alarm_and_no_other(tmp_path, fault, rule):
    run = make_run(tmp_path / "run", fault, shape=SMALL)
    found = alarms_of(run)
    assert {alarm.rule for alarm in found} == {rule}
    assert {alarm.iteration for alarm in found} == {2}  # the first iteration is healthy
    records = [json.loads(line) for line in (run / "alarms.jsonl").read_text().splitlines()]
    assert [record["rule"] for record in records] == [alarm.rule for alarm in found]
    key = records[0]["key"].removeprefix("alarms.")
    assert records[0]["threshold"] == getattr(AlarmConfig(), key)
    assert "{" not in records[0]["sentence"] and len(records[0]["sentence"]) > 30


def test_thresholds_are_settings(tmp_path):
    run = make_run(tmp_path / "run", "leak", shape=SMALL)
    step = run / "iter_02" / "coder"
    assert check_step(step, AlarmConfig(leak_rate_max=0.5)) == []
    assert len(check_step(step, AlarmConfig(leak_rate_max=0.39))) == 1


def test_checking_again_replaces_the_steps_lines(tmp_path):
    run = make_run(tmp_path / "run", "leak", shape=SMALL)
    for _ in range(3):
        alarms_of(run)
    assert len((run / "alarms.jsonl").read_text().splitlines()) == 1
    check_step(run / "iter_02" / "coder", AlarmConfig(leak_rate_max=1.0))
    assert (run / "alarms.jsonl").read_text() == ""


@pytest.mark.parametrize(
    "policy, fault, stops",
    [
        ("warn", "leak", False),
        ("stop", "leak", True),
        ("stop", None, False),  # nothing to stop for
    ],
)
def test_stop_only_when_asked(tmp_path, policy, fault, stops):
    run = make_run(tmp_path / "run", fault, shape=SMALL)
    config = AlarmConfig(on_alarm=policy)
    assert should_stop(check_step(run / "iter_02" / "coder", config), config) is stops


def coder(**metrics):
    series = {name.replace("__", "/"): [(k + 1, v) for k, v in enumerate(values)] for name, values in metrics.items()}
    return Numbers("iter_01/coder", 1, "coder", series, {})


@pytest.mark.parametrize(
    "numbers, rules",
    [
        (coder(), set()),  # no numbers, no alarm
        (coder(actor__kl_loss=[0, 3, 3, 3, 0, 0, 0]), {"kl"}),  # bad for a while counts
        (coder(actor__kl_loss=[0, 0, 1.2, 0, 0]), set()),  # one spike does not
        (coder(mmzero__coder__leak__mean=[1, 1, 1, 0, 0, 0]), set()),  # healed before the end
        (coder(mmzero__coder__leak__mean=[0.9], mmzero__coder__rollouts=[4.0]), set()),  # four roll-outs say nothing
        (coder(mmzero__coder__leak__mean=[0.1] * 3), set()),  # equal to the threshold is not above it
        (coder(actor__entropy=[2.0] * 3 + [0.01] * 3), {"policy_collapse"}),
        (coder(actor__entropy=[2.0, 0.01, 0.01]), set()),  # too short to speak of a start and an end
        (Numbers("s", 1, "collect_coder", {}, {"accepted": math.nan, "attempts": "x", "rejected": []}), set()),
        (Numbers("s", 1, "collect_coder", {}, {"accepted": 0, "attempts": 500, "target": 0}), {"starvation"}),
        (Numbers("s", 1, "collect_solver", {}, {"accepted": 99, "attempts": 500, "dropped": 30}), {"peer_failures"}),
    ],
)  # fmt: skip
def test_evaluate(numbers, rules):
    assert {alarm.rule for alarm in evaluate(numbers)} == rules


def test_line_is_one_line():
    (alarm,) = evaluate(coder(actor__kl_loss=[3.0] * 4))
    assert alarm.line() == (
        "ALARM iter_01/coder kl: KL to the stage's start reached 3.00 nat per token: the policy ran away; "
        "lower optim.lr, raise kl.coef (alarms.kl_max=0.5)"
    )
