"""Every alarm fires on the synthetic run that has its fault, and none on a healthy one; what the loop sees of them."""

import json
import math

import pytest

from recipe.mmzero.report.alarms import measures
from recipe.mmzero.report.alarms.check import RULES, Numbers, check_step, evaluate, numbers_of, should_stop
from recipe.mmzero.report.data.read import Skips, read_step
from recipe.mmzero.settings.types.alarms import AlarmConfig
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


def settled(**metrics):
    """Three steps with the same numbers."""
    return coder(**{name: [value] * 3 for name, value in metrics.items()})


CORRELATION, DIFFERENCE = "training__rollout_actor_probs_pearson_corr", "training__rollout_probs_diff_mean"


@pytest.mark.parametrize(
    "numbers, rules",
    [
        # verl's clip ratio is of the longest response of the batch
        (settled(response_length__clip_ratio=1.0, mmzero__coder__cut_off=0.0), set()),
        (settled(response_length__clip_ratio=1.0), set()),
        (settled(response_length__clip_ratio=0.01, mmzero__coder__cut_off=0.4), {"clipping"}),
        # of few items: pictures of a Coder that hardly draws, a sampled part, valid proposals
        (settled(mmzero__coder__leak__mean=0.9, mmzero__coder__leak__n=6.0, mmzero__coder__rollouts=72.0), set()),
        (settled(mmzero__coder__leak__mean=0.9, mmzero__coder__leak__n=7.0, mmzero__coder__rollouts=72.0), {"leak"}),
        (settled(mmzero__coder__hard_consistency__mean=0.9, mmzero__coder__hard_consistency__n=2.0), set()),
        # the start of a stage is more than its first step, whose prompts may be odd ones
        (coder(actor__entropy=[9.0, 0.5, 0.5, 0.5, 0.5, 0.5]), set()),
        (coder(actor__entropy=[0.1, 2.0, 2.0, 0.12, 0.12, 0.12]), {"policy_collapse"}),
        # a correlation says something where probabilities differ
        (settled(**{CORRELATION: 0.5, DIFFERENCE: 0.01}), set()),
        (settled(**{CORRELATION: 0.5, DIFFERENCE: 0.011}), {"engine_mismatch"}),
        (settled(**{CORRELATION: 0.5}), {"engine_mismatch"}),
        (settled(**{CORRELATION: 0.999, DIFFERENCE: 0.06}), {"engine_difference"}),
        (Numbers("s", 1, "collect_solver", {}, {"accepted": 300, "blind_rate": 1.0, "blind_rows": 19}), set()),
        (Numbers("s", 1, "collect_solver", {}, {"accepted": 300, "blind_rate": 1.0, "blind_rows": 20}), {"blind"}),
    ],
)  # fmt: skip
def test_numbers_are_taken_for_what_they_are(numbers, rules):
    assert {alarm.rule for alarm in evaluate(numbers)} == rules


@pytest.mark.parametrize("top_p", [0.9, 0.95, 0.99])
def test_two_equal_engines_raise_no_alarm(top_p):
    """verl's two numbers for a policy that is sure of nearly every token and a sampler that cuts at top_p."""
    metrics = pytest.importorskip("verl.utils.debug.metrics")
    import torch
    from verl import DataProto

    generator = torch.Generator().manual_seed(0)
    trainer = 1 - (1 - top_p) * torch.rand(64, 50, generator=generator)  # sure: the cut leaves one token
    trainer[0, :20] = top_p * torch.rand(20, generator=generator)  # twenty tokens of 3,200 are a choice
    engine = torch.where(trainer >= top_p, torch.ones_like(trainer), trainer / (0.5 * (1 + top_p)))
    logs = {"rollout_log_probs": engine.log(), "old_log_probs": trainer.log(), "responses": trainer}
    found = metrics.calculate_debug_metrics(DataProto.from_dict(logs | {"response_mask": torch.ones(64, 50)}))
    series = {name: [(step, float(value)) for step in (1, 2, 3)] for name, value in found.items()}
    assert evaluate(Numbers("s", 1, "solver", series, {}, top_p)) == []
    if top_p == 0.9:  # the same numbers where nothing is cut are a fault
        assert {alarm.rule for alarm in evaluate(Numbers("s", 1, "solver", series, {}))} >= {"engine_mismatch"}


def test_top_p_is_the_stages_own(tmp_path):
    step = make_run(tmp_path / "run", shape=SMALL) / "iter_01" / "solver"
    read = lambda: numbers_of(read_step(step, 1, Skips())).top_p  # noqa: E731
    assert read() == 1.0
    for text in ("{", "actor_rollout_ref: 3", "actor_rollout_ref: {rollout: {top_p: many}}"):
        (step / "verl.yaml").write_text(text)
        assert read() == 1.0
    (step / "verl.yaml").write_text("actor_rollout_ref: {rollout: {top_p: 0.95, n: 8}}")
    assert read() == 0.95


def test_line_is_one_line():
    (alarm,) = evaluate(coder(actor__kl_loss=[3.0] * 4))
    assert alarm.line() == (
        "ALARM iter_01/coder kl: KL to the stage's start reached 3.00 nat per token: the policy ran away; "
        "lower optim.lr, raise kl.coef (alarms.kl_max=0.5)"
    )


@pytest.mark.parametrize("items, fires", [(23, False), (24, True)])
def test_a_mean_of_exactly_enough_items_counts(items, fires):
    leaks = [(step, 1.0) for step in (1, 2)]
    series = {"mmzero/coder/leak/mean": leaks, "mmzero/coder/leak/n": [(1, items - 12.0), (2, 12.0)]}
    found = evaluate(Numbers("s", 1, "coder", series, {}), AlarmConfig(min_count=24))
    assert [alarm.rule for alarm in found] == ["leak"] * fires


@pytest.mark.parametrize("accepted, fires", [(3, True), (30, False)])
def test_too_easy_is_a_share_of_the_rows_that_got_a_label(accepted, fires):
    """What does not draw says nothing about difficulty."""
    rejected = {"too_easy": 20, "too_hard": 2, "render_blank": 500}
    summary = {"attempts": 555, "accepted": accepted, "rejected": rejected, "dropped": 0, "codes": 0}
    found = evaluate(Numbers("s", 1, "collect_solver", {}, summary), AlarmConfig(acceptance_min=0.0))
    assert ("labels_too_easy" in {alarm.rule for alarm in found}) is fires


@pytest.mark.parametrize("top_p, beyond", [(1.0, 0.08), (0.95, 0.03), (0.9, 0.0)])
def test_what_the_cut_explains_is_no_difference(top_p, beyond):
    numbers = Numbers("s", 1, "solver", {measures.DIFFERENCE: [(1, 0.08)]}, {}, top_p)
    assert measures.difference(numbers, AlarmConfig()) == pytest.approx(beyond)


@pytest.mark.parametrize("top_p, rules", [(1.0, ["engine_mismatch"]), (0.95, [])])
def test_a_difference_that_the_cut_explains_makes_no_mismatch(top_p, rules):
    series = {measures.CORRELATION: [(1, 0.5)], measures.DIFFERENCE: [(1, 0.04)]}
    assert [alarm.rule for alarm in evaluate(Numbers("s", 1, "solver", series, {}, top_p))] == rules


def test_lost_rows_are_a_share_of_all_attempts():
    summary = {"attempts": 500, "accepted": 99, "dropped": 30}
    assert measures.dropped(Numbers("s", 1, "collect_solver", {}, summary), AlarmConfig()) == pytest.approx(0.06)
