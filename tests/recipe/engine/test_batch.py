"""What only the whole step knows: batch terms, dropped samples, online labels, groups, picture metrics, memory."""

import inspect
import json
import math

import pytest

from mmzero_rewards.config import RewardConfig
from recipe.mmzero.engine.collect.rows import PROPOSALS, write_parquet
from recipe.mmzero.engine.train.agreement import PEARSON, require_agreement
from recipe.mmzero.engine.train.batch import (
    StageFailure,
    finish,
    length_metrics,
    require_few_lost,
    rows_of,
)
from recipe.mmzero.engine.train.data.earlier_proposals import earlier_proposals


def fields(number, **changes):
    own = {name: f"{name} number {number} of its own kind {number}" for name in ("caption", "easy_question")}
    rest = {"content_type": "map", "easy_answer": "1", "hard_answer": "2", "hard_question": f"why {number} {number}?"}
    return own | rest | changes


def rows(*samples, groups=None):
    """One row per (numeric terms, sample), two to a group unless `groups` says otherwise."""
    groups = groups or [f"g{number // 2}" for number in range(len(samples))]
    keys = [f"{group}_{number}_0" for number, group in enumerate(groups)]
    extras = [
        {"reward_extra_info": {"dropped": 0.0, **terms, "mmzero_sample": json.dumps(sample)}}
        for terms, sample in samples
    ]
    return rows_of(keys, [True] * len(keys), groups, extras)


def proposals(*proposed, score=0.5):
    return rows(*[({"score": score if one else -1.0}, {"proposal": one}) for one in proposed])


def answers(*given, label_accuracy=0.0, groups=None):
    """Solver roll-outs that all have the format; their offline accuracy is `label_accuracy`."""
    score = 0.9 * label_accuracy + 0.1
    return rows(
        *[({"score": score, "accuracy": label_accuracy, "format": 1.0}, {"answer": one}) for one in given],
        groups=groups or ["g"] * len(given),
    )


# --- rows -------------------------------------------------------------------------------------------------------------


def test_padding_is_not_a_row_and_positions_stay_those_of_the_batch():
    extra = {"reward_extra_info": {"score": 0.5, "dropped": 0.0, "note": "text", "mmzero_sample": '{"answer": "4"}'}}
    found = rows_of(["a_0_0", "pad_0_0", "a_1_0"], [True, False, True], ["a", "pad", "a"], [extra, {}, extra])
    assert [(row.position, row.order, row.group, row.session) for row in found] == [(0, 0, "a", 0), (2, 1, "a", 1)]
    assert found[0].components == {"score": 0.5, "dropped": 0.0} and found[0].sample == {"answer": "4"}


# --- batch terms of the Proposer --------------------------------------------------------------------------------------


def test_content_type_and_diversity_are_added_to_the_scores():
    kinds = ["data_chart"] * 6 + ["map", "table"]
    batch = proposals(*[fields(number, content_type=kind) for number, kind in enumerate(kinds)])
    outcome = finish(batch, "proposer", RewardConfig())
    assert outcome.added == pytest.approx([-0.075] * 6 + [0.0] * 2)  # share 6/8
    assert outcome.scores == pytest.approx([0.425] * 6 + [0.5] * 2)
    assert [terms["r_ct"] for terms in outcome.terms] == pytest.approx([-0.075] * 6 + [0.0] * 2)
    assert outcome.metrics["mmzero/proposer/batch/content_types"] == 3.0


def test_a_format_error_is_not_part_of_the_batch():
    batch = proposals(fields(0), None, fields(0, caption="another", easy_question="thing"), None)
    outcome = finish(batch, "proposer", RewardConfig())
    assert outcome.added == pytest.approx([-0.15 - 0.175, 0.0, -0.15 - 0.175, 0.0])  # one type; equal hard questions
    assert outcome.scores[1] == -1.0 and outcome.left_out == []


def test_a_dropped_proposal_counts_in_the_terms_of_the_others_and_gets_none():
    batch = rows(
        ({"score": 0.5}, {"proposal": fields(0)}),
        ({"score": 0.5}, {"proposal": fields(1, content_type="table")}),
        ({"score": 0.0, "dropped": 1.0}, {"proposal": fields(0), "failure": "peer gone"}),
        ({"score": 0.5}, {"proposal": fields(2, content_type="timeline")}),
    )
    outcome = finish(batch, "proposer", RewardConfig())
    assert outcome.added == pytest.approx([-0.5, 0.0, 0.0, 0.0])  # all three fields shared with the dropped one
    assert outcome.left_out == [2, 3]  # and the one that is alone in its group now


def test_paper_skips_a_batch_of_one_type():
    batch = proposals(*[fields(number) for number in range(4)])
    builtin = {"grading": {"grader": "builtin"}}
    assert finish(batch, "proposer", RewardConfig.preset("paper", builtin)).added == [0.0] * 4
    assert finish(batch, "proposer", RewardConfig()).added == pytest.approx([-0.15] * 4)


def test_other_roles_have_no_batch_terms():
    batch = rows(*[({"score": 1.5}, {"proposal": fields(0), "drawings": []})] * 4)
    assert finish(batch, "coder", RewardConfig()).added == [0.0] * 4


# --- failures, groups, metrics ----------------------------------------------------------------------------------------


def dropped(count, of):
    failed = ({"score": 0.0, "dropped": 1.0}, {"failure": "peer solver at http://127.0.0.1:9/v1: refused"})
    return rows(*[failed] * count, *[({"score": 1.0}, {})] * (of - count))


def test_dropped_samples_leave_the_batch_and_every_metric():
    outcome = finish(dropped(1, 40), "coder", RewardConfig())
    assert outcome.left_out == [0, 1]  # its sibling cannot be compared with anything
    assert outcome.metrics["mmzero/coder/dropped_fraction"] == 1 / 40
    assert outcome.metrics["mmzero/coder/rollouts"] == 40.0
    assert outcome.metrics["mmzero/coder/reward/min"] == 1.0, "a failure is not a reward of 0"


def test_sentinel_score_of_a_whole_step_stops_the_stage_with_the_address():
    """method.md §8 `sentinel_score`, `silent_zero`: all servers gone is one line naming one, never a batch of zeros."""
    for count in (3, 40):
        with pytest.raises(StageFailure) as caught:
            require_few_lost(dropped(count, 40), 40, 0.05)
        message = str(caught.value)
        assert f"{count} of 40" in message and "http://127.0.0.1:9/v1" in message and "max_fraction=0.05" in message
        assert "\n" not in message


@pytest.mark.parametrize("failed, present, stops", [(0, 38, False), (1, 39, False), (1, 38, True)])
def test_missing_and_dropped_rollouts_share_one_limit(failed, present, stops):
    """2 of 40 is the limit of 0.05, which may be reached."""
    batch = dropped(failed, present)
    if not stops:
        return require_few_lost(batch, 40, 0.05)
    with pytest.raises(StageFailure, match=r"3 of 40 .* 1 dropped, .* 2 missing, .*Error in _run_prompt") as caught:
        require_few_lost(batch, 40, 0.05)
    assert "\n" not in str(caught.value)


def test_the_limit_may_be_reached():
    require_few_lost(dropped(2, 40), 40, 0.05)
    assert finish(dropped(2, 40), "coder", RewardConfig()).metrics["mmzero/coder/dropped_fraction"] == 0.05


def test_missing_rollouts_stop_the_stage():
    require_few_lost(dropped(0, 95), 100, 0.05)
    with pytest.raises(StageFailure, match="6 of 100 roll-outs of this step are lost"):
        require_few_lost(dropped(0, 94), 100, 0.05)


def test_zero_variance_groups_are_counted():
    batch = rows(*[({"score": value}, {}) for value in (1.0, 1.0, 0.5, 2.0, 0.1, 0.1, 0.3, 0.30001)])
    metrics = finish(batch, "coder", RewardConfig()).metrics
    assert metrics["mmzero/coder/zero_variance_groups"] == 0.5


def test_undefined_terms_stay_out_of_the_metrics():
    batch = rows(({"score": 1.0, "leak": 1.0}, {}), ({"score": -0.1, "leak": math.nan}, {}))
    metrics = finish(batch, "coder", RewardConfig()).metrics
    assert metrics["mmzero/coder/leak/mean"] == 1.0
    assert all(math.isfinite(value) for value in metrics.values())


# --- online labels ----------------------------------------------------------------------------------------------------


def test_online_label_is_the_majority_of_the_group():
    outcome = finish(answers("4", "4.0", "5", None), "solver", RewardConfig(), "online")
    assert outcome.scores == pytest.approx([1.0, 1.0, 0.1, 0.1])
    assert [terms["accuracy"] for terms in outcome.terms] == [1.0, 1.0, 0.0, 0.0]
    assert outcome.metrics["mmzero/solver/accuracy"] == 0.5


def test_online_label_replaces_the_offline_one():
    batch = answers("7", "7", "5", label_accuracy=1.0)
    outcome = finish(batch, "solver", RewardConfig(), "online")
    assert outcome.scores == pytest.approx([1.0, 1.0, 0.1])
    assert [row.sample["label"] for row in batch] == ["7"] * 3, "dumped samples show the label that was used"


def test_offline_labels_are_left_alone():
    outcome = finish(answers("4", "4", "5"), "solver", RewardConfig())
    assert outcome.added == [0.0] * 3


def test_a_group_in_which_nobody_answers_leaves_the_batch():
    groups = ["a", "a", "b", "b"]
    outcome = finish(answers(None, None, "5", "6", groups=groups), "solver", RewardConfig(), "online")
    assert outcome.left_out == [0, 1]
    assert sorted(outcome.scores[2:]) == pytest.approx([0.1, 1.0])


# --- pictures ---------------------------------------------------------------------------------------------------------

LOOKS = [f"{value:064x}" for value in (0, 3, (1 << 256) - 1, (1 << 128) - 1)]  # the first two differ in 2 bits


def drawing(look=None, status="ok"):
    return {"status": status, "picture_hash": look}


def test_blank_and_repeated_pictures_are_metrics():
    batch = rows(
        ({"score": 1.0}, {"drawings": [drawing(LOOKS[0]), drawing(LOOKS[0]), drawing(status="blank")]}),
        ({"score": 1.0}, {"drawings": [drawing(LOOKS[1]), drawing(LOOKS[2]), drawing(LOOKS[3])]}),
    )
    proposer = finish(batch, "proposer", RewardConfig()).metrics
    assert proposer["mmzero/proposer/pictures/blank"] == 1 / 6
    assert proposer["mmzero/proposer/pictures/near_duplicate"] == 3 / 5
    coder = finish(batch, "coder", RewardConfig()).metrics
    assert coder["mmzero/coder/pictures/near_duplicate"] == 0.0, "roll-outs of one group draw the same proposal"


# --- memory -----------------------------------------------------------------------------------------------------------


def collected(run_dir, iteration, proposed, stage="collect_coder"):
    folder = run_dir / f"iter_{iteration:02d}" / stage
    folder.mkdir(parents=True)
    table = [
        {"proposal_id": str(i), "iteration": iteration, "format_ok": one is not None} | (one or {})
        for i, one in enumerate(proposed)
    ]
    write_parquet(folder / "proposals.parquet", PROPOSALS, table)


def test_memory_reads_the_last_iterations(tmp_path):
    for iteration in (1, 2, 3):
        collected(tmp_path, iteration, [fields(10 * iteration), None, fields(10 * iteration + 1)])
    assert [p.hard_question for p in earlier_proposals(tmp_path, 4, 2)] == [f"why {n} {n}?" for n in (20, 21, 30, 31)]
    assert earlier_proposals(tmp_path, 1, 2) == []
    collected(tmp_path / "no_coder", 1, [fields(7)], "collect_solver")
    assert [p.hard_question for p in earlier_proposals(tmp_path / "no_coder", 2, 1)] == ["why 7 7?"]
    with pytest.raises(FileNotFoundError, match=r"memory=1 needs .*iter_04"):
        earlier_proposals(tmp_path, 5, 1)


def test_repeating_an_earlier_iteration_costs(tmp_path):
    collected(tmp_path, 1, [fields(0)])
    remembering = RewardConfig.from_dict({"proposer": {"diversity": {"memory": 1}}})
    batch = proposals(fields(0), fields(1, content_type="table"))
    memory = earlier_proposals(tmp_path, 2, 1)
    assert finish(batch, "proposer", remembering, "offline", memory).added == pytest.approx([-0.5, 0.0])
    assert finish(batch, "proposer", RewardConfig(), "offline", memory).added == [0.0, 0.0]


@pytest.mark.parametrize(
    "lengths, limit, share",
    [
        ([15, 15, 14, 9], 64, 0.0),  # verl's clip ratio says a half: as long as the longest
        ([64, 63, 64, 9], 64, 0.5),
        ([64, 64], 64, 1.0),
        ([70, 1], 64, 0.5),
        ([0, 3], 64, 0.0),
    ],
)
def test_cut_off_is_measured_against_the_limit(lengths, limit, share):
    responses = [[7] * length for length in lengths]
    assert length_metrics("solver", responses, limit, end=2) == {"mmzero/solver/cut_off": share}


def test_a_response_that_ends_at_the_limit_is_whole():
    assert length_metrics("coder", [[7, 7, 2], [7, 7, 7]], 3, end=2) == {"mmzero/coder/cut_off": 0.5}
    assert length_metrics("coder", [], 3, end=2) == {}


def test_missing_roll_outs_are_lost_ones():
    found = finish(dropped(2, 40), "coder", RewardConfig(), expected=50).metrics
    assert found["mmzero/coder/dropped_fraction"] == pytest.approx(12 / 50)


GUARD = {"rank": 64, "min_correlation": 0.9, "checked_steps": 5}


def test_an_adapter_that_the_server_does_not_apply_stops_the_stage():
    with pytest.raises(StageFailure, match=r"step 2: .* by 0\.41, .*min_correlation=0\.9.*exclude") as caught:
        require_agreement({PEARSON: 0.41}, 2, GUARD)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("found", "step", "changes"),
    [
        (0.95, 1, {}),
        (0.9, 5, {}),  # the limit may be reached
        (0.41, 6, {}),  # later steps are not checked
        (0.41, 1, {"rank": 0}),  # full tuning has no adapter
        (0.41, 1, {"min_correlation": 0.0}),
        (math.nan, 1, {}),  # no token counts in this step
    ],
)
def test_agreement_is_asked_for_in_the_first_steps_of_an_adapter(found, step, changes):
    require_agreement({PEARSON: found}, step, GUARD | changes)
    require_agreement({}, step, GUARD | changes)


def test_the_correlation_is_called_what_verl_calls_it():
    from verl.utils.debug import metrics

    assert PEARSON in inspect.getsource(metrics.calculate_debug_metrics)
