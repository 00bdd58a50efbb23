"""What a report says is what the run folder holds: final table, run card, rewards split into terms, groups of runs."""

import json
import shutil

import pytest
from omegaconf import OmegaConf
from PIL import Image

from recipe.mmzero import report
from recipe.mmzero.engine.train.summary import summarise
from recipe.mmzero.report import compare
from recipe.mmzero.report.data import final, stats
from recipe.mmzero.report.data.read import ReportError, Skips, json_lines, read_run
from recipe.mmzero.report.data.records import Sample, breakdown, from_sample
from recipe.mmzero.report.data.survey import REASONS, choose, survey
from recipe.mmzero.report.figures import steps as figures_steps
from recipe.mmzero.report.page import card
from recipe.mmzero.report.page.gallery import gallery
from recipe.mmzero.report.page.pictures import Album
from recipe.mmzero.settings import schema
from tests.support.synthetic import Shape, make_run, write_held_out

SMALL = Shape(iterations=2, steps=3, samples=12, rows=12, pictures=4)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("report") / "run", shape=SMALL)
    write_held_out(
        folder, {0: {}, 1: {}, 2: {"solver/hard_right": 0.4, "coder/faithful": 0.2, "rows/well_posed": 0.25}}
    )
    return folder


@pytest.fixture(scope="module")
def page(run):
    return report.build(run).read_text()


def test_final_table_has_the_numbers_of_the_stages(run):
    rows = final.stage_rows(read_run(run))
    assert [(row.iteration, row.name) for row in rows[:5]] == [
        (1, "proposer"),
        (1, "collect_coder"),
        (1, "coder"),
        (1, "collect_solver"),
        (1, "solver"),
    ]
    for row in rows:
        step = run / f"iter_{row.iteration:02d}" / row.name
        if row.name.startswith("collect"):
            summary = json.loads((step / "summary.json").read_text())
            assert (row.accepted, row.attempts, row.rejected) == (
                summary["accepted"],
                summary["attempts"],
                summary["rejected"],
            )
            assert (row.render_rate, row.format_valid) == (summary["render_rate"], summary["format_valid"])
            continue
        numbers = summarise(step, row.name)  # what the stage itself writes down
        assert row.steps == numbers["steps"]
        for name in ("reward_first", "reward_last", "format_valid", "render_rate", "solvability", "accuracy"):
            assert getattr(row, name) == (pytest.approx(numbers[name]) if name in numbers else None)
        assert row.wall_s == 500.0  # as the journal says, not only the steps


def test_terminal_table_is_plain_and_narrow(run):
    text = report.terminal_table(run)
    assert text.isascii() and max(map(len, text.splitlines())) <= 120
    assert "      rejected: too easy 300, easy accuracy 180, too hard 140, render timeout 50" in text.splitlines()
    lines = [line.split("   ")[0].split("  ")[0] + line[42:] for line in text.splitlines()]
    # paired: 12 of 120 items changed, sd 0.3013; rows are others, so their interval is that of Agresti and Caffo
    assert "Solver: hard questions right   0.300   0.300   0.400   +0.100 [+0.046, +0.154]" in lines
    assert "Rows: well-posed       -   0.500   0.250   -0.250 [-0.424, -0.056]" in lines
    assert "Truth, held-out items: Solver 120, Coder 120, Proposer 120; 95% intervals over items" in text


def test_a_run_without_truth_shows_none(tmp_path, run):
    bare = make_run(tmp_path / "run", shape=SMALL)
    shown = report.build(bare).read_text()
    assert "held-out" not in report.terminal_table(bare) and "figure-truth" not in shown and "<h2>Truth" not in shown
    assert not (bare / "figures" / "truth.png").exists() and "not measured" in (bare / "RUN.md").read_text()


def test_page_and_card_show_the_same_table(run, page):
    text = (run / "RUN.md").read_text()
    for row in final.stage_rows(read_run(run)):
        cells = final.cells(row)
        assert "| " + " | ".join(cells) + " |" in text
        for cell in cells[2:]:
            assert f"<td>{'–' if cell == '-' else cell.replace('->', '→')}</td>" in page
    assert "<td>0.400</td><td>+0.100 [+0.046, +0.154]</td>" in page
    assert "| Rows: well-posed | - | 0.500 | 0.250 | -0.250" in text and "(figures/truth.png)" in text


def test_page_is_one_file_without_outside(page):
    assert "http://" not in page.replace("http://www.w3.org/", "") and "https://" not in page
    assert "default-src 'none'" in page and '<link rel="icon" href="data:,">' in page


def test_figures_are_pictures(run, page):
    found = sorted(path.stem for path in (run / "figures").glob("*.png"))
    assert found == ["coevolution", "consistency", "content", "failures", "rewards", "time", "truth"]
    for name in found:
        with Image.open(run / "figures" / f"{name}.png") as picture:
            assert picture.width > 400 and len(picture.convert("RGB").getcolors(1 << 24)) > 30


def test_reproduce_gives_the_same_settings(run, page):
    """The overrides of the run card, put through the real configuration, make the run's config again."""
    opened = read_run(run)
    changes, note = card.config_changes(opened)
    assert not note and ("evolution.iterations", 3, 2) in changes
    again = schema.load([f"{key}={card._override(new)}" for key, _, new in changes])
    assert card.flat(OmegaConf.to_container(again, resolve=True)) == card.flat(
        opened.config | {"run_dir": again.run_dir}
    )
    text = (run / "RUN.md").read_text()
    assert "'evolution.iterations=2'" in text and "verl 0.9.1" in text


def test_terms_add_up_to_the_score(run):
    """docs/method.md §2: the coloured parts of the bar are the whole reward."""
    seen = set()
    for path in run.glob("iter_*/*/samples/*.jsonl"):
        for _, record in json_lines(path, Skips()):
            sample = from_sample(record, Skips(), "")
            parts = breakdown(sample)
            assert sum(value for _, value in parts) == pytest.approx(sample.score, abs=1e-3)
            seen.update((sample.role, name) for name, _ in parts)
    assert {
        ("proposer", "format error"),
        ("proposer", "difficulty"),
        ("coder", "drawn"),
        ("coder", "not drawn"),
    } <= seen


def test_telling_samples_come_first(run):
    opened = read_run(run)
    found = survey(opened)
    ordered = choose(found.entries)
    assert sorted(map(id, ordered)) == sorted(map(id, found.entries))  # every sample once
    first = ordered[: len({(e.iteration, e.role) for e in found.entries}) * len(REASONS)]
    assert {entry.why for entry in first} == set(REASONS)
    best = [e for e in first if e.why == "best" and e.role == "solver" and e.iteration == 2]
    scores = [e.score for e in found.entries if e.role == "solver" and e.iteration == 2]
    assert best[0].score == max(scores)


@pytest.mark.parametrize(
    "values, top, low, high",
    [
        ([0.5], None, None, None),  # one seed has no interval
        ([0.4, 0.6], None, -0.7706, 1.7706),  # Student with one degree of freedom: 12.706
        ([0.4, 0.6], 1.0, 0.0, 1.0),  # a share stays a share
        ([1.0, 2.0, 3.0], None, -0.4845, 4.4845),  # 4.303 / sqrt(3)
    ],
)
def test_interval_over_seeds(values, top, low, high):
    number = stats.over_seeds(values, top)
    assert number.value == pytest.approx(sum(values) / len(values))
    if low is None:
        assert number.low is None and number.high is None
    else:
        assert (number.low, number.high) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))


def test_share_lies_in_its_interval():
    """Also where rounding would move it out: nothing of 313."""
    for n in (1, 7, 313, 3011):
        for hits in {0, 1, n // 3, n}:
            number = stats.share(hits, n)
            assert 0.0 <= number.low <= number.value <= number.high <= 1.0


def test_runs_are_grouped_by_everything_but_the_seed(tmp_path, run):
    other_seed = make_run(tmp_path / "other_seed", seed=9, shape=SMALL)
    other_config = make_run(tmp_path / "other_config", seed=0, shape=SMALL)
    text = (other_config / "config.yaml").read_text()
    (other_config / "config.yaml").write_text(text.replace("coef: 0.01", "coef: 0.5"))
    no_config = make_run(tmp_path / "run", seed=0, shape=SMALL)
    (no_config / "config.yaml").unlink()
    runs = [read_run(folder) for folder in (run, other_seed, other_config, no_config)]
    groups = compare.grouped(runs)
    assert [len(members) for members in groups.values()] == [2, 1, 1]
    assert len(set(groups)) == 3  # names differ although two folders are called `run`


def test_one_run_is_no_two_seeds(run, tmp_path):
    """Given twice, or copied: its spread would be nothing, and so would the interval."""
    link = tmp_path / "link"
    link.symlink_to(run)
    with pytest.raises(ReportError, match="is given twice"):
        compare.build([run, link], tmp_path / "out")
    copied = shutil.copytree(run, tmp_path / "copied")
    assert [len(members) for members in compare.grouped([read_run(run), read_run(copied)]).values()] == [1, 1]


def test_a_coders_difficulty_is_shown_as_it_is_paid():
    terms = {"render": 1.0, "solvability": 0.8, "difficulty": 0.4, "leak_penalty": 0.0}
    paid = Sample("a", 1, "coder", 1, "g", 1.8 + 0.5 * 0.4, "ok", terms=terms)
    assert breakdown(paid, difficulty_weight=0.5) == [("drawn", 1.0), ("solvability", 0.8), ("difficulty", 0.2)]


def test_a_proposers_parts_are_what_it_was_paid():
    """docs/method.md §2.1: difficulty counts for the codes that draw, an answer without the picture costs."""
    terms = {"format_ok": 1.0, "num_codes": 4.0, "num_rendered": 1.0, "mean_difficulty": 0.4, "blind_penalty": 0.3}
    paid = Sample("a", 1, "proposer", 1, "g", 0.5 + 0.4 / 4 - 0.3, "ok", terms=terms)
    assert breakdown(paid) == [("solvability", 0.5), ("difficulty", 0.1), ("blind", -0.3)]


def test_a_solvers_format_is_shown_with_the_runs_own_weight(tmp_path):
    folder = make_run(tmp_path / "run", shape=Shape(iterations=1, steps=1, samples=2, rows=1, pictures=1))
    config = OmegaConf.load(folder / "config.yaml")
    config.solver.format_weight = 0.3
    OmegaConf.save(config, folder / "config.yaml")
    opened = read_run(folder)
    index = gallery(opened, survey(opened), Album(opened)).index
    assert {dict(sample["parts"])["format"] for sample in index if sample["role"] == "solver"} == {0.3}


def test_failures_of_a_collection_are_of_all_its_attempts(run):
    opened = read_run(run)
    summary = json.loads((run / "iter_01" / "collect_solver" / "summary.json").read_text())
    assert sum(summary["rejected"].values()) < summary["attempts"]
    counts, of = figures_steps.outcomes(opened, survey(opened), 1, "collect_solver")
    assert (counts, of) == (summary["rejected"], summary["attempts"])
