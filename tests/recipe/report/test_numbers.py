"""Every number of the report from values that were chosen, so that the right one can be worked out on paper."""

import dataclasses
import json
import math
import statistics
from collections import Counter

import pytest

from recipe.mmzero.report.data import overview, stats
from recipe.mmzero.report.data.costs import Cost, costs, total
from recipe.mmzero.report.data.read import Run, Skips, Step, read_run
from recipe.mmzero.report.data.survey import Survey, Tally, survey
from recipe.mmzero.report.data.versions import NOT_RECORDED, versions
from tests.support.synthetic import Shape, make_run

Z = statistics.NormalDist().inv_cdf(0.975)


def run_of(*steps, config=None, state=None, tmp_path=None):
    return Run(tmp_path, config or {}, state or {}, list(steps), Skips())


def step(name, tmp_path=None, summary=None, wall_s=None, requests=None, **series):
    found = {metric.replace("__", "/"): list(enumerate(values, 1)) for metric, values in series.items()}
    return Step(f"iter_01/{name}", 1, name, tmp_path, found, summary or {}, wall_s, requests or {})


# --- cells of the table over iterations -------------------------------------------------------------------------------


def tally(**moments):
    found = Tally()
    for name, values in moments.items():
        for value in values:
            found.moments[name].add(value)
    found.consistency = Counter(moments.get("consistency", ()))
    return found


def numbers(tallies, *steps):
    return overview.numbers(run_of(*steps), Survey([], [], tallies), 1)


def test_each_column_shows_its_own_quantity():
    """All quantities differ, and so do their counts; none may stand in for another."""
    values = {
        "solvability": [0.9, 0.7, 0.8],
        "difficulty": [0.1, 0.2, 0.15, 0.35],
        "consistency": [0.6, 0.3, 0.5, 0.4, 0.9],
        "gap": [0.31, 0.25],
        "leak": [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        "blind_rate": [0.5, 0.6, 0.7, 0.2, 0.1, 0.3, 0.4],
    }
    row = numbers({(1, "collect_solver"): tally(**values)})
    for column, name in (("solvability", "solvability"), ("leak", "leak"), ("blind", "blind_rate")):
        assert row[column] == stats.share(sum(values[name]), len(values[name]))
    for column in ("difficulty", "gap"):
        mean, n = statistics.fmean(values[column]), len(values[column])
        half = Z * statistics.stdev(values[column]) / math.sqrt(n)
        number = row[column]
        assert (number.value, number.n) == (pytest.approx(mean), n)
        assert (number.low, number.high) == (pytest.approx(mean - half), pytest.approx(mean + half))
    assert (row["consistency"].value, row["consistency"].n) == (0.5, 5)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_sources_are_taken_in_their_order(first):
    """The Solver's collection, else the Coder's samples, else the Proposer's."""
    known = ("collect_solver", "coder", "proposer")[first:]
    tallies = {(1, name): tally(gap=[0.1 * k, 0.1 * k], consistency=[0.1 * k] * 2) for k, name in enumerate(known, 1)}
    assert numbers(tallies)["gap"].value == pytest.approx(0.1)


def test_render_success_is_of_all_codes_of_the_collection():
    tallies = {(1, "coder"): Tally(drawings=Counter(ok=1, blank=9))}
    assert numbers(tallies)["render"] == stats.share(1, 10)
    collected = step("collect_solver", summary={"codes": 200, "render_rate": 0.75, "accepted": 31})
    row = numbers(tallies, collected)
    assert row["render"] == stats.share(150, 200) and row["solver_rows"].value == 31 and row["coder_rows"] is None


# --- rewards ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("counted", ["reward/n", "rollouts"])
def test_reward_of_a_step_has_the_interval_of_its_roll_outs(counted):
    own = {
        "mmzero__coder__reward__mean": [1.0],
        "mmzero__coder__reward__std": [0.5],
        "mmzero__coder__rollouts": [999.0],
    }
    own["mmzero__coder__" + counted.replace("/", "__")] = [25.0]
    ((number, point),) = overview.reward_series(step("coder", **own))
    assert (number, point.value) == (1, 1.0)
    assert (point.low, point.high) == (pytest.approx(1 - Z * 0.5 / 5), pytest.approx(1 + Z * 0.5 / 5))


def test_reward_of_a_stage_is_the_mean_of_its_last_steps():
    means = [9.0, 9.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    own = {
        "mmzero__solver__reward__mean": means,
        "mmzero__solver__reward__std": [1.0] * 7,
        "mmzero__solver__reward__n": [100.0] * 7,
    }
    reward = numbers({}, step("solver", **own))["solver_reward"]
    half = Z * 1.0 / math.sqrt(5 * 100)  # five steps of a hundred roll-outs
    assert (reward.value, reward.low, reward.high) == (
        pytest.approx(0.3),
        pytest.approx(0.3 - half),
        pytest.approx(0.3 + half),
    )


def test_reward_without_spread_has_no_interval():
    own = {"critic__score__mean": [0.25, 0.75]}
    reward = numbers({}, step("solver", **own))["solver_reward"]
    assert (reward.value, reward.low, reward.high) == (0.5, None, None)


# --- tallies of samples -----------------------------------------------------------------------------------------------


def record(role, **terms):
    drawn = [{"status": "ok", "code": "x" * 10, "image": None}, {"status": "timeout", "code": "x" * 30}]
    return {"id": "a", "iteration": 1, "role": role, "step": 1, "uid": "g", "score": 1.0, "terms": terms} | {
        "drawings": drawn,
        "proposal": {"content_type": "map"},
    }


def tallied(tmp_path, *records):
    folder = tmp_path / "run" / "iter_01" / records[0]["role"] / "samples"
    folder.mkdir(parents=True)
    (folder / "000001.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    return survey(read_run(tmp_path / "run")).tally(1, records[0]["role"])


@pytest.mark.parametrize(
    "role, names",
    [
        ("proposer", ("mean_solvability", "mean_difficulty", "mean_hard_consistency")),
        ("coder", ("solvability", "difficulty", "hard_consistency")),
    ],
)
def test_terms_of_a_sample_are_counted_under_their_names(tmp_path, role, names):
    values = dict(zip(names, (0.9, 0.15, 0.6), strict=True))
    found = tallied(tmp_path, record(role, **values), record(role, **values))
    assert {name: (one.n, one.total) for name, one in found.moments.items()} == {
        "solvability": (2, 1.8),
        "difficulty": (2, 0.3),
        "consistency": (2, 1.2),
    }
    assert found.consistency == {0.6: 2} and found.content == {"map": 2}
    assert found.drawings == {"ok": 2, "timeout": 2} and found.code_length.mean().value == 20


def test_a_sample_without_a_drawing_has_no_difficulty(tmp_path):
    """Its terms are 0 because nobody was asked."""
    blank = record("coder", solvability=0.0, difficulty=0.0) | {"drawings": [{"status": "blank", "code": "x"}]}
    assert "difficulty" not in tallied(tmp_path, blank, record("coder", leak=1.0)).moments


def test_spread_is_of_the_group_without_dropped_samples(tmp_path):
    scores = [(1.0, "ok"), (3.0, "ok"), (100.0, "dropped")]
    records = [record("coder") | {"score": score, "status": status} for score, status in scores]
    folder = tmp_path / "run" / "iter_01" / "coder" / "samples"
    folder.mkdir(parents=True)
    other = record("coder") | {"uid": "other"}
    (folder / "000001.jsonl").write_text("".join(json.dumps(one) + "\n" for one in [*records, other]))
    entries = survey(read_run(tmp_path / "run")).entries
    assert [entry.spread for entry in entries] == [1.0, 1.0, 1.0, 0.0]


# --- statistics -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [[0.5], [0.2, 0.4], [1.0, 1.0, 1.0], [0.0, 1.0, 0.5, 0.25, 0.125]])
def test_moments_are_mean_and_normal_interval(values):
    moments = stats.Moments()
    for value in values:
        moments.add(value)
    number = moments.mean()
    assert (number.value, number.n) == (pytest.approx(statistics.fmean(values)), len(values))
    if len(values) == 1:
        assert number.low is None and number.high is None
    else:
        half = Z * statistics.stdev(values) / math.sqrt(len(values))
        assert (number.value - number.low, number.high - number.value) == (pytest.approx(half), pytest.approx(half))
    assert stats.Moments().mean() is None and stats.Moments().share() is None


@pytest.mark.parametrize("hits, n, low, high", [(15, 20, 0.5313, 0.8881), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0)])
def test_wilson(hits, n, low, high):
    """Values of R's binom::binom.wilson."""
    assert stats.wilson(hits, n) == (pytest.approx(low, abs=2e-4), pytest.approx(high, abs=2e-4))


@pytest.mark.parametrize("values, middle", [([], None), ([3], 3), ([1, 9], 5), ([9, 1, 4], 4), ([4, 1, 2, 9], 3)])
def test_median(values, middle):
    assert stats.median(values) == middle


def test_histogram_counts_every_value_once():
    edges = [k / 10 - 0.05 for k in range(12)]
    values = {k / 10: k + 1 for k in range(11)}
    assert stats.histogram(values, edges) == list(range(1, 12))
    assert stats.histogram({0.05: 2, 1.05: 3}, edges) == [0, 2, *[0] * 8, 3]


# --- costs and versions -----------------------------------------------------------------------------------------------


def test_costs():
    """Two nodes of four GPUs for half an hour are four GPU hours."""
    config = {"hardware": {"kind": "cuda", "nodes": 2, "gpus_per_node": 4}}
    proposer = {
        "perf__total_num_tokens": [100.0, 200.0],
        "mmzero__proposer__num_codes__mean": [4.0, 3.0],
        "mmzero__proposer__num_codes__n": [10.0, 20.0],
        "mmzero__proposer__rollouts": [11.0, 20.0],
    }
    coder = {"mmzero__coder__has_code__mean": [0.5], "mmzero__coder__rollouts": [8.0]}
    found = costs(
        run_of(
            step("proposer", wall_s=1800.0, **proposer),
            step("collect_coder", wall_s=900.0, summary={"codes": 70}, requests={"drawn": 99}),
            step("coder", **coder),
            step("collect_solver", requests={"drawn": 12}),
            step("solver", wall_s=90.0, perf__total_num_tokens=[50.0]),
            config=config,
        )
    )
    assert found == [
        Cost("1 Proposer", 1800.0, 4.0, 300.0, 4 * 10 + 3 * 20),
        Cost("1 Coder data", 900.0, 2.0, None, 70),
        Cost("1 Coder", None, None, None, 4.0),
        Cost("1 Solver data", None, None, None, 12),
        Cost("1 Solver", 90.0, 0.2, 50.0, None),
    ]
    assert total(found) == Cost("all", 2790.0, pytest.approx(6.2), 350.0, 186.0)
    assert found[0].cells() == ("1 Proposer", "0:30:00", "4.00", "300", "100")
    assert found[2].cells() == ("1 Coder", "–", "–", "–", "4")
    assert total([Cost("x")]).cells() == ("all", "–", "–", "–", "–")


@pytest.mark.parametrize("hardware", [{"kind": "cpu", "nodes": 1, "gpus_per_node": 8}, {"kind": "cuda", "nodes": "x"}])
def test_no_gpu_hours_where_there_is_no_gpu(hardware):
    assert costs(run_of(step("solver", wall_s=3600.0), config={"hardware": hardware}))[0].gpu_h == 0


OLD, NEW = {"verl": "0.9.1", "torch": "2.10"}, {"verl": "0.9.1", "torch": "2.11"}


@pytest.mark.parametrize(
    "state, shown",
    [
        ({"steps": {"a": {"versions": OLD}, "b": {"versions": OLD}}}, [("", OLD)]),
        (
            {"steps": {"a": {"versions": OLD}, "b": {"versions": NEW}, "c": {"versions": OLD}}},
            [("a, c", OLD), ("b", NEW)],
        ),
        ({"steps": {"a": {"versions": NEW}, "b": {}, "c": "x"}, "versions": OLD}, [("", NEW)]),
        ({"steps": {"a": {}}, "versions": OLD}, [("", OLD)]),  # a journal as it was before steps had versions
    ],
)
def test_versions_are_those_of_the_steps(state, shown):
    assert versions(run_of(state=state)) == shown


def test_versions_that_nobody_recorded_are_called_so():
    ((which, known),) = versions(run_of(state={"steps": []}))
    assert which == NOT_RECORDED and "mmzero" in known


@pytest.mark.usefixtures("one_figure")
def test_page_and_card_show_the_versions_of_each_step(tmp_path):
    from recipe.mmzero import report

    folder = make_run(tmp_path / "run", shape=Shape(iterations=1, steps=1, samples=2, rows=2, pictures=2))
    state = json.loads((folder / "state.json").read_text())
    for name, one in state["steps"].items():
        one["versions"] = NEW if name.endswith("/solver") else OLD
    (folder / "state.json").write_text(json.dumps(state))
    page, card = report.build(folder).read_text(), (folder / "RUN.md").read_text()
    assert "<b>iter_01/solver</b>: verl 0.9.1, torch 2.11</li>" in page
    assert "* versions (iter_01/solver): verl 0.9.1, torch 2.11\n" in card
    assert card.count("torch 2.10") == page.count("torch 2.10") == 1


@pytest.mark.usefixtures("one_figure")
def test_costs_of_page_and_card_are_the_same(tmp_path):
    from recipe.mmzero import report

    folder = make_run(tmp_path / "run", shape=Shape(iterations=1, steps=2, samples=2, rows=2, pictures=2))
    page, card = report.build(folder).read_text(), (folder / "RUN.md").read_text()
    found = costs(read_run(folder))
    for cost in (*found, total(found)):
        name, *cells = cost.cells()
        assert "| " + " | ".join([name, *cells]) + " |" in card
        assert f'<tr><th scope="row">{name}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>" in page
    assert dataclasses.asdict(total(found))["wall_s"] == 2500.0


def test_a_small_negative_number_is_zero():
    """No `-0.000`, in the stage table and in the table over iterations."""
    from recipe.mmzero.report.data.final import StageRow, cells

    assert cells(StageRow(1, "solver", 4, reward_first=-0.0004, reward_last=-0.01))[3] == "0.000 -> -0.010"
    column = next(one for one in overview.COLUMNS if one.key == "gap")
    assert overview.show(stats.Number(-0.001, -0.004, 0.2), column) == ("0.00", "0.00 to 0.20")


# --- rows of a collection ---------------------------------------------------------------------------------------------


def collected(tmp_path, name, proposals, drawings, labels=()):
    """(survey, samples) of a collection with these rows; columns that are not given are null."""
    from recipe.mmzero.engine.collect.rows import DRAWINGS, LABELS, PROPOSALS, write_parquet
    from recipe.mmzero.report.data.survey import load

    folder = tmp_path / "run" / "iter_01" / name
    folder.mkdir(parents=True)
    for table, schema, rows in (
        ("proposals", PROPOSALS, proposals),
        ("drawings", DRAWINGS, drawings),
        ("labels", LABELS, labels),
    ):
        write_parquet(folder / f"{table}.parquet", schema, [dict.fromkeys(schema.names) | row for row in rows])
    run = read_run(tmp_path / "run")
    found = survey(run)
    assert run.skips.lines() == []
    return found, [load(found, entry, run) for entry in found.entries]


def test_rows_of_a_solver_collection(tmp_path):
    fields = {"content_type": "map", "caption": "c", "easy_question": "e?", "easy_answer": "1", "hard_question": "h?"}
    valid = fields | {"hard_answer": "2", "format_ok": True}
    proposals = [
        {"proposal_id": "01-solver-000000", "topic": "t", "raw_text": "r", "reject_reason": ""} | valid,
        {"proposal_id": "01-solver-000001", "reject_reason": "format_x", "format_ok": False, "content_type": "table"},
        {"proposal_id": "01-solver-000004", "reject_reason": "too_easy"} | valid,
        {"proposal_id": "01-solver-000005", "reject_reason": "render_blank"} | valid,
    ]
    drawn = {"status": "ok", "language": "python", "code": "plot()", "drawn_text": ["a"]}
    drawings = [
        {"proposal_id": "01-solver-000000", "image": "images/a.png"} | drawn,
        {"proposal_id": "01-solver-000004", "image": "images/b.png"} | drawn,
        {"proposal_id": "01-solver-000005", "status": "blank", "code": "<svg/>", "language": "svg"},
    ]
    numbers = {"easy_consistency": 0.9, "easy_accuracy": 0.7, "hard_consistency": 0.4, "leak": True}
    votes = {"easy_votes": ["1", None], "hard_votes": ["2", "3"], "blind_votes": ["3", "4"], "blind_rate": 0.25}
    beside = {"label_source": "caption", "label_share": 0.3, "label_evidence": 0.8, "text_votes": ["3", "3", None]}
    labels = [
        {"proposal_id": "01-solver-000000", "label": "3", "label_agrees": False} | numbers | votes | beside,
        {"proposal_id": "01-solver-000004", "label": "2"} | numbers | {"hard_consistency": 0.8, "leak": False},
    ]
    found, samples = collected(tmp_path, "collect_solver", proposals, drawings, labels)
    assert [(one.id[-1], one.step, one.outcome) for one in samples] == [
        ("0", 0, "kept"),
        ("1", 1, "format_x"),
        ("4", 4, "too_easy"),
        ("5", 5, "render_blank"),
    ]
    first, broken, *_ = samples
    assert (first.label, first.prompt, first.response, first.blind_votes) == ("3", "t", "r", ["3", "4"])
    assert first.terms == {
        "hard_consistency": 0.4,
        "easy_consistency": 0.9,
        "solvability": 0.7,
        "leak": 1.0,
        "label_agrees": 0.0,
        "blind_rate": 0.25,
        "label_share": 0.3,
        "label_evidence": 0.8,
    }
    assert first.text_votes == ["3", "3", None] and first.basis == (
        "The label is the majority of the answers from the caption, on which 80% of them agree; 30% of the answers to "
        "the picture are this label, 70% of those to the easy question are the Proposer's."
    )
    assert samples[2].basis == "", "a row of an older run says nothing"
    (drawing,) = first.drawings
    assert dataclasses.astuple(drawing) == (
        *("ok", "plot()", "python", "images/a.png", ["a"]),
        ["1", None],
        ["2", "3"],
    )
    assert broken.proposal == {} and first.proposal["content_type"] == "map"
    tally = found.tally(1, "collect_solver")
    sums = {name: (one.n, round(one.total, 6)) for name, one in tally.moments.items()}
    assert sums == {
        "solvability": (2, 1.4),
        "consistency": (2, 1.2),
        "difficulty": (2, 0.6),  # 0.4 and 0.2
        "gap": (2, 0.6),  # 0.5 and 0.1
        "leak": (2, 1.0),
        "blind_rate": (1, 0.25),
        "label_agrees": (1, 0.0),
    }
    assert tally.content == {"map": 3} and tally.drawings == {"ok": 2, "blank": 1} and tally.samples == 4


def test_rows_of_a_coder_collection(tmp_path):
    proposals = [
        {"proposal_id": "01-coder-000002", "reject_reason": "", "format_ok": True, "content_type": "map"},
        {"proposal_id": "01-coder-000003", "reject_reason": "render_rate_below_window", "format_ok": True},
    ]
    drawings = [
        {"proposal_id": f"01-coder-00000{row}", "status": status, "code": "x"}
        for row, statuses in ((2, ["ok", "timeout", "ok", "ok"]), (3, ["blank", "timeout"]))
        for status in statuses
    ]
    found, (kept, refused) = collected(tmp_path, "collect_coder", proposals, drawings)
    assert (kept.outcome, kept.terms, len(kept.drawings)) == ("kept", {"render_rate": 0.75}, 4)
    assert (refused.outcome, refused.terms) == ("render_rate_below_window", {"render_rate": 0.0})
    assert found.tally(1, "collect_coder").drawings == {"ok": 3, "timeout": 2, "blank": 1}


# --- attempts ---------------------------------------------------------------------------------------------------------


def test_later_attempts_count_whatever_the_files_times(tmp_path):
    """A copied run folder has times in the order of copying."""
    from recipe.mmzero.report.data.read import read_step

    def line(step, value):
        return json.dumps({"step": step, "data": {"a": value}}) + "\n"

    folder = tmp_path / "iter_01" / "coder"
    folder.mkdir(parents=True)
    files = {"metrics.attempt10.jsonl": line(2, 20.0) + line(3, 30.0), "metrics.attempt09.jsonl": line(1, 1.0)}
    files["metrics.attempt09.jsonl"] += line(2, 2.0)
    for name, text in files.items():
        (folder / name).write_text(text)
    assert read_step(folder, 1, Skips()).series["a"] == [(1, 1.0), (2, 20.0), (3, 30.0)]
    (folder / "metrics.jsonl").write_text(line(3, 300.0))
    (folder / "metrics.attempt09.jsonl").touch()
    assert read_step(folder, 1, Skips()).series["a"] == [(1, 1.0), (2, 20.0), (3, 300.0)]


@pytest.mark.parametrize(
    "counts, entropy",
    [
        ({"map": 5}, 0.0),
        ({"map": 2, "table": 2}, math.log(2) / math.log(7)),
        ({"map": 1, "poem": 1}, math.log(2) / math.log(7)),  # outside the list: other
        ({"poem": 1, "song": 3, "other": 2}, 0.0),
        (dict.fromkeys(("data_chart", "diagram", "geometry", "timeline", "map", "table", "other"), 4), 1.0),
    ],
)
def test_content_entropy(counts, entropy):
    assert stats.content_entropy(counts) == pytest.approx(entropy)
    assert sum(stats.content_shares(counts).values()) == pytest.approx(1.0)
