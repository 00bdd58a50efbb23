"""The plan's numbers are docs/method.md §5's, for every model that has a column."""

import pytest

from recipe.mmzero.run import plan
from recipe.mmzero.settings import schema


def steps(model, hardware="gpu8x80", *overrides):
    return {step.id: step for step in plan.plan(schema.load([f"model={model}", f"hardware={hardware}", *overrides]))}


# docs/method.md §5 "Work per step": proposals, codes, pictures, answers of one GRPO step.
PER_STEP = [
    ("qwen2_5_vl_7b", "proposer", (72, 288, 288, 2_880)),
    ("qwen2_5_vl_7b", "coder", (0, 1_280, 1_280, 12_800)),
    ("qwen2_5_vl_7b", "solver", (0, 0, 0, 4_096)),
    ("qwen3_vl_8b", "coder", (0, 1_280, 1_280, 12_800)),
    ("qwen3_vl_4b", "proposer", (192, 768, 768, 7_680)),
    ("qwen3_vl_4b", "coder", (0, 2_048, 2_048, 20_480)),
    ("qwen3_vl_4b", "solver", (0, 0, 0, 4_096)),
    ("mimo_vl_7b", "proposer", (72, 288, 288, 2_880)),
]


@pytest.mark.parametrize(("model", "stage", "numbers"), PER_STEP)
def test_work_per_step(model, stage, numbers):
    work = steps(model)[f"iter_01/{stage}"].per_update_step
    assert (work.proposals, work.codes, work.renders, work.answers) == numbers


# method.md §5 "Collection": 3,304 proposals and 4 codes each in the reference; ours may spend four times as many before
# it gives up on its target of 1,200 rows (§6.1 render_filter). The Solver's 5,000 / 100,000 are the reference's.
COLLECTIONS = [
    ("qwen2_5_vl_7b", "collect_coder", (13_200, 52_800, 0)),
    ("qwen2_5_vl_7b", "collect_solver", (5_000, 5_000, 100_000)),
    ("qwen3_vl_4b", "collect_solver", (3_600, 3_600, 72_000)),
    ("mimo_vl_7b", "collect_coder", (24_000, 96_000, 0)),
    ("mimo_vl_7b", "collect_solver", (8_000, 8_000, 160_000)),
]


@pytest.mark.parametrize(("model", "stage", "numbers"), COLLECTIONS)
def test_work_of_a_collection(model, stage, numbers):
    work = steps(model)[f"iter_01/{stage}"].work
    assert (work.proposals, work.codes, work.answers) == numbers


def test_reference_collection():
    work = steps("qwen2_5_vl_7b", "gpu8x80", "coder.filter.attempt_budget=3304")["iter_01/collect_coder"].work
    assert (work.proposals, work.codes) == (3_304, 13_216)


def test_layout_is_the_references():
    found = [list(step.layout.values()) for step in list(steps("qwen2_5_vl_7b").values())[:5]]
    assert found[0] == [3, 2, 3] and found[2] == [4, 4] and found[4] == [8]
    assert all(sum(counts) == 8 for counts in found)


def test_rows_and_tokens():
    found = steps("qwen2_5_vl_7b")
    assert [found[f"iter_01/{name}"].rows for name in plan.STAGES] == [360, 1_200, 6_400, 5_000, 10_240]
    solver = found["iter_01/solver"]
    assert solver.work.tokens == 20 * 4_096 * 4_096 and solver.work.generations == 81_920
    proposer = found["iter_01/proposer"].per_update_step
    assert proposer.tokens == (72 + 288 + 2_880) * 4_096 == proposer.generations * 4_096


def test_checkpoints_and_peers_follow_method():
    """docs/method.md §1: index 0 is the base; the Coder's judge and the labels are S_{i-1}, the drawings C_i."""
    found = steps("qwen2_5_vl_7b", "gpu8x80", "evolution.iterations=2")
    assert found["iter_01/proposer"].inputs == {"policy": "base", "coder": "base", "solver": "base"}
    assert found["iter_02/proposer"].inputs == {
        "policy": "iter_01/proposer",
        "coder": "iter_01/coder",
        "solver": "iter_01/solver",
    }
    assert found["iter_02/collect_coder"].inputs["coder"] == "iter_01/coder"
    assert found["iter_02/coder"].inputs["solver"] == "iter_01/solver"
    assert found["iter_02/collect_solver"].inputs["coder"] == "iter_02/coder"
    assert found["iter_02/collect_solver"].inputs["solver"] == "iter_01/solver"
    assert found["iter_02/solver"].inputs["policy"] == "iter_01/solver"
    reference = steps("qwen3_vl_4b", "gpu8x80", "ablation=solver_init")
    assert reference["iter_02/solver"].inputs["policy"] == "base"


def test_printed_plan():
    text = plan.format_plan(list(steps("qwen2_5_vl_7b", "gpu8x80", "evolution.iterations=1").values()))
    lines = text.splitlines()
    assert "3 train + 2 coder + 3 solver" in lines[1] and "2,880" in lines[2] and "13.3M" in lines[2]
    assert "<= 1,200" in lines[3] and "100,000" in lines[6]
    shared = plan.format_plan(list(steps("qwen3_vl_4b", "gpu1x80").values()))
    assert "1 for train + coder + solver" in shared


def test_unknown_step_names_the_valid_ones():
    with pytest.raises(ValueError, match="no step 'iter_09/coder' in this plan; steps: iter_01/proposer"):
        plan.step_named(list(steps("tiny", "cpu").values()), "iter_09/coder")


def test_mistyped_step_names_the_nearest():
    with pytest.raises(ValueError, match=r"did you mean 'iter_01/solver'\?"):
        plan.step_named(list(steps("tiny", "cpu").values()), "iter_01/sovler")


def test_answers_from_captions_are_counted_and_cheap():
    """On the 7B profile they are less than 5% of what rewarding a Proposer's step takes."""
    plain, view = steps("qwen2_5_vl_7b"), steps("qwen2_5_vl_7b", "gpu8x80", "rewards=verified")
    before, after = (found["iter_01/proposer"].per_update_step for found in (plain, view))
    assert (before.texts, after.texts) == (0, 72 * 2 * 5)
    assert (
        after.tokens - before.tokens == after.text_tokens == 720 * 512 and after.generations - before.generations == 720
    )
    assert after.text_tokens < 0.05 * before.tokens
    assert view["iter_01/proposer"].work.texts == 20 * 720
    assert view["iter_01/coder"].per_update_step.texts == 0, "they come with the rows"
    assert view["iter_01/collect_coder"].work.texts == 1_200 * 2 * 5
    assert view["iter_01/collect_solver"].work.texts == 5_000 * 5
    text = plan.format_plan(list(view.values()))
    line = "Answers from captions, per GRPO step of the proposer: 720 generations, 368.6k of 13.6M tokens (2.7%)."
    assert text.count(line) == 1 and text.count("Answers from captions") == 3
    assert "captions" not in plan.format_plan(list(plain.values()))
    short = steps("tiny", "cpu", "rewards=verified")["iter_01/proposer"].per_update_step
    limit = schema.load(["model=tiny"]).solver.train.max_response_tokens
    assert limit < 512 and short.text_tokens == short.texts * limit


def test_witnesses_of_programs_are_counted():
    words = ("coder.languages=[python]", "solver.label_mode=program", "solver.programs=3")
    found = steps("qwen2_5_vl_7b", "gpu8x80", *words)
    work = found["iter_01/collect_solver"].work
    assert (work.proposals, work.codes, work.renders, work.answers) == (5_000, 15_000, 15_000, 100_000)
