"""The laboratory: experiments as YAML, truth of rows, paired tables. Whole runs are in tests/e2e."""

import json
import math
import os
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from PIL import Image

from recipe.mmzero import cli
from recipe.mmzero.engine.train.data.shuffled import kind_of, shuffled_labels
from recipe.mmzero.engine.train.data.true_labels import true_labels
from recipe.mmzero.report.data import truth
from recipe.mmzero.report.data.stats import over_seeds
from recipe.mmzero.run.lab import cli as lab_cli
from recipe.mmzero.run.lab import (
    compare,
    experiment,
    figure,
    labels,
    measure,
    measurements,
    rows,
    runner,
    shared,
    spent,
)
from recipe.mmzero.run.plan import plan
from recipe.mmzero.run.record.journal import Journal, JournalError, Record
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.arguments import UsageError
from recipe.mmzero.settings.folder import RunFolder
from recipe.mmzero.settings.types.run import ConfigError
from recipe.mmzero.tiny.pixels import draw
from recipe.mmzero.tiny.world import Scene

SCENE = Scene("bars", (("red", 3), ("blue", 1)))
ROW = {
    "caption": SCENE.caption,
    "content_type": "data_chart",
    "easy_question": "value of red?",
    "easy_answer": "3",
    "hard_question": "sum of all?",
    "label": "4",
}


def one(**changed):
    shown = changed.pop("shown", SCENE)
    return {name: values[0] for name, values in rows.truth([ROW | changed], [draw(shown)]).items()}


def test_a_right_row_is_right_in_every_way():
    assert set(one().values()) == {1.0}


def test_a_label_can_be_true_of_the_picture_and_false_of_the_caption():
    found = one(shown=Scene("bars", (("red", 5), ("blue", 1))), label="6")
    assert found["faithful"] == 0 and found["label_true"] == 0 and found["label_true_of_picture"] == 1


@pytest.mark.parametrize("question", ["difference of red and red?", "value of green?", "what is it?"])
def test_an_ill_posed_question_has_no_true_label(question):
    found = one(hard_question=question, label="0")
    assert found["well_posed"] == 0 and found["label_true"] == 0


def test_a_picture_of_no_scene_says_nothing_about_its_label():
    noise = np.random.default_rng(0).integers(0, 255, (112, 112, 3)).astype(np.uint8)
    values = rows.truth([ROW], [noise])
    assert values["label_true_of_picture"] == [None] and values["faithful"] == [0.0] and values["label_true"] == [1.0]


def test_rows_that_were_written_again_are_read_again(tmp_path):
    step = RunFolder(tmp_path).step("iter_01/collect_solver")
    step.path.mkdir(parents=True)
    Image.fromarray(draw(SCENE)).save(step.path / "one.png")
    for second, (label, true) in enumerate((("4", 1.0), ("5", 0.0))):
        pd.DataFrame({"extra_info": [ROW | {"label": label, "image": "one.png"}]}).to_parquet(step.rows)
        os.utime(step.rows, (second, second))
        assert rows.row_truth(step)["label_true"] == [true]


# --- labels by how many answers give them -----------------------------------------------------------------------------


def test_labels_are_counted_by_the_share_of_answers_that_give_them():
    shares = [0.0, 0.1, 0.25, 0.3, 0.5, 0.75, 0.8, 0.9, 1.0]
    made = [labels.Label(share, True, 1.0, None, 0.0) for share in shares]
    found = {name: [label.share for label in own] for name, own in labels.by_share(made)}
    assert found == {
        "none": [0.0],
        "up to 0.25": [0.1, 0.25],
        "up to 0.5": [0.3, 0.5],
        "up to 0.75": [0.75],
        "more, not all": [0.8, 0.9],
        "all": [1.0],
    }


def test_where_wrong_labels_come_from(tmp_path):
    """Kept and too easy ones count, those that fail otherwise do not; true of the caption, false of the picture."""
    step = RunFolder(tmp_path).step("iter_02/collect_solver")
    step.path.mkdir(parents=True)
    other = Scene("bars", (("red", 3), ("blue", 2)))
    fates = [
        ("", "4", 0.5, SCENE),
        ("too_easy", "4", 0.9, other),
        ("easy_accuracy", "4", 0.5, SCENE),
        ("", "", 0.0, SCENE),
    ]
    proposals, made, drawings = [], [], []
    for number, (reason, label, share, shown) in enumerate(fates):
        Image.fromarray(draw(shown)).save(step.path / f"{number}.png")
        proposal = {key: value for key, value in ROW.items() if key != "label"}
        proposals.append(proposal | {"proposal_id": str(number), "reject_reason": reason})
        made.append({"proposal_id": str(number), "code_id": f"{number}-0", "label": label, "label_share": share})
        drawings.append({"code_id": f"{number}-0", "image": f"{number}.png"})
    for file, records in ((step.proposals, proposals), (step.labels, made), (step.drawings, drawings)):
        pd.DataFrame(records).to_parquet(file)
    right, wrong = labels.labels_of(step)
    assert right == labels.Label(0.5, True, 1.0, 1.0, 1.0)
    assert wrong == labels.Label(0.9, False, 1.0, 0.0, 0.0)
    pd.DataFrame({"x": [1]}).to_parquet(step.rows)
    shown = labels.table([tmp_path, tmp_path]).splitlines()
    assert shown[0] == "iteration 2"
    assert shown[-1].split() == ["together", "4", "2", "1.00", "0.50", "0.50"], "of two runs"


# --- shuffled labels --------------------------------------------------------------------------------------------------


def labelled(labels):
    return pd.DataFrame({"reward_model": [{"style": "rule", "ground_truth": label} for label in labels], "row": labels})


def test_a_collection_whose_files_are_damaged_is_one_line(tmp_path, capsys):
    step = RunFolder(tmp_path).step("iter_01/collect_solver")
    step.path.mkdir(parents=True)
    RunFolder(tmp_path).state.write_text("{}")
    words = ["lab", "labels", str(tmp_path)]
    assert cli.main(words) == 2 and "no labels in " in capsys.readouterr().err
    step.rows.touch()
    assert cli.main(words) == 2 and f"{step.labels} cannot be used (it is missing)" in capsys.readouterr().err
    step.labels.write_text("PAR1")
    assert cli.main(words) == 2 and f"{step.labels} cannot be used (" in capsys.readouterr().err
    pd.DataFrame({"x": [1]}).to_parquet(step.labels)  # of an earlier version
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "proposal_id" in said


def test_labels_are_dealt_out_within_their_kind():
    labels = [*map(str, range(20)), "yes", "no", "yes", "red", "blue", "circle", "green"]
    dealt = [model["ground_truth"] for model in shuffled_labels(labelled(labels), seed=1)["reward_model"]]
    assert sorted(dealt) == sorted(labels) and dealt != labels
    assert [kind_of(label) for label in dealt] == [kind_of(label) for label in labels]
    again = [model["ground_truth"] for model in shuffled_labels(labelled(labels), seed=1)["reward_model"]]
    other = [model["ground_truth"] for model in shuffled_labels(labelled(labels), seed=2)["reward_model"]]
    assert again == dealt != other


def test_the_rows_themselves_stay():
    before = labelled([*"12345"])
    after = shuffled_labels(before, seed=1)
    assert list(after["row"]) == [*"12345"]
    assert [model["ground_truth"] for model in before["reward_model"]] == [*"12345"], "the input is not changed"


# --- true labels ------------------------------------------------------------------------------------------------------


def test_true_labels_are_those_of_the_picture(tmp_path):
    for name, picture in (("right", draw(SCENE)), ("noise", np.random.default_rng(0).integers(0, 255, (112, 112, 3)))):
        Image.fromarray(picture.astype(np.uint8)).save(tmp_path / f"{name}.png")
    table = pd.DataFrame(
        {
            "extra_info": [ROW, ROW, ROW | {"hard_question": "is there any?"}, ROW | {"caption": "nothing known"}],
            "images": [[str(tmp_path / f"{name}.png")] for name in ("right", "noise", "right", "right")],
            "reward_model": [{"style": "rule", "ground_truth": "silver"}] * 4,
        }
    )
    known = true_labels(table)
    assert [model["ground_truth"] for model in known["reward_model"]] == ["4", "4"], "without a caption the type helps"
    assert list(known["images"]) == [table["images"][0], table["images"][3]]
    assert table["reward_model"][0]["ground_truth"] == "silver", "the input is not changed"


def test_truth_is_known_of_the_tiny_world_only():
    assert schema.load(["solver.label_mode=truth"]).solver.label_mode == "truth"
    with pytest.raises(ConfigError, match="tiny world only"):
        schema.load(["model=qwen2_5_vl_7b", "hardware=gpu8x80", "solver.label_mode=truth"])


# --- roles that are not trained ---------------------------------------------------------------------------------------


def test_frozen_partners_stay_the_base_and_collect_nothing_for_themselves():
    steps = plan(schema.load(["evolution.train=[solver]", "evolution.iterations=2"]))
    assert [step.id for step in steps] == [
        f"iter_{i:02d}/{stage}" for i in (1, 2) for stage in ("collect_solver", "solver")
    ]
    assert steps[2].inputs == {"proposer": "base", "coder": "base", "solver": "iter_01/solver"}
    assert steps[3].inputs == {"policy": "iter_01/solver", "data": "iter_02/collect_solver"}


def test_a_frozen_coder_draws_for_a_trained_proposer():
    steps = {
        step.id: step for step in plan(schema.load(["evolution.train=[proposer,solver]", "evolution.iterations=2"]))
    }
    assert steps["iter_02/proposer"].inputs == {
        "policy": "iter_01/proposer",
        "coder": "base",
        "solver": "iter_01/solver",
    }
    assert steps["iter_02/collect_solver"].inputs["coder"] == "base"
    assert steps["iter_02/collect_solver"].inputs["proposer"] == "iter_02/proposer"


# --- experiments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", experiment.shipped())
def test_shipped_experiments_compose(name, tmp_path):
    runs = experiment.load(name).runs(tmp_path)
    assert len({run.folder for run in runs}) == len(runs) >= 4
    for run in runs[:: len({run.seed for run in runs})]:
        assert plan(schema.load([*run.words, f"run_dir={run.folder}"]))


GOOD = "settings: [model=tiny]\nseeds: [0, 1]\ncontrol: a\narms: {a: [], b: [stage.steps=2]}\n"


@pytest.mark.parametrize(
    "change, said",
    [
        (("control: a", "control: c"), "control 'c' is no arm"),
        (("seeds: [0, 1]", "seeds: []"), "seeds"),
        (("seeds: [0, 1]", "sedes: [0]"), "exactly the keys"),
        (("b: [stage.steps=2]", "b: stage.steps=2"), "lists of key=value"),
        (("b: [stage.steps=2]", "b: [steps]"), "lists of key=value"),
        (("arms:", "arms: {"), "not YAML"),
        (("seeds: [0, 1]", "seeds: 5"), "seeds is a list"),
        (("seeds: [0, 1]", "seeds: [true]"), "seeds is a list"),
        (("seeds: [0, 1]", "seeds: [-1]"), "seeds is a list"),
        (("seeds: [0, 1]", "seeds: [0, 0]"), "a seed stands there twice"),
        (("control: a", "control: [a]"), "is no arm"),
        (("b: [stage.steps=2]", "1: [stage.steps=2]"), "arm 1 is no name"),
        (("b: [stage.steps=2]", "../../b: [stage.steps=2]"), "arm '../../b' is no name"),  # it is a folder's name
        (("b: [stage.steps=2]", "'': [stage.steps=2]"), "arm '' is no name"),
        (("arms:", "\N{LATIN SMALL LETTER E WITH ACUTE}:"), "not UTF-8"),
    ],
)
def test_a_wrong_experiment_is_one_line(tmp_path, change, said):
    path = tmp_path / "own.yaml"
    path.write_text(GOOD.replace(*change), encoding="latin-1")
    with pytest.raises(experiment.ExperimentError, match=said) as error:
        experiment.load(str(path))
    assert "\n" not in str(error.value)


def test_unknown_names_list_the_known(tmp_path):
    with pytest.raises(experiment.ExperimentError, match="evolution"):
        experiment.load("evolutoin")
    path = tmp_path / "own.yaml"
    path.write_text(GOOD)
    with pytest.raises(experiment.ExperimentError, match="one of a, b"):
        experiment.load(str(path)).runs(tmp_path, arms=["c"])
    runs = experiment.load(str(path)).runs(tmp_path)
    assert [(run.seed, run.arm) for run in runs] == [(0, "a"), (0, "b"), (1, "a"), (1, "b")], "seed by seed"


# --- tables -----------------------------------------------------------------------------------------------------------


def test_intervals_over_seeds_are_students():
    number = over_seeds([0.1, 0.2, 0.3])
    assert number.value == pytest.approx(0.2)
    assert number.high - number.value == pytest.approx(4.302653 * 0.1 / math.sqrt(3), rel=1e-4)


def made(iteration, share, items=40):
    values = {role: {} for role in ("solver", "coder", "proposer")}
    for role, name, _ in truth.LINES:
        if role != "rows":
            values[role][name] = [1.0] * round(share * items) + [0.0] * (items - round(share * items))
    return measure.Rates(iteration, values, {"proposer": {"distinct_captions": 1.0, "type_entropy": 1.0}})


def compared(tmp_path, shares, text=GOOD):
    """An experiment of which the runs in `shares` ((arm, seed) -> rate at the end) are finished."""
    (tmp_path / "own.yaml").write_text(text)
    own = experiment.load(str(tmp_path / "own.yaml"))
    runs = own.runs(tmp_path)
    measured = {run: found(run, shares[run.arm, run.seed]) for run in runs if (run.arm, run.seed) in shares}
    return compare.Measured(own, runs, measured)


def found(run, share, base=0.25, **more):
    again = made(0, 0.3) if run.arm == "a" else None
    return measurements.Measurements(run.words, [made(0, base), made(1, share)], 1200, again=again, **more)


def test_an_arm_that_was_not_run_is_shown_as_not_run(tmp_path):
    text = compare.table(compared(tmp_path, {("a", 0): 0.5, ("a", 1): 0.5, ("b", 0): 0.75}))
    assert "b: seeds 0; not run: seeds 1" in text
    line = next(line for line in text.splitlines() if line.startswith("  b "))
    assert line.split()[1:3] == ["0.250", "0.750"]
    assert "last - base +0.500 " in line and "last - control +0.250 " in line and line.count("over items") == 2
    both = next(line for line in text.splitlines() if line.startswith("  a "))
    assert "over seeds" in both and "last - control" not in both
    nothing = compare.table(compared(tmp_path, {}))
    assert "  b                       not run" in nothing and compare.AGAIN not in nothing


def test_no_such_role():
    with pytest.raises(UsageError, match="no role: judge; there are proposer, coder, solver"):
        lab_cli.main(["table", "evolution", "--roles=solver,judge"])


def test_the_base_sampled_again_is_the_noise_floor(tmp_path):
    text = compare.table(compared(tmp_path, {("a", 0): 0.5}))
    line = next(line for line in text.splitlines() if line.startswith("  base_again "))
    assert line.split()[1:3] == ["0.250", "0.300"] and "again - base +0.050 [" in line and "over items" in line
    rates = sum(role != "rows" for role, _, _ in truth.LINES)
    assert text.count("\n  base_again ") == rates, "of every rate, and not of rows: the base has none"


def test_finished_runs_are_measured_with_the_base_as_the_control_asks_it(tmp_path, monkeypatch):
    own = compared(tmp_path, {}).experiment
    runs = own.runs(tmp_path)
    asked = []
    monkeypatch.setattr(compare, "ensure_base", lambda: tmp_path)
    monkeypatch.setattr(compare, "finished", lambda run: run.seed == 1)
    monkeypatch.setattr(compare, "rates_of", lambda folder, base, **_: [made(0, 0.25), made(1, 0.5)])
    monkeypatch.setattr(compare, "coder_form", lambda folder: f"form of {folder.parent.name}")
    monkeypatch.setattr(compare, "base_rates", lambda base, form, **words: asked.append((form, words)) or made(0, 0.3))
    monkeypatch.setattr(compare, "generations", lambda folder: 1200)
    found = compare.measure(own, runs, jobs=1, items=40)
    assert set(found.measured) == {run for run in runs if run.seed == 1}
    same = {"items": 40, "jobs": 1, "roles": measure.ROLES, "solver_items": 120}
    assert asked == [("form of a", same | {"again": 1})]
    assert found.base == (made(0, 0.25), made(0, 0.3))


@pytest.mark.parametrize("name", ["curves.png", "curves.svg"])
def test_curves_of_all_arms(tmp_path, name):
    found = compared(tmp_path, {("a", 0): 0.5, ("a", 1): 0.7, ("b", 0): 0.75})
    figure.save(found, tmp_path / name)
    assert (tmp_path / name).stat().st_size > 10_000
    panel = figure.curves(found).axes[0]
    drawn = [list(line.get_ydata()) for line in panel.get_lines()]
    assert [25.0, 50.0] in drawn and [25.0, 70.0] in drawn, "each seed"
    assert [25.0, pytest.approx(60.0)] in drawn, "their mean"
    assert set(panel.get_legend_handles_labels()[1]) == {"base_again", "a (2 seeds)", "b (1 seed)"}
    assert [text.get_text() for text in figure.curves(found).axes[4].texts] == ["not measured"]


def test_a_figure_that_cannot_be_written_is_said_first(tmp_path, capsys):
    for target, said in (("x.pdf", "ends in .png or .svg"), ("none/x.png", "there is no folder")):
        assert lab_cli.main(["table", "evolution", f"--out={tmp_path}", f"--figure={tmp_path / target}"]) == 2
        assert said in capsys.readouterr().err


# --- measurements of runs that are not here ---------------------------------------------------------------------------


def saved_run(tmp_path, **changed):
    """An experiment's run of arm b and its measurements, saved below `tmp_path/kept`."""
    own = compared(tmp_path, {}).experiment
    run = own.runs(tmp_path / "runs", ["b"], [1])[0]
    values = {"solver": {"hard_right": [0.0, 0.25, 0.5, 0.75, 1.0, None]}}
    points = [measure.Rates(number, values, {"proposer": {"type_entropy": 1.25}}) for number in (0, 1)]
    measured = replace(measurements.Measurements(run.words, points, 1200, 60.0, True, points[0]), **changed)
    return own, run, measured, measurements.save(measured, run, tmp_path / "kept")


def test_saved_measurements_are_those_that_were_made(tmp_path):
    _, run, written, path = saved_run(tmp_path)
    assert path == tmp_path / "kept" / "own" / "b" / "seed_1.json"
    assert '"hard_right": "01234-"' in path.read_text()
    assert measurements.find(run, tmp_path / "kept") == replace(written, words=list(run.words))
    assert measurements.find(replace(run, words=(*run.words, "stage.steps=9")), tmp_path / "kept") is None


def test_the_base_once_more_stays_where_another_tables_control_left_it(tmp_path):
    _, run, written, _ = saved_run(tmp_path)
    measurements.save(replace(written, again=None, generations=7), run, tmp_path / "kept")
    again = measurements.find(run, tmp_path / "kept")
    assert (again.again, again.generations) == (written.again, 7)
    fewer = [measure.Rates(0, {"solver": {"hard_right": [1.0]}})]
    measurements.save(replace(written, points=fewer, again=None), run, tmp_path / "kept")
    assert measurements.find(run, tmp_path / "kept").again is None, "of other items"


def test_a_value_that_no_digit_can_hold_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"0\.3 is no share of 4 answers"):
        saved_run(tmp_path, points=[measure.Rates(0, {"solver": {"hard_right": [0.3]}})])


def test_a_file_without_measurements_is_one_line(tmp_path):
    _, run, _, path = saved_run(tmp_path)
    good = path.read_text()
    for text in (
        "{",
        "[]",
        '{"words": [], "again": null, "points": []}',
        good.replace("01234-", "0123x-"),
        good.replace("01234-", "0123", 1),
    ):
        path.write_text(text)
        with pytest.raises(experiment.ExperimentError, match=r"seed_1\.json holds no measurements of a run") as error:
            measurements.find(run, tmp_path / "kept")
        assert "\n" not in str(error.value)


def test_a_table_of_saved_measurements_needs_neither_runs_nor_base(tmp_path, monkeypatch):
    own = compared(tmp_path, {}).experiment
    runs = own.runs(tmp_path / "runs")
    for run in runs:
        measurements.save(found(run, {"a": 0.5, "b": 0.75}[run.arm], seconds=120.0, busy=True), run, tmp_path / "kept")
    monkeypatch.setattr(compare, "ensure_base", lambda: pytest.fail("the base was asked for"))
    text = compare.table(compare.measure(own, runs, saved=tmp_path / "kept"))
    assert text == compare.table(
        compare.Measured(
            own, runs, {run: found(run, {"a": 0.5, "b": 0.75}[run.arm], seconds=120.0, busy=True) for run in runs}
        )
    )
    assert "a: seeds 0, 1; at most 1,200 generations a run; 2, 2 min (shared machine" in text
    assert "last - control +0.250 [+0.250, +0.250] over seeds" in text and compare.AGAIN in text


def test_measurements_of_another_experiment_with_the_same_settings_are_used(tmp_path):
    own, run, _, path = saved_run(tmp_path)
    path.rename((tmp_path / "kept" / "other" / "arm").mkdir(parents=True) or tmp_path / "kept/other/arm/seed_1.json")
    assert measurements.find(run, tmp_path / "kept").taken_from == "other/arm"
    assert "seed 1 is other/arm" in compare.table(compare.measure(own, [run], saved=tmp_path / "kept"))


def test_runs_of_another_base_are_not_compared_with_the_control(tmp_path):
    """Made on another machine: each is compared with its own base only."""
    runs = compared(tmp_path, {}).experiment.runs(tmp_path)
    measured = {run: found(run, 0.5, base=0.3 if (run.arm, run.seed) == ("b", 1) else 0.25) for run in runs}
    text = compare.table(compare.Measured(compared(tmp_path, {}).experiment, runs, measured))
    assert "b: seeds 0, 1; not compared with the control, of another base or other items: seeds 1;" in text
    line = next(line for line in text.splitlines() if line.startswith("  b "))
    assert "last - base +0.225 [" in line and "last - control +0.000 [+0.000, +0.000] over items" in line


def test_measurements_are_saved_of_runs_that_are_here(tmp_path, capsys, monkeypatch):
    own, run, *_ = saved_run(tmp_path)
    here = own.runs(tmp_path / "runs", ["a"], [0])[0]
    here.folder.mkdir(parents=True)
    measured = compare.Measured(own, [here, run], {one: found(one, 0.5) for one in (here, run)})
    monkeypatch.setattr(compare, "measure", lambda *_: measured)
    words = [str(tmp_path / "own.yaml"), f"--out={tmp_path / 'runs'}", f"--save={tmp_path / 'new'}"]
    assert lab_cli.main(["table", *words]) == 0
    assert [path.relative_to(tmp_path) for path in (tmp_path / "new").rglob("*.json")] == [
        Path("new/own/a/seed_0.json")
    ]
    assert f"measurements of 1 runs: {tmp_path / 'new'}" in capsys.readouterr().out


def test_measurements_of_no_folder_are_one_line(tmp_path, capsys):
    assert lab_cli.main(["table", "evolution", f"--out={tmp_path}", f"--measurements={tmp_path / 'none'}"]) == 2
    assert capsys.readouterr().err == f"error: --measurements {tmp_path / 'none'}: there is no such folder\n"


# --- runs that another experiment has made ----------------------------------------------------------------------------


def finish(folder, words=None, config=()):
    """A finished run; words: those of its note."""
    composed = schema.load([*(config or words), f"run_dir={folder}"])
    with Journal(folder) as journal:
        journal.records |= {step.id: Record("done") for step in plan(composed)}
        journal.save()
    (folder / "lab.json").write_text(json.dumps({"seconds": 1.0} | ({} if words is None else {"words": words})))
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(composed, resolve=True))


WORDS = ["model=tiny", "stage.steps=3", "seed=0"]


@pytest.fixture
def wanted(tmp_path):
    return experiment.Run("default", 0, tmp_path / "mine" / "default" / "seed_0", tuple(WORDS))


@pytest.mark.parametrize(
    "words, shares",
    [
        (WORDS, True),
        (WORDS[::-1], True),  # in another order
        (["stage.steps=9", *WORDS], True),  # of a key that is given twice the last word counts
        ([*WORDS, "stage.steps=9"], False),
        (WORDS[1:], False),
        ([*WORDS, "evolution.iterations=3"], False),  # that is the default; words are compared as words
    ],
)
def test_a_run_of_another_experiment_with_the_same_words_is_used(tmp_path, wanted, words, shares):
    finish(tmp_path / "other" / "arm" / "seed_0", words)
    (found,) = shared.with_shared([wanted])
    assert found.taken_from == ("other/arm" if shares else "")
    assert found.folder == (tmp_path / "other" / "arm" / "seed_0" if shares else wanted.folder)


def test_of_a_note_without_words_the_configuration_counts(tmp_path, wanted):
    finish(tmp_path / "old" / "arm" / "seed_0", config=[*WORDS, "stage.steps=9"])
    assert shared.with_shared([wanted]) == [wanted]
    finish(tmp_path / "older" / "arm" / "seed_0", config=[*WORDS, "evolution.iterations=3", "alarms.kl_max=9"])
    assert shared.with_shared([wanted])[0].taken_from == "older/arm"


@pytest.mark.parametrize("note", ['{"seconds": 1.0, "wor', "[]", '{"seconds": "x", "words": 7}'])
def test_half_a_note_is_a_note_without_words(tmp_path, wanted, note):
    folder = tmp_path / "old" / "arm" / "seed_0"
    finish(folder, config=WORDS)
    (folder / "lab.json").write_text(note)
    assert shared.with_shared([wanted])[0].taken_from == "old/arm"
    assert compare._spent(replace(wanted, folder=folder)) == (None, None)


def test_a_run_that_is_there_and_cannot_be_read_is_said(tmp_path, capsys):
    (tmp_path / "own.yaml").write_text(GOOD)
    folder = tmp_path / "out" / "own" / "a" / "seed_0"
    finish(folder, WORDS)
    (folder / "state.json").write_text("{")
    assert lab_cli.main(["table", str(tmp_path / "own.yaml"), f"--out={tmp_path / 'out'}"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith(f"left out: {folder / 'state.json'} is damaged") and err.count("\n") == 1
    assert "a: not run" in out


@pytest.mark.parametrize(
    "words",
    [
        ["rates", "x", "--items=0"],
        ["rates", "x", "--jobs=0"],
        ["rates", ""],
        ["labels", ""],
        ["run", "evolution", "--parallel=0"],
        ["run", "evolution", "--arms="],  # it would be all arms
        ["run", "evolution", "--seeds="],
        ["run", "evolution", "--seeds=0,0"],
        ["table", "evolution", "--seeds=a"],
        ["table", "evolution", "--roles=,"],
        ["table", "evolution", "--save="],
    ],
)
def test_an_empty_or_impossible_option_is_one_line(words, capsys):
    assert cli.main(["lab", *words]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: argument ") and err.count("\n") == 1


def test_a_file_that_cannot_be_written_is_said_before_measuring(tmp_path, capsys):
    RunFolder(tmp_path).state.write_text("{}")
    assert lab_cli.main(["rates", str(tmp_path), "--json", str(tmp_path / "no" / "x.json")]) == 2
    assert "no file can be made there" in capsys.readouterr().err


def test_an_own_run_and_one_that_is_not_finished_are_not_exchanged(tmp_path, wanted):
    finish(tmp_path / "other" / "arm" / "seed_0", WORDS)
    finish(wanted.folder, WORDS)
    assert shared.with_shared([wanted]) == [wanted]
    (wanted.folder / "state.json").unlink()
    (tmp_path / "other" / "arm" / "seed_0" / "state.json").unlink()
    assert shared.with_shared([wanted]) == [wanted]


def test_a_shared_run_is_not_made_and_the_table_says_whose_it_is(tmp_path, capsys, monkeypatch):
    (tmp_path / "own.yaml").write_text(GOOD)
    own = experiment.load(str(tmp_path / "own.yaml"))
    finish(tmp_path / "other" / "arm" / "seed_0", ["model=tiny", "seed=0"])
    runs = shared.with_shared(own.runs(tmp_path))
    made_here = []
    monkeypatch.setattr(runner, "_run", lambda run: made_here.append((run.arm, run.seed)) or False)
    assert runner.run_all([run for run in runs if run.arm == "a"]) == 0
    assert made_here == [("a", 1)] and "a seed 0: other/arm has made it" in capsys.readouterr().out
    taken = compare.Measured(own, runs, {runs[0]: found(runs[0], 0.5, taken_from=runs[0].taken_from)})
    assert "a: seeds 0; not run: seeds 1; seed 0 is other/arm" in compare.table(taken)


def test_a_note_has_the_words_of_its_run(wanted, monkeypatch):
    wanted.folder.mkdir(parents=True)
    monkeypatch.setattr(runner.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0))
    assert runner.run_all([wanted]) == 0
    assert json.loads((wanted.folder / "lab.json").read_text())["words"] == WORDS


# --- what a run asked for ---------------------------------------------------------------------------------------------


def test_generations_are_the_plans_with_the_used_share_of_a_collections_budget(tmp_path):
    config = schema.load(["evolution.train=[solver]", "evolution.iterations=1", "solver.filter.proposals=100"])
    folder = RunFolder(tmp_path)
    folder.config.write_text(OmegaConf.to_yaml(config))
    collect, train = plan(config)
    summary = folder.step(collect.id).summary
    summary.parent.mkdir(parents=True)
    summary.write_text(json.dumps({"attempts": 25, "budget": 100}))
    # A proposal is drawn once and asked about label_votes times, easy and hard.
    assert collect.work.generations == 100 * (1 + 1 + 2 * config.solver.label_votes)
    assert spent.generations(tmp_path) == collect.work.generations / 4 + train.work.generations
    summary.unlink()
    with pytest.raises(FileNotFoundError):
        spent.generations(tmp_path)


def test_the_table_says_what_an_arm_asked_for(tmp_path):
    text = compare.table(compared(tmp_path, {("a", 0): 0.5}))
    assert "a: seeds 0; not run: seeds 1; at most 1,200 generations a run\n" in text
    assert "b: not run\n" in text


# --- checkpoints ------------------------------------------------------------------------------------------------------


def test_checkpoints_of_a_role_that_is_not_trained_stay_the_last_ones(tmp_path):
    for step in ("iter_01/solver", "iter_01/coder", "iter_02/solver", "iter_03/coder"):
        folder = RunFolder(tmp_path).step(step).model
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    base = tmp_path / "base"
    found = {(i, role): folder for i, role, folder in measure.checkpoints(tmp_path, base)}
    assert {i for i, _ in found} == {0, 1, 2}, "iteration 3 has no Solver yet"
    assert found[2, "proposer"] == base and found[2, "coder"] == RunFolder(tmp_path).step("iter_01/coder").model
    assert found[2, "solver"] == RunFolder(tmp_path).step("iter_02/solver").model


@pytest.mark.parametrize("gone", ["iter_01/coder", "iter_01/solver"])
def test_weights_that_are_gone_are_not_taken_for_earlier_ones(tmp_path, gone):
    for step in ("iter_01/coder", "iter_01/solver", "iter_02/coder", "iter_02/solver"):
        folder = RunFolder(tmp_path).step(step).model
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    folder = RunFolder(tmp_path).step(gone).model
    (folder / "config.json").unlink()
    with pytest.raises(JournalError, match=f"^{folder} holds no model"):
        list(measure.checkpoints(tmp_path, tmp_path / "base"))


@pytest.mark.parametrize("content", [None, "", "- 1", "coder: {languages: 7}", "solver: {label_mode: offline}"])
def test_a_configuration_that_cannot_be_used_is_one_line(tmp_path, content):
    if content is not None:
        (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(JournalError, match=f"^{tmp_path / 'config.yaml'} cannot be used") as error:
        measure.coder_form(tmp_path)
    assert "\n" not in str(error.value)


def test_an_iteration_ends_with_the_last_role_that_is_trained(tmp_path):
    (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(schema.load(["evolution.train=[coder,proposer]"])))
    assert measure.last_trained(tmp_path) == "coder"
    for step in ("iter_01/proposer", "iter_01/coder", "iter_02/proposer"):
        folder = RunFolder(tmp_path).step(step).model
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
    found = [(i, role) for i, role, _ in measure.checkpoints(tmp_path, tmp_path / "base", "coder")]
    assert found == [(i, role) for i in (0, 1) for role in measure.ROLES]


def test_the_lines_of_a_run_are_in_order():
    text = truth.rates_table([made(0, 0.25), replace(made(1, 0.5))])
    labels = [label for role, _, label in truth.LINES if role != "rows"]
    positions = [text.index(label) for label in labels]
    assert all(a < b for a, b in pairwise(positions)) and "+0.250 [" in text
