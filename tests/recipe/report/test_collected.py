"""What the report says of a collection is what the collection decided: verdicts, counts, intervals.

The collections are real ones with simulated peers (tests/support/collect_sim.py); what is expected is computed here
from their tables and summaries, the page is read as a reader gets it.
"""

import dataclasses
import html
import json
import math
import re
import statistics
from collections import Counter

import pyarrow.parquet as pq
import pytest
import yaml

from mmzero_rewards import RewardConfig
from mmzero_rewards.config import BlindConfig, ChecksConfig
from recipe.mmzero import report
from recipe.mmzero.engine.collect.settings import CoderFilter, SolverFilter
from tests.support.collect_sim import SimRender, peers, run, settings, tables
from tests.support.synthetic import Shape, default_config, make_run, row, write_tables

FILTERS = {
    "default": {},
    "no_filters": {"easy_min": 0.0, "hard_consistency": [0.0, 1.0]},
    "hard_filter": {"easy_min": 0.0, "hard_consistency": [0.3, 0.5]},
    "easy_filter": {"easy_metric": "consistency", "easy_min": 0.9, "hard_consistency": [0.0, 1.0]},
    "label_agreement": {"require_hard_answer": True},
}


def collected(folder, solver_filter=None, coder_filter=None, blind=0.5):
    """A run folder with one Coder and one Solver collection: {stage: (summary, tables)}."""
    rule = dict(solver_filter or {})
    rewards = RewardConfig.from_dict({"solver": {"filter": rule}})
    rewards = dataclasses.replace(rewards, checks=ChecksConfig(blind=BlindConfig(fraction=blind)))
    base = settings(rewards=rewards, coder_filter=coder_filter or settings().coder_filter)
    config = yaml.safe_load(default_config())
    config["solver"]["filter"] |= rule
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    found = {}
    for stage in ("collect_coder", "collect_solver"):
        out = folder / "iter_01" / stage
        out.mkdir(parents=True, exist_ok=True)
        found[stage] = (run(stage, out, base, peers(), SimRender()), tables(out))
    return found


def index(page):
    """The gallery's samples in a page."""
    text = page.read_text()
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])["samples"]


def outcomes(page, stage):
    return Counter(sample["outcome"] for sample in index(page) if sample["role"] == stage)


def decided(summary):
    return Counter({"kept": summary["accepted"]} | summary["rejected"])


def cells(page):
    """The table over iterations of a one-iteration run: column -> (value, interval) as shown."""
    table = re.search(r"<h2>Iterations</h2>(.*?)</table>", page.read_text(), re.S)[1]
    heads = re.findall(r'<th scope="col">(.*?)</th>', table)[1:]
    values = re.findall(r"<td>(.*?)(?:<small>(.*?)</small>)?</td>", table)
    return dict(zip(heads, ((html.unescape(value), interval) for value, interval in values), strict=True))


@pytest.mark.parametrize("name", FILTERS)
def test_solver_rows_have_the_verdict_of_the_runs_own_filter(tmp_path, name, one_figure):
    summary, _ = collected(tmp_path / "run", FILTERS[name])["collect_solver"]
    assert outcomes(report.build(tmp_path / "run"), "collect_solver") == decided(summary)


@pytest.mark.parametrize(
    "rule",
    [
        CoderFilter(mode="window", window=(0.25, 0.75), target_rows=12, attempt_budget=60, min_rows=4),
        CoderFilter(mode="window", window=(0.5, 0.5), target_rows=12, attempt_budget=60, min_rows=1),
        CoderFilter(mode="off", target_rows=12, attempt_budget=60, min_rows=4),
        CoderFilter(mode="variance", target_rows=9, attempt_budget=40, min_rows=4),
        CoderFilter(mode="window_then_variance", window=(0.5, 0.5), target_rows=20, attempt_budget=60, min_rows=4),
    ],
)
def test_coder_rows_have_the_verdict_of_the_window(tmp_path, rule, one_figure):
    """The window's verdict is known only after the row was stored, and the second pass may undo it."""
    summary, found = collected(tmp_path / "run", coder_filter=rule)["collect_coder"]
    page = report.build(tmp_path / "run")
    assert outcomes(page, "collect_coder") == decided(summary)
    verdicts = {row["proposal_id"]: row["reject_reason"] or "kept" for row in found["proposals"]}
    shown = {sample["id"]: sample["outcome"] for sample in index(page) if sample["role"] == "collect_coder"}
    assert shown == verdicts


class Changing(SimRender):
    """A renderer whose pictures are new every time, as of a GPU engine whose codes are not repeatable."""

    count = 0

    async def render_async(self, request):
        result = await super().render_async(request)
        if not result.ok:
            return result
        Changing.count += 1
        return dataclasses.replace(result, png=result.png + Changing.count.to_bytes(4, "big"))


def test_rows_that_were_drawn_anew_and_surplus_rows_do_not_count(tmp_path):
    """A row whose picture was lost is drawn anew, the old one stays in its shard; so do rows beyond the cut."""
    folder = tmp_path / "run"
    rule = {"solver_filter": SolverFilter(target_rows=2, attempt_budget=60, min_rows=1)}
    base = settings(**rule, rows_per_shard=4, in_flight=16)
    out = folder / "iter_01" / "collect_solver"
    out.mkdir(parents=True)
    (folder / "config.yaml").write_text(default_config())
    run("collect_solver", out, base, peers(), Changing())
    for picture in sorted((out / "images").glob("*.png"))[:6]:
        picture.unlink()
    summary = run("collect_solver", out, base, peers(), Changing())
    lines = [json.loads(line) for path in (out / "shards").glob("rows_*.jsonl") for line in path.open()]
    stored = Counter(line["index"] for line in lines if "index" in line)
    assert max(stored.values()) == 2 and max(stored) >= summary["attempts"]  # the case is what its name says
    page = report.build(folder)
    assert outcomes(page, "collect_solver") == decided(summary)
    ids = [sample["id"] for sample in index(page)]
    assert len(ids) == len(set(ids)) == summary["attempts"]


def wilson(hits, n):
    """Wilson (1927), from the textbook: the two solutions of |p - hits/n| = 1.96 sqrt(p (1 - p) / n)."""
    z = statistics.NormalDist().inv_cdf(0.975)
    a, b, c = 1 + z * z / n, -(2 * hits / n + z * z / n), (hits / n) ** 2
    root = math.sqrt(b * b - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def mean_interval(values):
    half = statistics.NormalDist().inv_cdf(0.975) * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.fmean(values) - half, statistics.fmean(values) + half


def percent(value, interval):
    return f"{100 * value:.1f}%", f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}%"


def number(value, interval):
    return f"{value:.2f}", f"{interval[0]:.2f} to {interval[1]:.2f}"


def test_numbers_of_an_iteration_are_those_of_all_its_rows(tmp_path):
    """Every measured cell of the table, recomputed from the tables of the collection."""
    folder = tmp_path / "run"
    summary, found = collected(folder)["collect_solver"]
    labels = pq.read_table(folder / "iter_01/collect_solver/labels.parquet").to_pylist()
    assert 0 < summary["accepted"] < len(labels) < summary["attempts"]
    shown = cells(report.build(folder))
    statuses = [drawing["status"] for drawing in found["drawings"]]
    drawn = statuses.count("ok")
    assert shown["render success"] == percent(drawn / len(statuses), wilson(drawn, len(statuses)))
    easy = [label["easy_accuracy"] for label in labels]
    assert shown["solvability"] == percent(statistics.fmean(easy), wilson(sum(easy), len(easy)))
    hard = [label["hard_consistency"] for label in labels]
    difficulty = [min(c, 1 - c) for c in hard]
    assert shown["difficulty"] == number(statistics.fmean(difficulty), mean_interval(difficulty))
    assert shown["median hard consistency"] == (f"{statistics.median(hard):.2f}", "")
    gap = [label["easy_consistency"] - label["hard_consistency"] for label in labels]
    assert statistics.fmean(gap) > 0.05  # so that its sign shows
    assert shown["easy - hard consistency"] == number(statistics.fmean(gap), mean_interval(gap))
    leaks = [label["leak"] for label in labels]
    assert shown["leak rate"] == percent(statistics.fmean(leaks), wilson(sum(leaks), len(leaks)))
    blind = [label["blind_rate"] for label in labels if label["blind_rate"] is not None]
    assert 5 < len(blind) < len(labels)
    assert shown["blind rate"] == percent(statistics.fmean(blind), wilson(sum(blind), len(blind)))
    assert shown["Solver rows"] == (str(summary["accepted"]), "")


def test_content_entropy_is_of_all_valid_proposals(tmp_path):
    kinds = ["map", "table", "map", "geometry", "poem", "map", "table", "map"]
    folder = make_run(tmp_path / "run", shape=Shape(iterations=1, steps=2, samples=4, rows=1, pictures=7))
    write_tables(folder / "iter_01/collect_solver", rows_of("solver", kinds))
    shares = [4 / 8, 2 / 8, 1 / 8, 1 / 8]  # a kind outside the list counts as other
    expected = -sum(share * math.log(share) for share in shares) / math.log(7)
    assert cells(report.build(folder))["content entropy"] == (f"{expected:.2f}", "")


def rows_of(role, kinds):
    import random

    dice = random.Random(0)
    found = []
    for k, kind in enumerate(kinds):
        one, drawings, judged = row(role, 1, k, dice, [("a.png", kind, "<svg/>")])
        found.append((one | {"content_type": kind}, drawings, judged))
    return found


def test_every_row_of_a_large_collection_counts(tmp_path):
    """No first few thousand: the last rows are the ones that differ."""
    from recipe.mmzero.report.data.read import read_run
    from recipe.mmzero.report.data.survey import survey

    folder = make_run(tmp_path / "run", shape=Shape(iterations=1, steps=1, samples=1, rows=1, pictures=7))
    kinds = ["map"] * 5000 + ["table"] * 200
    write_tables(folder / "iter_01/collect_coder", rows_of("coder", kinds))
    opened = read_run(folder)
    tally = survey(opened).tally(1, "collect_coder")
    assert tally.samples == 5200 and tally.content == {"map": 5000, "table": 200}
    assert opened.skips.lines() == []


def test_a_starved_collection_is_shown_as_it_ended(tmp_path):
    """It has no training rows and no summary, but it knows why each row was rejected."""
    out = tmp_path / "run" / "iter_01" / "collect_coder"
    out.mkdir(parents=True)
    rule = CoderFilter(mode="window", window=(0.9, 0.95), target_rows=5, attempt_budget=40, min_rows=5)
    with pytest.raises(Exception, match="fewer than min_rows"):
        run("collect_coder", out, settings(coder_filter=rule), peers(), SimRender())
    shown = outcomes(report.build(tmp_path / "run"), "collect_coder")
    reasons = Counter(row["reject_reason"] for row in pq.read_table(out / "proposals.parquet").to_pylist())
    assert shown == reasons and shown.total() == 40 and not shown["kept"]


def test_a_collection_that_has_not_decided_has_no_rows(tmp_path):
    found = collected(tmp_path / "run")
    out = tmp_path / "run" / "iter_01" / "collect_solver"
    for name in ("proposals", "drawings", "labels", "train"):
        (out / f"{name}.parquet").unlink()
    page = report.build(tmp_path / "run")
    assert not outcomes(page, "collect_solver")
    assert outcomes(page, "collect_coder") == decided(found["collect_coder"][0])
