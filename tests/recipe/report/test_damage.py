"""Damaged and unfinished run folders: the report is still made and says what it left out, how often and why."""

import json
import os
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipe.mmzero import report
from recipe.mmzero.engine.collect.rows import write_parquet
from recipe.mmzero.report.data.read import ReportError, read_run
from recipe.mmzero.report.data.survey import survey
from recipe.mmzero.report.page.gallery import PICTURE_BYTES, gallery
from recipe.mmzero.report.page.pictures import Album

SAMPLES = "iter_01/coder/samples/000001.jsonl"
COLLECTION = "iter_01/collect_solver"


def lines(path):
    return path.read_text().splitlines(keepends=True)


def half_a_line(run):
    text = (run / SAMPLES).read_text()
    (run / SAMPLES).write_text(text[: text.rindex("terms")])


def not_json(run):
    (run / SAMPLES).write_text("".join([*lines(run / SAMPLES)[:-1], "{'id': 1}\n"]))


def not_text(run):
    (run / SAMPLES).write_bytes((run / SAMPLES).read_bytes() + b"\xff\xfe\x00\n")


def not_an_object(run):
    (run / SAMPLES).write_text("[1, 2]\n" + (run / SAMPLES).read_text())


def too_deep(run):
    (run / SAMPLES).write_text("[" * 100_000 + "]" * 100_000 + "\n" + (run / SAMPLES).read_text())


def changed(run, **fields):
    first, *rest = lines(run / SAMPLES)
    (run / SAMPLES).write_text(json.dumps(json.loads(first) | fields) + "\n" + "".join(rest))


def no_role(run):
    changed(run, role=None)


def unknown_field(run):
    changed(run, colour="red")


def missing_picture(run):
    changed(run, role="coder", drawings=[{"status": "ok", "code": "<svg/>", "image": "images/gone.png"}])


def damaged_picture(run):
    for picture in (run / "iter_01/coder/samples/images").glob("*.png"):
        picture.write_bytes(picture.read_bytes()[:90])


def no_picture_at_all(run):
    for picture in (run / "iter_01/coder/samples/images").glob("*.png"):
        picture.write_bytes(b"<html>")


def rewritten(run, name, change):
    """A table of the collection with its rows changed."""
    path = run / COLLECTION / f"{name}.parquet"
    table = pq.read_table(path)
    write_parquet(path, table.schema, change(table.to_pylist()))


def half_a_table(run):
    path = run / COLLECTION / "proposals.parquet"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def no_table(run):
    (run / COLLECTION / "drawings.parquet").write_text("proposal_id,status")


def no_labels(run):
    (run / COLLECTION / "labels.parquet").unlink()


def drawing_of_nobody(run):
    rewritten(run, "drawings", lambda rows: [rows[0], rows[0] | {"proposal_id": "01-solver-000000-x"}, *rows[1:]])


def other_columns(run):
    """Every column of another kind, the ids apart: nothing to count, nothing to stumble over."""
    path = run / COLLECTION / "proposals.parquet"
    ids = pq.read_table(path)["proposal_id"]
    other = {name: [7] * len(ids) for name in ("content_type", "raw_text", "reject_reason", "format_ok", "topic")}
    pq.write_table(pa.table({"proposal_id": ids} | other), path)


def half_a_summary(run):
    path = run / "iter_01/collect_coder/summary.json"
    path.write_text(path.read_text()[:40])


def half_a_config(run):
    (run / "config.yaml").write_text("seed: [")


def half_a_metrics_line(run):
    path = run / "iter_01/coder/metrics.jsonl"
    path.write_text(path.read_text()[:-20])


def metrics_without_step(run):
    path = run / "iter_01/coder/metrics.jsonl"
    path.write_text('{"data": {}}\n' + path.read_text())


@pytest.mark.parametrize(
    "damage, reason, shown",
    [
        (half_a_line, r"1 x half a line \(first: 000001.jsonl:6\)", 5),
        (not_json, r"1 x line is not JSON \(first: 000001.jsonl:6\)", 5),
        (not_text, r"1 x line is not UTF-8", 6),
        (not_an_object, r"1 x line is not an object \(first: 000001.jsonl:1\)", 6),
        (too_deep, r"1 x line is nested too deeply", 6),
        (no_role, r"1 x sample without a known role", 5),
        (unknown_field, r"1 x unknown field 'colour' ignored", 6),  # the record stays
        (missing_picture, r"1 x picture missing \(first: images/gone.png\)", 6),
        (damaged_picture, r"3 x picture damaged", 6),
        (no_picture_at_all, r"3 x picture damaged", 6),
        (half_a_table, r"1 x file is damaged \(first: collect_solver/proposals.parquet: ", 6),
        (no_table, r"1 x file is damaged \(first: collect_solver/drawings.parquet: ", 6),
        (
            no_labels,
            r"1 x collection without labels.parquet: its answers are not counted \(first: iter_01/collect_s",
            6,
        ),
        (drawing_of_nobody, r"1 x row of a proposal that is not there \(first: drawings.parquet\)", 6),
        (half_a_summary, r"1 x file is damaged \(first: collect_coder/summary.json\)", 6),
        (half_a_config, r"1 x file is damaged", 6),
        (half_a_metrics_line, r"1 x half a line \(first: metrics.jsonl:2\)", 6),
        (metrics_without_step, r"1 x metrics line without step or data", 6),
    ],
)
def test_damage_is_counted_and_named(run, damage, reason, shown):
    damage(run)
    left_out, entries = read_all(run)
    assert len(left_out) == 1 and re.match(reason, left_out[0]), left_out  # and nothing else is left out
    assert sum(e.role == "coder" and e.step == 1 for e in entries) == shown


def read_all(run):
    """Everything that a report reads, as single.build does it but without figures: (what was left out, entries)."""
    opened = read_run(run)
    found = survey(opened)
    album = Album(opened)
    gallery(opened, found, album)
    album.fill(PICTURE_BYTES)
    return opened.skips.lines(), found.entries


def test_healthy_run_leaves_nothing_out(run):
    assert read_all(run)[0] == []


def test_report_of_a_damaged_run_says_what_is_missing(run):
    for damage in (half_a_line, unknown_field, damaged_picture, half_a_table, half_a_summary, half_a_metrics_line):
        damage(run)
    half_a_config(run)
    (run / "state.json").write_text("{")
    (run / "alarms.jsonl").write_text('{"rule": "le')
    (run / "held_out.json").write_text("[]")
    page = report.build(run).read_text()
    left_out = page[page.index("Records left out") :].partition("</section>")[0]
    for line in (
        "2 x half a line (first: metrics.jsonl:2)",
        "5 x file is damaged (first: collect_coder/summary.json)",
        "1 x unknown field &#x27;colour&#x27; ignored (first: 000001.jsonl)",
        "3 x picture damaged",
    ):
        assert line in left_out
    assert "## Records left out" in (run / "RUN.md").read_text()
    assert len(list((run / "figures").glob("*.png"))) == 6


def nothing_yet(run):
    """The loop has written its settings, no step has begun."""
    for path in run.iterdir():
        if path.name != "config.yaml":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def only_begun(run):
    for name in ("coder", "collect_solver", "solver"):
        shutil.rmtree(run / "iter_01" / name)
    for path in (run / "iter_01" / "proposer").glob("metrics*"):
        path.unlink()


def strange_numbers(run):
    nan = {"score": float("nan"), "terms": {"leak": "yes", "difficulty": 1e400}, "step": "many", "iteration": None}
    changed(run, **nan)
    changed(run, drawings={"status": 1}, proposal=[], prompt=3, blind_votes="x", status=None, image=["a"])
    numbers = {"accepted": None, "attempts": -1, "rejected": {"too_easy": "x", "b": float("inf")}, "codes": "?"}
    (run / "iter_01/collect_coder/summary.json").write_text(json.dumps(numbers))
    (run / "held_out.json").write_text('{"before": {"items": 0}, "after": {"easy_accuracy": "?"}}')


def half_a_character(run):
    """JSON can hold one, a file of text cannot."""
    (run / "iter_01/collect_coder/summary.json").write_text('{"attempts": 3, "rejected": {"\\ud800": 2}}')


@pytest.mark.parametrize("damage", [nothing_yet, only_begun, strange_numbers, other_columns, half_a_character])
def test_any_run_gives_a_report_and_a_table(run, damage):
    damage(run)
    page = report.build(run)
    assert page.read_text().rstrip().endswith("</html>")
    assert report.terminal_table(run)


@pytest.mark.parametrize("name", ["../../../../secret.png", "{run}/../secret.png", "images/link.png"])
def test_pictures_outside_the_run_are_not_read(run, name):
    """A dumped name may be hostile: `..`, an absolute path, a link."""
    secret = run.parent / "secret.png"
    shutil.copy(next((run / "iter_01/coder/samples/images").glob("*.png")), secret)
    (run / "iter_01/coder/samples/images/link.png").symlink_to(secret)
    changed(run, drawings=[{"status": "ok", "code": "<svg/>", "image": name.format(run=run)}])
    left_out, _ = read_all(run)
    assert len(left_out) == 1 and left_out[0].startswith("1 x picture missing")


def test_folder_that_is_missing_is_one_line(tmp_path, capsys):
    with pytest.raises(ReportError, match="is not a folder"):
        report.build(tmp_path / "x")
    assert report.main([str(tmp_path / "x")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("kind", ["deep", "iterations of two kinds"])
def test_results_of_another_kind_are_one_line(run, tmp_path, kind):
    row = {"b": {"accuracy": {"items": 1, "value": 1, "low": 0, "high": 1}}}
    results = {"checkpoints": {"a": row, "c": row}, "iterations": {"a": "x", "c": 2}}
    (tmp_path / "results.json").write_text("[" * 100_000 if kind == "deep" else json.dumps(results))
    with pytest.raises(ReportError, match=r"results\.json is damaged") as error:
        report.build(run, evaluation=tmp_path)
    assert "\n" not in str(error.value)


def test_a_folder_whose_name_is_no_text_is_one_line(tmp_path):
    folder = Path(os.fsdecode(bytes(tmp_path) + b"/\xff"))
    folder.mkdir()
    with pytest.raises(ReportError, match="the name is not UTF-8"):
        report.build(folder)
