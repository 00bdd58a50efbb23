"""The whole collection pipelines with simulated peers: determinism, kills, starvation, failures, counts.

Peers are pure functions of the request (collect_sim.py), as method.md §4 assumes; time, order, retries and kills vary.
One test talks HTTP to a real server. Parts alone: test_collect_parts.py. The real engine: tests/e2e.
"""

import asyncio
import dataclasses
import errno
import hashlib
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import time
from contextlib import asynccontextmanager

import pyarrow.parquet as pq
import pytest
from aiohttp import web

from mmzero_env.process import replace
from mmzero_rewards.config import BlindConfig, ChecksConfig, RewardConfig
from mmzero_rewards.peers.client import PeerClient, PeerError
from recipe.mmzero.engine import collect
from recipe.mmzero.engine.collect import CollectError, RowsLost, collect_solver
from recipe.mmzero.engine.collect import stage as program
from recipe.mmzero.engine.collect.settings import CoderFilter, SolverFilter
from recipe.mmzero.machine.forecast.calls import calls_at_once
from recipe.mmzero.run.processes import supervise
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.seeds import derive_seed
from tests.support.collect_sim import WRITERS, SimPeer, SimRender, peers, run, settings, tables
from tests.support.fault_server import FaultServer, echo, serve
from tests.support.nobody import read_only_folder, without_root

STAGES = ("collect_coder", "collect_solver")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """stage -> (summary, tables) of an immediate run."""
    found = {}
    for stage in STAGES:
        out = tmp_path_factory.mktemp(stage)
        found[stage] = (run(stage, out, settings(), peers(), SimRender()), tables(out))
    return found


def numbers(summary: dict) -> dict:
    return {key: value for key, value in summary.items() if key != "damaged_shards"}


# --- what is collected ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", STAGES)
def test_counts_and_ids(undisturbed, stage):
    summary, found = undisturbed[stage]
    assert summary["accepted"] + sum(summary["rejected"].values()) + summary["dropped"] == summary["attempts"]
    assert len(found["train"]) == summary["accepted"] > 0
    assert len(found["proposals"]) == summary["attempts"]
    assert sum(not row["reject_reason"] for row in found["proposals"]) == summary["accepted"]
    ids = [row["proposal_id"] for row in found["proposals"]]
    assert len(set(ids)) == len(ids)
    assert len({row["code_id"] for row in found["drawings"]}) == len(found["drawings"]) == summary["codes"]
    assert {row["proposal_id"] for row in found["drawings"]} <= set(ids)
    topics = ("charts", "maps", "tables")
    assert [row["topic"] for row in found["proposals"]] == [topics[i % 3] for i in range(len(ids))]
    assert len({row["seed"] for row in found["proposals"]}) == len(ids)
    for row in found["proposals"]:
        assert row["format_ok"] == (row["caption"] is not None) == (not row["reject_reason"].startswith("format_"))
    indices = [row["extra_info"]["index"] for row in found["train"]]
    assert indices == sorted(set(indices))


def test_coder_rows(undisturbed):
    summary, found = undisturbed["collect_coder"]
    drawings = {}
    for drawing in found["drawings"]:
        drawings.setdefault(drawing["proposal_id"], []).append(drawing)
    for row in found["train"]:
        info = row["extra_info"]
        codes = drawings[info["proposal_id"]]
        assert info["render_rate"] == sum(code["status"] == "ok" for code in codes) / 4 and len(codes) == 4
        assert info["kept_by"] == "window" and 0.25 <= info["render_rate"] <= 0.75 and info["reward_variance"] is None
        prompt = row["prompt"][0]["content"]
        assert info["caption"] in prompt and info["hard_question"] in prompt
        assert row["agent_name"] == row["data_source"] == "mmzero_coder" and row["images"] == []
    for drawing in found["drawings"]:
        assert (drawing["code"] is None) == (drawing["status"] == "no_code")
        assert (drawing["image"] is not None) == (drawing["status"] == "ok")
    assert summary["accepted"] == 12 and summary["kept_by"] == {"window": 12, "variance": 0}
    assert not found["proposals"][-1]["reject_reason"], "the cut ends with the row that reached the target"


def test_solver_rows(undisturbed, tmp_path):
    summary, found = undisturbed["collect_solver"]
    assert summary["attempts"] == 60, "without target_rows all proposals are spent"
    for row in found["train"]:
        info = row["extra_info"]
        assert row["reward_model"]["ground_truth"] == info["label"]
        assert len(info["hard_votes"]) == len(info["easy_votes"]) == 10
        share = info["hard_votes"].count(info["label"]) / 10
        assert info["hard_consistency"] == pytest.approx(share) and 0.25 <= share <= 0.75
        assert info["easy_accuracy"] >= 0.5
        assert row["images"] == [info["image"]] and row["prompt"][0]["content"].startswith("<image>")
        assert info["hard_question"] in row["prompt"][0]["content"]
        assert info["label_agrees"] == (info["label"] == info["hard_answer"])
    assert None in {vote for row in found["train"] for vote in row["extra_info"]["hard_votes"]}, "unanswered is null"


def test_labels_of_all_answered_rows(tmp_path):
    """labels.parquet says of kept and rejected rows alike what the Solver's answers say; kept ones as in training."""
    base = settings()
    rewards = dataclasses.replace(base.rewards, checks=ChecksConfig(blind=BlindConfig(fraction=0.5)))
    summary = run("collect_solver", tmp_path, dataclasses.replace(base, rewards=rewards), peers(), SimRender())
    found = tables(tmp_path)
    labels = {row["proposal_id"]: row for row in pq.read_table(tmp_path / "labels.parquet").to_pylist()}
    reasons = {row["proposal_id"]: row["reject_reason"] for row in found["proposals"]}
    unasked = {name for name, reason in reasons.items() if reason.startswith(("format_", "render_"))}
    assert labels.keys() == reasons.keys() - unasked and len(labels) > summary["accepted"]
    for row in found["train"]:
        info, label = row["extra_info"], labels[row["extra_info"]["proposal_id"]]
        assert label == {name: info[name] for name in label if name != "blind_votes"} | {
            "blind_votes": label["blind_votes"]
        }
    for name, label in labels.items():
        assert (label["label"] is None) == (reasons[name] == "no_label")
        assert reasons[name] != "too_easy" or label["hard_consistency"] > 0.75
        assert (label["blind_votes"] is None) == (label["blind_rate"] is None)
    blind = [label["blind_rate"] for name, label in labels.items() if label["blind_votes"] and not reasons[name]]
    assert summary["blind_rows"] == len(blind) > 0 and summary["blind_rate"] == pytest.approx(statistics.fmean(blind))


def test_blind_question_is_asked_without_the_picture(tmp_path):
    class Watching(SimPeer):
        blind = 0

        async def chat(self, messages, n, sampling, seed):
            Watching.blind += isinstance(messages[-1]["content"], str)
            return await super().chat(messages, n, sampling, seed)

    base = settings()
    rewards = dataclasses.replace(base.rewards, checks=ChecksConfig(blind=BlindConfig(fraction=1.0)))
    config = dataclasses.replace(base, rewards=rewards)
    run("collect_solver", tmp_path, config, peers() | {"solver": Watching("solver")}, SimRender())
    rows = tables(tmp_path)["train"]
    assert all(0 <= row["extra_info"]["blind_rate"] <= 1 for row in rows)
    assert Watching.blind >= len(rows)


# --- determinism ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("trial", range(4))
def test_rows_do_not_depend_on_timing_concurrency_or_retries(undisturbed, tmp_path, stage, trial):
    chaos = random.Random(trial)
    clients = peers(slots=chaos.choice([1, 7, 100]), latency_s=(0.0, 0.01), failures=0.3, chaos=chaos)
    config = settings(in_flight=chaos.choice([1, 3, 50]), rows_per_shard=chaos.choice([1, 5, 100]), max_retries=6)
    render = SimRender(slots=chaos.choice([1, 8]), failures=0.1)
    summary = run(stage, tmp_path, config, clients, render)
    assert tables(tmp_path) == undisturbed[stage][1]
    assert numbers(summary) == numbers(undisturbed[stage][0])


@pytest.mark.parametrize("stage", STAGES)
def test_another_seed_gives_other_rows(undisturbed, tmp_path, stage):
    run(stage, tmp_path, settings(), peers(), SimRender(), seed=8)
    ours, theirs = tables(tmp_path)["proposals"], undisturbed[stage][1]["proposals"]
    assert not {row["seed"] for row in ours} & {row["seed"] for row in theirs}


@pytest.mark.parametrize("stage", STAGES)
def test_killed_at_random_points_and_resumed(undisturbed, tmp_path, stage):
    """SIGKILL after random times until one attempt completes; the rows equal those of an undisturbed run."""
    command = [sys.executable, "-m", "tests.support.collect_sim", stage, str(tmp_path)]
    chaos, kills, partial = random.Random(stage), 0, 0
    environment = dict(os.environ) | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    for _ in range(40):
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True)
        first = child.stdout.readline()  # printed when the pipeline starts
        partial += "from shards" in first
        try:
            output, _ = child.communicate(timeout=chaos.uniform(0.0, 0.25) if kills < 4 else 60)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.communicate()
            kills += 1
            continue
        assert child.returncode == 0, first + output
        break
    assert kills >= 3 and partial >= 1, f"{kills} kills, {partial} resumed from shards: the test killed nothing"
    assert tables(tmp_path) == undisturbed[stage][1]
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("stage", STAGES)
def test_resume_asks_only_for_what_is_missing(undisturbed, tmp_path, stage):
    run(stage, tmp_path, settings(), peers(), SimRender())
    clients = peers()
    run(stage, tmp_path, settings(), clients, SimRender())
    assert sum(client.requests for client in clients.values()) == 0
    assert tables(tmp_path) == undisturbed[stage][1]


def test_damaged_shard_and_lost_picture_are_collected_again(undisturbed, tmp_path):
    run("collect_solver", tmp_path, settings(), peers(), SimRender())
    victim = sorted((tmp_path / "shards").glob("rows_*.jsonl"))[3]
    victim.write_bytes(victim.read_bytes()[:-9])
    picture = sorted((tmp_path / "images").glob("*.png"))[0]
    picture.write_bytes(b"")
    clients = peers()
    summary = run("collect_solver", tmp_path, settings(), clients, SimRender())
    assert summary["damaged_shards"] == [victim.name]
    assert 4 <= clients["proposer"].requests <= 10
    assert tables(tmp_path) == undisturbed["collect_solver"][1]
    assert picture.stat().st_size > 0


def test_larger_target_continues_on_the_same_shards(tmp_path):
    small = settings(coder_filter=CoderFilter(target_rows=5, attempt_budget=60, min_rows=1))
    run("collect_coder", tmp_path / "a", small, peers(), SimRender())
    first = tables(tmp_path / "a")["train"]
    run("collect_coder", tmp_path / "a", settings(), peers(), SimRender())
    run("collect_coder", tmp_path / "b", settings(), peers(), SimRender())
    grown = tables(tmp_path / "a")
    assert grown == tables(tmp_path / "b") and grown["train"][:5] == first


def test_little_is_wasted_near_the_target(tmp_path):
    """Many rows in work, few needed: what is proposed beyond the cut stays in proportion to the target."""
    clients = peers(latency_s=(0.001, 0.002))
    config = settings(in_flight=500, coder_filter=CoderFilter(target_rows=12, attempt_budget=600, min_rows=4))
    summary = run("collect_coder", tmp_path, config, clients, SimRender())
    assert summary["accepted"] == 12
    assert clients["proposer"].requests <= 1.5 * summary["attempts"] + 12


def test_other_settings_on_the_same_folder_are_refused(tmp_path):
    run("collect_coder", tmp_path, settings(), peers(), SimRender())
    before = tables(tmp_path)
    with pytest.raises(CollectError, match=r"coder\.samples: 4 -> 5"):
        run("collect_coder", tmp_path, settings(samples=5), peers(), SimRender())
    assert tables(tmp_path) == before


# --- starvation -------------------------------------------------------------------------------------------------------


def coder_rule(**changes):
    return settings(coder_filter=CoderFilter(**({"target_rows": 50, "attempt_budget": 60, "min_rows": 1} | changes)))


def test_window_keeps_what_it_has(tmp_path):
    summary = run("collect_coder", tmp_path, coder_rule(mode="window"), peers(), SimRender())
    assert summary["attempts"] == 60 and 0 < summary["accepted"] < 50
    assert summary["kept_by"]["variance"] == 0


def test_window_then_variance_fills_up_with_the_largest(tmp_path):
    window = run("collect_coder", tmp_path / "w", coder_rule(mode="window"), peers(), SimRender())
    target = window["accepted"] + 3
    summary = run("collect_coder", tmp_path / "v", coder_rule(target_rows=target), peers(), SimRender())
    assert summary["accepted"] == target and summary["kept_by"] == {"window": window["accepted"], "variance": 3}
    assert summary["accepted"] + sum(summary["rejected"].values()) == 60
    everything = run("collect_coder", tmp_path / "all", coder_rule(target_rows=60), peers(), SimRender())
    rows = [r["extra_info"] for r in tables(tmp_path / "all")["train"] if r["extra_info"]["kept_by"] == "variance"]
    assert len(rows) == everything["kept_by"]["variance"] > 3 and everything["accepted"] < 60, "variance 0 stays out"
    assert all(info["reward_variance"] > 0 and info["render_rate"] in (0, 1) for info in rows)
    largest = sorted(rows, key=lambda info: (-round(info["reward_variance"], 12), info["index"]))[:3]
    chosen = [r["extra_info"] for r in tables(tmp_path / "v")["train"] if r["extra_info"]["kept_by"] == "variance"]
    assert {info["index"] for info in chosen} == {info["index"] for info in largest}


def test_the_solver_is_asked_only_when_the_window_starves(tmp_path):
    enough, starving = peers(), peers()
    run("collect_coder", tmp_path / "a", settings(), enough, SimRender())
    assert enough["solver"].requests == 0
    run("collect_coder", tmp_path / "b", coder_rule(), starving, SimRender())
    assert starving["solver"].requests > 0


def test_variance_alone_ranks_the_whole_budget(tmp_path):
    summary = run("collect_coder", tmp_path, coder_rule(mode="variance", target_rows=10), peers(), SimRender())
    assert summary["attempts"] == 60 and summary["kept_by"] == {"window": 0, "variance": 10}
    kept = [row["extra_info"]["reward_variance"] for row in tables(tmp_path)["train"]]
    assert statistics.fmean(kept) > 0.05


def test_off_keeps_every_valid_proposal(tmp_path):
    summary = run("collect_coder", tmp_path, coder_rule(mode="off", target_rows=40), peers(), SimRender())
    assert summary["accepted"] == 40 and all(reason.startswith("format_") for reason in summary["rejected"])


@pytest.mark.parametrize("stage", STAGES)
def test_below_the_minimum_stops_with_one_line(tmp_path, stage):
    config = settings(
        coder_filter=CoderFilter(mode="window", target_rows=500, attempt_budget=30, min_rows=100),
        solver_filter=SolverFilter(proposals=30, min_rows=100),
    )
    with pytest.raises(CollectError) as caught:
        run(stage, tmp_path, config, peers(), SimRender())
    line = str(caught.value)
    assert "\n" not in line and "of 30 proposals" in line and "min_rows=100" in line and "format_" in line
    assert not (tmp_path / "train.parquet").exists() and not (tmp_path / "summary.json").exists()
    assert (tmp_path / "proposals.parquet").exists(), "kept for the person who looks into it"


def test_no_accepted_row_at_all(tmp_path):
    class Silent(SimRender):
        async def render_async(self, request):
            return await super().render_async(dataclasses.replace(request, code="nothing"))

    with pytest.raises(CollectError, match=r"0 accepted of 60.*render_syntax_error"):
        run("collect_solver", tmp_path, settings(), peers(), Silent())


def test_solver_target_and_attempt_budget(tmp_path):
    config = settings(solver_filter=SolverFilter(proposals=5, target_rows=6, attempt_budget=200, min_rows=1))
    summary = run("collect_solver", tmp_path, config, peers(), SimRender())
    assert summary["accepted"] == 6 and 6 < summary["attempts"] < 200


# --- infrastructure failures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["proposer", "coder", "solver"])
def test_dead_peer_stops_with_one_line_and_loses_nothing(undisturbed, tmp_path, role):
    broken = peers() | {role: SimPeer(role, failures=1.0, persistent=True)}
    with pytest.raises(RowsLost) as caught:
        run("collect_solver", tmp_path, settings(), broken, SimRender())
    line = str(caught.value)
    assert "\n" not in line and role in line and "connection refused" in line and "failures.max_fraction" in line
    run("collect_solver", tmp_path, settings(), peers(), SimRender())
    assert tables(tmp_path) == undisturbed["collect_solver"][1]


def test_dead_peer_is_noticed_long_before_the_budget_is_spent(tmp_path):
    """Five lost rows are enough to judge by; a collection of 10,000 would wait for each of them in vain."""
    asked = CountingPeer("proposer", failures=1.0, persistent=True)
    with pytest.raises(CollectError, match="connection refused"):
        run(
            "collect_solver", tmp_path, settings(max_retries=0, in_flight=1), peers() | {"proposer": asked}, SimRender()
        )
    assert 5 <= asked.calls <= 10, asked.calls


class CountingPeer(SimPeer):
    calls = 0

    async def chat(self, *args, **kwargs):
        self.calls += 1
        return await super().chat(*args, **kwargs)


def test_lost_renderer_stops_with_one_line(tmp_path):
    with pytest.raises(RowsLost, match="renderer: workers lost"):
        run("collect_solver", tmp_path, settings(max_retries=0), peers(), SimRender(failures=1.0))


def test_a_few_drops_are_counted_and_asked_again_on_resume(undisturbed, tmp_path):
    clients = peers() | {"solver": SimPeer("solver", failures=0.08, persistent=True, chaos=random.Random(3))}
    summary = run("collect_solver", tmp_path, settings(max_fraction=0.5), clients, SimRender())
    assert summary["dropped"] > 0 and summary["attempts"] == 60
    assert summary["accepted"] + sum(summary["rejected"].values()) + summary["dropped"] == 60
    assert len(tables(tmp_path)["proposals"]) == 60 - summary["dropped"]
    again = run("collect_solver", tmp_path, settings(), peers(), SimRender())
    assert again["dropped"] == 0 and tables(tmp_path) == undisturbed["collect_solver"][1]


def test_full_disk_is_one_line_and_resumable(undisturbed, tmp_path, monkeypatch):
    real, calls = replace.write, 0

    def full(path, data, **options):
        nonlocal calls
        calls += 1
        if calls > 4:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, data, **options)

    monkeypatch.setattr(replace, "write", full)
    with pytest.raises(CollectError, match="No space left on device") as caught:
        run("collect_solver", tmp_path, settings(), peers(), SimRender())
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    run("collect_solver", tmp_path, settings(), peers(), SimRender())
    assert tables(tmp_path) == undisturbed["collect_solver"][1]


def test_programming_errors_are_not_swallowed(tmp_path):
    class Broken(SimPeer):
        async def chat(self, messages, n, sampling, seed):
            raise TypeError("bug in the client")

    with pytest.raises(TypeError, match="bug in the client"):
        run("collect_solver", tmp_path, settings(), peers() | {"coder": Broken("coder")}, SimRender())


def test_cancelling_keeps_finished_rows_and_leaves_no_task(tmp_path):
    async def main():
        slow = peers(latency_s=(0.0, 0.1))
        task = asyncio.create_task(collect_solver(settings(rows_per_shard=1000), slow, SimRender(), tmp_path, 7, 1))
        await asyncio.sleep(1.0)
        task.cancel()
        started = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < 5 and len(asyncio.all_tasks()) == 1

    asyncio.run(main())
    stored = sum(path.read_text().count('"index"') for path in (tmp_path / "shards").glob("rows_*.jsonl"))
    assert stored > 0, "Ctrl-C lost the rows that were finished"


# --- over HTTP --------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def http_peers(chat, **options):
    """role -> PeerClient of one server whose answers come from `chat(request)`."""
    app = web.Application(client_max_size=2**24)
    app.router.add_post("/v1/chat/completions", chat)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    clients = {role: PeerClient([f"127.0.0.1:{port}"], role, **options) for role in WRITERS}
    try:
        yield clients
    finally:
        for client in clients.values():
            await client.close()
        await runner.cleanup()


def test_over_http_with_real_clients(undisturbed, tmp_path):
    """The same rows through PeerClient and a real server that sometimes answers 503 and closes connections."""
    chaos = random.Random(0)

    async def chat(request):
        body = await request.json()
        if chaos.random() < 0.1:
            return web.Response(status=503, text="overloaded")
        role, simulated = body["model"], SimPeer(body["model"])
        texts = await simulated.chat(body["messages"], body["n"], None, body["seed"])
        choices = [{"index": i, "message": {"role": "assistant", "content": text}} for i, text in enumerate(texts)]
        assert role in WRITERS
        return web.json_response({"id": "x", "object": "chat.completion", "choices": choices})

    async def main():
        async with http_peers(chat, timeout_s=30, max_retries=8, backoff_base_s=0.01) as clients:
            return await collect_solver(settings(), clients, SimRender(), tmp_path, 7, 1)

    summary = asyncio.run(main())
    assert numbers(summary) == numbers(undisturbed["collect_solver"][0])
    assert tables(tmp_path) == undisturbed["collect_solver"][1]
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    lines = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    assert lines[-1]["done"] == 60 and lines[-1]["requests"]["proposed"] == 60


@pytest.mark.parametrize("error, code", [(RowsLost("five rows"), 1), (CollectError("too few"), 2)])
def test_another_attempt_is_made_of_what_servers_lost(tmp_path, monkeypatch, capfd, error, code):
    """The loop tries a step again unless its exit code is 2 (run/processes/supervise.py)."""
    (tmp_path / "step.yaml").write_text("id: iter_01/collect_solver\nconfig: {}\n")

    async def failing(config, step):
        raise error

    monkeypatch.setattr(program, "collect", failing)
    assert (program.main([str(tmp_path / "step.yaml")]), supervise.UNUSABLE) == (code, 2)
    assert capfd.readouterr().err == f"error: iter_01/collect_solver: {error}\n"


class Seats(FaultServer):
    """Works on two calls at a time; the others stand in its queue, as in vLLM's."""

    def __post_init__(self):
        super().__post_init__()
        self.free = asyncio.Semaphore(2)

    async def chat(self, request):
        async with self.free:
            return await super().chat(request)


def test_calls_behind_many_others_are_not_taken_for_lost():
    """Seen on a busy machine: 525 rows had all been drawn, and the last ones' answers came after the time limit."""
    config = schema.load(["hardware.stages.collect_solver.peer_max_num_seqs=20", "failures.timeout_s=1"])
    server = Seats(echo, latency_s=0.05)

    async def answers():
        calls = calls_at_once(config, "collect_solver", {})["solver"]
        async with serve(server), collect.client(config, "m", [server.url], calls) as client:
            asked = [client.chat([{"role": "user", "content": str(row)}], n=10) for row in range(100)]
            return await asyncio.gather(*asked)

    assert len(asyncio.run(answers())) == 100, "2.5 s of work, of which no call may wait for more than one"
    assert server.most_at_once == 2


def test_read_only_folder_is_one_line():
    with (
        read_only_folder() as folder,
        without_root(),
        pytest.raises(CollectError, match=r"cannot use .*denied") as caught,
    ):
        run("collect_coder", folder, settings(), peers(), SimRender())
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


def test_file_in_place_of_the_folder_is_one_line(tmp_path):
    target = tmp_path / "taken"
    target.write_text("a file where the step's folder should be")
    with pytest.raises(CollectError, match="cannot use") as caught:
        run("collect_coder", target, settings(), peers(), SimRender())
    assert "\n" not in str(caught.value)


# --- refused prompts --------------------------------------------------------------------------------------------------


class Strict(SimPeer):
    """Its server works and refuses a third of the prompts."""

    async def chat(self, messages, n, sampling, seed):
        if self.refuses(messages, seed):
            raise PeerError("peer at 127.0.0.1:1: HTTP 400: maximum context length exceeded", "127.0.0.1:1", True)
        return await super().chat(messages, n, sampling, seed)

    def refuses(self, messages, seed):
        return seed % 3 == 0


@pytest.mark.parametrize(
    "stage, role", [("collect_coder", "coder"), ("collect_solver", "coder"), ("collect_solver", "solver")]
)
def test_a_prompt_that_a_server_refuses_is_the_models_failure(tmp_path, stage, role):
    """A proposal too long for the Coder, or a question too long for the Solver, ends no step whose servers work."""
    config = settings(solver_filter=SolverFilter(proposals=200, min_rows=1))
    summary = run(stage, tmp_path, config, peers() | {role: Strict(role)}, SimRender())
    assert summary["rejected"]["refused_prompt"] > 3 and summary["dropped"] == 0
    again = run(stage, tmp_path, config, peers(), SimRender())
    assert again["rejected"] == summary["rejected"], "decided for good"


def test_a_topic_that_a_server_refuses_is_nobodys_failure(tmp_path):
    """The Proposer's prompts are ours: a server that refuses them has other settings than the run."""
    with pytest.raises(CollectError, match=r"rows lost to infrastructure failures.*proposer: .*HTTP 400"):
        run("collect_coder", tmp_path, settings(), peers() | {"proposer": Strict("proposer")}, SimRender())


def test_a_refused_question_counts_as_unanswered_when_rewards_are_compared(tmp_path):
    """B14: the variance pass scores as training does; a refusal is no infrastructure failure there either."""

    class StrictJudge(Strict):
        def refuses(self, messages, seed):
            return "Which share" in str(messages)  # every hard question

    free = run("collect_coder", tmp_path / "free", coder_rule(), peers(), SimRender())
    strict = peers() | {"solver": StrictJudge("solver")}
    summary = run("collect_coder", tmp_path / "strict", coder_rule(), strict, SimRender())
    assert summary["unjudged"] == free["unjudged"] == 0
    rows = [row["extra_info"] for row in tables(tmp_path / "strict")["train"]]
    gained = [info for info in rows if info["kept_by"] == "variance"]
    assert gained and all(0 < info["reward_variance"] <= 0.25 for info in gained), "easy answers alone differ"


@pytest.mark.parametrize("status, message", [(400, "refused_prompt"), (500, None)])
def test_one_bad_prompt_costs_one_row(tmp_path, status, message):
    """B1: errors are quicker than answers. The other 59 rows are asked, whatever that prompt's row becomes."""

    async def chat(request):
        body = await request.json()
        if body["model"] == "coder" and body["seed"] == bad:
            return web.Response(status=status, text="maximum context length exceeded")
        await asyncio.sleep(0.05)
        texts = await SimPeer(body["model"]).chat(body["messages"], body["n"], None, body["seed"])
        choices = [{"index": i, "message": {"role": "assistant", "content": text}} for i, text in enumerate(texts)]
        return web.json_response({"choices": choices})

    undisturbed = run("collect_solver", tmp_path / "a", settings(), peers(), SimRender())
    index = next(i for i, row in enumerate(tables(tmp_path / "a")["proposals"]) if row["format_ok"])
    bad = derive_seed(7, 1, "collect_solver/code", index)
    options = {"timeout_s": 30, "max_retries": 1, "backoff_base_s": 0.0}

    async def main():
        async with http_peers(chat, **options) as clients:
            return await collect_solver(settings(max_fraction=0.05), clients, SimRender(), tmp_path / "b", 7, 1)

    summary = asyncio.run(main())
    proposals = tables(tmp_path / "b")["proposals"]
    lost = [row for row in proposals if row["reject_reason"] == "refused_prompt"]
    assert len(lost) == (1 if message else 0) and summary["dropped"] == (0 if message else 1)
    assert summary["attempts"] == undisturbed["attempts"] == 60
    assert undisturbed["accepted"] - summary["accepted"] in (0, 1)


# --- votes of the second pass -----------------------------------------------------------------------------------------


def test_votes_belong_to_pictures_not_to_positions(tmp_path):
    """S4: a row whose shard was lost may be drawn anew (engines on GPUs are not exactly repeatable): new pictures are
    judged, old votes are not read as theirs, and pictures that are still there are not asked about again."""
    first = run("collect_coder", tmp_path, coder_rule(mode="variance", target_rows=10), peers(), SimRender())
    before = tables(tmp_path)["train"]
    for shard in (tmp_path / "shards").glob("rows_*.jsonl"):
        shard.unlink()

    class Redrawing(SimRender):
        """The picture of every third code has changed."""

        async def render_async(self, request):
            result = await super().render_async(request)
            if result.png is None or hash_of(request.code) % 3:
                return result
            return dataclasses.replace(result, png=result.png + b"x")

    again = peers()
    summary = run("collect_coder", tmp_path, coder_rule(mode="variance", target_rows=10), again, Redrawing())
    assert summary["accepted"] == first["accepted"] == 10 and again["solver"].requests > 0
    fresh = tmp_path / "fresh"
    run("collect_coder", fresh, coder_rule(mode="variance", target_rows=10), peers(), Redrawing())
    assert tables(tmp_path)["train"] == tables(fresh)["train"] != before
    once_more = peers()
    run("collect_coder", tmp_path, coder_rule(mode="variance", target_rows=10), once_more, Redrawing())
    assert once_more["solver"].requests == 0


def hash_of(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


# --- evidence beside the picture (docs/method.md §10) -----------------------------------------------------------------

CAPTION = RewardConfig.from_dict({"verify": {"caption": True, "votes": 3, "min_consistency": 0.5}})


def label_columns(out):
    return pq.read_table(out / "labels.parquet").to_pylist()


def test_labels_from_captions(tmp_path):
    changed = settings(label_mode="caption", rewards=CAPTION)
    summary = run("collect_solver", tmp_path / "a", changed, peers(), SimRender())
    rows = tables(tmp_path / "a")["train"]
    assert rows and summary["accepted"] == len(rows) and summary["rejected"]["text_unsure"] > 0
    for row in rows:
        info = row["extra_info"]
        assert row["reward_model"]["ground_truth"] == info["label"] and info["label_source"] == "caption"
        assert len(info["text_votes"]) == 3 and len(info["hard_votes"]) == 10
        assert info["text_votes"].count(info["label"]) / 3 == pytest.approx(info["label_evidence"])
        assert info["label_evidence"] >= 0.5 and 0 < info["label_share"] == info["hard_votes"].count(info["label"]) / 10
        assert 0.25 <= info["hard_consistency"] <= 0.75 and info["program_answers"] is None
    assert all(len(label["text_votes"]) == 3 for label in label_columns(tmp_path / "a"))
    assert 0.5 <= summary["label_evidence"] <= 1.0
    flaky = peers(failures=0.02, latency_s=(0.0, 0.002), chaos=random.Random(1))
    run("collect_solver", tmp_path / "b", dataclasses.replace(changed, max_fraction=1.0), flaky, SimRender())
    again = {row["extra_info"]["index"]: row["extra_info"] for row in tables(tmp_path / "b")["train"]}
    first = {row["extra_info"]["index"]: row["extra_info"] for row in rows}
    shared = first.keys() & again.keys()
    assert shared and all(first[i]["text_votes"] == again[i]["text_votes"] for i in shared), "timing moves nothing"
    with pytest.raises(CollectError, match="other settings"):
        run("collect_solver", tmp_path / "a", settings(), peers(), SimRender())


class Computing(SimRender):
    """Python drawings that compute an answer; `wrong`: those whose picture has this variant compute another."""

    wrong = "variant 2"

    async def render_async(self, request):
        result = await super().render_async(request)
        scene = re.search(r"scene (\d+)", request.code)
        if not result.ok or request.language != "python":
            return result
        hard = "999" if self.wrong in request.code else str(int(scene[1]) % 5)
        return dataclasses.replace(result, answers=("", hard))


class PythonCoder(SimPeer):
    async def chat(self, messages, n, sampling, seed):
        texts = await super().chat(messages, n, sampling, seed)
        return [text.replace("```svg", "```python").replace("<svg>", "#<svg>") for text in texts]


def test_labels_from_programs(tmp_path):
    rewards = RewardConfig.from_dict({"coder": {"languages": ["python"]}})
    changed = settings(label_mode="program", programs=3, rewards=rewards)
    with_python = peers() | {"coder": PythonCoder("coder")}
    summary = run("collect_solver", tmp_path, changed, with_python, Computing())
    found = tables(tmp_path)
    assert found["train"] and summary["rejected"]["program_alone"] > 0
    drawings = {}
    for one in found["drawings"]:
        drawings.setdefault(one["proposal_id"], []).append(one)
    assert {len(several) for several in drawings.values()} == {3}, "the row's picture and two witnesses"
    for row in found["train"]:
        info = row["extra_info"]
        assert info["label_source"] == "program" and info["label"] == info["program_answers"][0]
        own = drawings[info["proposal_id"]][0]
        assert (own["code_id"], own["image"], own["answers"][1]) == (info["code_id"], info["image"], info["label"])
        majority = max(set(filter(None, info["hard_votes"])), key=info["hard_votes"].count)
        assert info["label"] in (majority, *filter(None, info["program_answers"][1:]))


def test_svg_rows_keep_the_votes_label_under_program(tmp_path):
    run("collect_solver", tmp_path / "a", settings(label_mode="program", programs=1), peers(), SimRender())
    run("collect_solver", tmp_path / "b", settings(), peers(), SimRender())
    one, other = tables(tmp_path / "a")["train"], tables(tmp_path / "b")["train"]
    assert [row["reward_model"] for row in one] == [row["reward_model"] for row in other]
    assert {row["extra_info"]["label_source"] for row in one} == {"vote"}


@pytest.mark.parametrize("mode", ["window", "window_then_variance", "variance"])
def test_captions_of_the_coders_rows_are_asked_once(tmp_path, mode):
    asked = []

    class Counting(SimPeer):
        async def chat(self, messages, n, sampling, seed):
            if isinstance(messages[-1]["content"], str):
                asked.append((messages[-1]["content"], n, seed))
            return await super().chat(messages, n, sampling, seed)

    target = 12 if mode == "window" else 20
    changed = coder_rule(mode=mode, target_rows=target)
    plain = run("collect_coder", tmp_path / "plain", changed, peers(), SimRender())
    verified = dataclasses.replace(changed, rewards=CAPTION)
    listening = peers() | {"solver": Counting("solver")}
    summary = run("collect_coder", tmp_path / "a", verified, listening, SimRender())
    rows = [row["extra_info"] for row in tables(tmp_path / "a")["train"]]
    assert len(rows) == summary["accepted"] > 0 and (mode != "window" or summary["accepted"] == plain["accepted"])
    assert all(len(info["text_easy_votes"]) == len(info["text_hard_votes"]) == 3 for info in rows)
    assert len(asked) == len(set(asked)) and {n for _, n, _ in asked} == {3}
    if mode == "window":
        assert len(asked) == 2 * len(rows), "two questions about each kept row and no other"
    before = len(asked)
    again = run("collect_coder", tmp_path / "a", verified, listening, SimRender())
    assert len(asked) == before and numbers(again) == numbers(summary), "resumed from its shards"
    unasked = [row["extra_info"] for row in tables(tmp_path / "plain")["train"]]
    assert all(info["text_easy_votes"] is None for info in unasked)


def test_a_row_whose_caption_could_not_be_asked_comes_without_and_is_counted_nowhere_twice(tmp_path):
    class Lost(SimPeer):
        async def chat(self, messages, n, sampling, seed):
            if isinstance(messages[-1]["content"], str) and seed % 7 == 0:
                raise PeerError("gone", "127.0.0.1:1")
            return await super().chat(messages, n, sampling, seed)

    verified = dataclasses.replace(coder_rule(mode="off", target_rows=40), rewards=CAPTION, max_fraction=1.0)
    summary = run("collect_coder", tmp_path, verified, peers() | {"solver": Lost("solver")}, SimRender())
    rows = [row["extra_info"] for row in tables(tmp_path)["train"]]
    missing = sum(info["text_easy_votes"] is None for info in rows)
    assert len(rows) == summary["accepted"] and 0 < missing < len(rows), "the Coder's manager asks about these"
