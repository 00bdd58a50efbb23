"""One test per known defect of the reference that belongs to serving, prompts, data between stages and seeds.

Named after docs/method.md §8. Parsing, grading, voting, scoring, diversity and labels: tests/rewards/test_defects.py.
Rendering: tests/draw and tests/env. The loop's own (journal, resume, processes) and the report's are tested where they
live.
"""

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from omegaconf import OmegaConf

from mmzero_rewards.evidence import Drawn, Judge, judge
from mmzero_rewards.parsing.responses import Proposal
from mmzero_rewards.peers import start
from mmzero_rewards.peers.client import PeerClient, PeerError
from mmzero_rewards.prompting import IMAGE_TOKEN, PromptTemplates
from recipe.mmzero.engine import collect
from recipe.mmzero.engine.collect import CollectError
from recipe.mmzero.engine.collect.settings import CoderFilter
from recipe.mmzero.engine.train.data.rows import training_rows
from recipe.mmzero.engine.train.stage import write_rows
from recipe.mmzero.run import plan
from recipe.mmzero.settings import prompts, schema
from recipe.mmzero.settings.verl import config as verl_config
from tests.support.collect_sim import SimRender, peers, run, settings, tables
from tests.support.fault_server import FaultServer, dead_address, echo, picture_in, png, question_of, serve

ROOT = Path(__file__).resolve().parents[2]
LISTENING = r"\.listen\(|start_server|start_unix_server|TCPSite|HTTPServer|socketserver|create_server|run_app"
PROPOSAL = Proposal("map", "A plan of wells", "How many wells?", "12", "How many lie north of the road?", "5")


@pytest.fixture(scope="module")
def config():
    return schema.load()


def step_of(config, name: str, tmp_path: Path) -> dict:
    """A planned training step as step.yaml would hold it, every reference a folder of that name."""
    planned = next(step for step in plan.plan(config) if step.id == name)
    return {
        "id": planned.id,
        "role": planned.role,
        "iteration": planned.iteration,
        "step_dir": str(tmp_path / name),
        "inputs": {key: f"/weights/{reference}" for key, reference in planned.inputs.items()},
    }


# --- who judges, and what they are asked ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "judge_setting, served", [("solver", "/weights/iter_01/solver"), ("coder_init", "/weights/iter_01/coder")]
)
def test_judge_is_coder(judge_setting, served, tmp_path):
    """The path that is served as the Coder's judge is a Solver's; the reference's mistake is an ablation only."""
    config = schema.load([f"coder.judge={judge_setting}"])
    step = step_of(config, "iter_02/coder", tmp_path)
    assert verl_config.reward_kwargs(config, step)["peers"]["solver"]["model"] == served
    assert verl_config.peer_spec(config, "coder", step["inputs"])["solver"]["path"] == served
    proposer = step_of(config, "iter_02/proposer", tmp_path)
    asked = verl_config.reward_kwargs(config, proposer)["peers"]
    assert (asked["solver"]["model"], asked["coder"]["model"]) == ("/weights/iter_01/solver", "/weights/iter_01/coder")


@pytest.mark.parametrize("name", ["tiny", "full"])
def test_leak_by_prompt(name):
    """The hard answer stands in no Coder prompt, wherever it is built."""
    templates = prompts.templates(schema.load([f"model.prompts={name}"]))
    secret = Proposal("map", "A plan of wells", "How many wells?", "12", "How many lie north?", "XYZZY")
    assert "XYZZY" not in templates.coder_text(secret)
    assert all(text in templates.coder_text(secret) for text in ("A plan of wells", "12", "How many lie north?"))


@pytest.mark.parametrize("name", ["tiny", "full"])
def test_braces_doubled(name):
    r"""Training rows, reward questions and labelling questions hold the same bytes; \boxed{} is never \boxed{{}}."""
    templates = prompts.templates(schema.load([f"model.prompts={name}"]))
    asked: list[str] = []

    class Asked:
        async def chat(self, messages, n, sampling, seed):
            asked.append(messages[-1]["content"][1]["text"])
            return ["\\boxed{4}"] * n

    question = "Which {share} is \\boxed{this}, 1/2 < x?"
    asyncio.run(Judge(Asked(), templates).answers(question, png()))
    assert asked == [templates.question_text(question)]
    assert templates.solver_row(question) == [{"role": "user", "content": IMAGE_TOKEN + asked[0]}]
    assert "{{" not in asked[0] and question in asked[0]
    assert name == "tiny" or "\\boxed{}" in templates.question_text("?")


def test_labels_and_rewards_ask_in_the_same_words(tmp_path):
    """The questions that collection sends are those that the templates write for training rows."""
    seen: list[list[dict]] = []
    clients = peers()
    answer = clients["solver"].chat

    async def listening(messages, n, sampling, seed):
        seen.append(messages)
        return await answer(messages, n, sampling, seed)

    clients["solver"].chat = listening
    own = settings()
    run("collect_solver", tmp_path / "step", own, clients, SimRender())
    asked = {parts[1]["text"] for parts in (m[-1]["content"] for m in seen) if not isinstance(parts, str)}
    rows = tables(tmp_path / "step")["train"]
    assert rows and all(row["prompt"][0]["content"].removeprefix(IMAGE_TOKEN) in asked for row in rows)


def test_size_policies(config, tmp_path):
    """Judging, labelling and training see a picture at the same size: one policy, the same two numbers everywhere."""
    policy = {"min_pixels": config.image.min_pixels, "max_pixels": config.image.max_pixels}
    step = step_of(config, "iter_01/coder", tmp_path)
    assert verl_config.reward_kwargs(config, step)["image"] == policy
    for stage in ("iter_01/proposer", "iter_01/coder", "iter_01/solver"):
        overlay = verl_config.stage_config(config, step_of(config, stage, tmp_path))
        assert OmegaConf.to_container(overlay.data.mm_processor_kwargs) == policy
    server = FaultServer(echo)

    async def label():
        async with serve(server), collect.client(config, "m", [server.url]) as client:
            await Judge(client, PromptTemplates.default()).answers("?", png())

    asyncio.run(label())
    assert server.bodies[0]["mm_processor_kwargs"] == policy


# --- results and failures ---------------------------------------------------------------------------------------------


def test_off_by_one_pairing():
    """A picture that cannot be shown shifts nobody's answers: each drawing gets what was said about its own picture."""
    colours = {png((shade, 0, 0)): str(shade) for shade in (40, 120, 200)}

    def reply(body):
        kind = "easy" if question_of(body).startswith(PROPOSAL.easy_question) else "hard"
        return [rf"\boxed{{{kind} {colours[picture_in(body)]}}}"] * body["n"]

    server = FaultServer(reply)
    drawn = [Drawn("ok", png=picture) for picture in colours]
    drawn.insert(1, Drawn("crash"))

    async def ask():
        async with serve(server), PeerClient([server.url], "m") as client:
            return await judge(drawn, PROPOSAL, Judge(client, PromptTemplates.default(), votes=2))

    drawings = asyncio.run(ask())
    assert [d.easy_votes[:1] for d in drawings] == [("easy 40",), (), ("easy 120",), ("easy 200",)]
    assert [d.hard_votes[:1] for d in drawings] == [("hard 40",), (), ("hard 120",), ("hard 200",)]


@pytest.mark.parametrize("broken", ["dead", "error", "drop", "half-written"])
def test_silent_zero(broken):
    """A dead peer, a 500, a lost connection and half a reply all end in an error that names the address."""
    server = FaultServer(echo, error=float(broken == "error"), drop=float(broken == "drop"))
    if broken == "half-written":
        server.reply = lambda body: []  # a well-formed envelope without the answers

    async def ask():
        async with serve(server):
            address = dead_address() if broken == "dead" else server.url
            async with PeerClient([address], "m", name="solver", backoff_base_s=0.0) as client:
                with pytest.raises(PeerError) as caught:
                    await Judge(client, PromptTemplates.default()).answers("?", png())
                return address, str(caught.value)

    address, message = asyncio.run(ask())
    assert address in message and "\n" not in message


def test_sleep_ready(monkeypatch):
    """Nothing sleeps for a fixed time: waiting for a server ends when it answers, or at its limit with one line."""
    real, pauses = asyncio.sleep, []

    async def recorded(delay, result=None):
        if delay > 0:
            pauses.append(delay)
        await real(delay)

    async def wait():
        monkeypatch.setattr(start.asyncio, "sleep", recorded)
        server = FaultServer(echo)
        async with serve(server), PeerClient([server.url], name="solver") as client:
            await client.ready(600.0)
        assert pauses == [], "a server that answers is waited for not at all"
        address = dead_address()
        async with PeerClient([address], name="coder") as client:
            with pytest.raises(PeerError, match=r"not ready after 0\.2 s"):
                await client.ready(0.2)
            assert sum(pauses) <= 0.2 + 1e-6
            pauses.clear()
            ready = asyncio.create_task(client.ready(600.0))
            await real(0.3)
            async with serve(server, port=int(address.rsplit(":")[-1])):
                await ready
        assert 0 < sum(pauses) < 2.0, "one that comes up is seen at the next look, at most a second or two later"

    asyncio.run(wait())


def test_missing_dep_silent():
    """Without the clustering library the trainer does not start, and no term is ever 0 for its lack."""
    for use in (
        "import recipe.mmzero.engine.train.batch",
        "import mmzero_rewards; mmzero_rewards.cluster_shares(['a', 'a'])",
    ):
        code = f"import sys; sys.modules['scipy'] = None; {use}"
        shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
        assert shown.returncode != 0 and "scipy" in shown.stderr, use


# --- data between the stages ------------------------------------------------------------------------------------------


def table(count: int) -> pd.DataFrame:
    return pd.DataFrame({"prompt": [f"p{i}" for i in range(count)], "extra_info": [{"index": i} for i in range(count)]})


def test_clamp_16(config, tmp_path):
    """Few rows repeat in whole epochs instead of shrinking the batch; fewer than one update are an error."""
    rows = training_rows(table(20), steps=3, prompts_per_step=18, seed=1)
    assert len(rows) == 3 * 18
    assert rows.prompt.value_counts().max() - rows.prompt.value_counts().min() <= 1
    data = tmp_path / "train.parquet"
    table(config.coder.train.prompts_per_update - 1).to_parquet(data)
    step = SimpleNamespace(role="coder", iteration=1, step_dir=tmp_path, inputs=SimpleNamespace(data=data))
    with pytest.raises(ValueError, match=r"fewer than one update of \d+ \(coder\.train\.prompts_per_update\)"):
        write_rows(config, step)


def test_starvation(tmp_path):
    """Where the window leaves too few rows the collection tops up by variance and counts why rows were refused."""
    starving = CoderFilter(
        mode="window_then_variance", window=(0.45, 0.55), target_rows=14, attempt_budget=40, min_rows=1
    )
    summary = run("collect_coder", tmp_path / "topped", settings(coder_filter=starving), peers(), SimRender())
    alone = CoderFilter(mode="window", window=(0.45, 0.55), target_rows=14, attempt_budget=40, min_rows=1)
    window = run("collect_coder", tmp_path / "window", settings(coder_filter=alone), peers(), SimRender())
    assert window["accepted"] < 14 and summary["accepted"] > window["accepted"]
    assert {row["extra_info"]["kept_by"] for row in tables(tmp_path / "topped")["train"]} == {"window", "variance"}
    for numbers in (summary, window):
        assert numbers["accepted"] + sum(numbers["rejected"].values()) + numbers["dropped"] == numbers["attempts"]


def test_stale_shards(tmp_path):
    """Shards of other settings are refused, never read as new."""
    run("collect_solver", tmp_path / "step", settings(), peers(), SimRender())
    before, clients = tables(tmp_path / "step"), peers()
    with pytest.raises(CollectError, match=r"was collected with other settings \(solver\.label_votes: 10 -> 6\)"):
        run("collect_solver", tmp_path / "step", settings(label_votes=6), clients, SimRender())
    assert tables(tmp_path / "step") == before and not any(client.requests for client in clients.values())


def test_same_seed(config, tmp_path):
    """Sampling noise differs between iterations, stages and uses, and is the same for the same run."""

    def seeds(config, iteration):
        found = []
        for role in ("proposer", "coder", "solver"):
            overlay = verl_config.stage_config(config, step_of(config, f"iter_{iteration:02d}/{role}", tmp_path))
            found += [
                overlay.data.seed,
                overlay.actor_rollout_ref.rollout.seed,
                overlay.reward.reward_kwargs.seed,
                overlay.mmzero.seed,
            ]
        return found

    every = seeds(config, 1) + seeds(config, 2) + seeds(schema.load(["seed=1"]), 1)
    assert len(set(every)) == len(every) == 36
    assert seeds(config, 1) == seeds(schema.load(), 1)


def test_rpc_deletes():
    """What crosses the wire is JSON over HTTP to addresses that the configuration names; no server of ours listens.

    Files are never named to a peer: pictures travel inside the request. The sockets that we listen on are a Unix socket
    in a folder of this user (the warm server) and, for as long as the sandbox is tried out, one on loopback.
    """
    with pytest.raises(ValueError, match="host:port"):
        PeerClient(["file:///etc/passwd"])
    opened = []
    for package in ("mmzero_env", "mmzero_rewards", "recipe"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text()
            if re.search(LISTENING, text):
                opened.append(path.relative_to(ROOT).as_posix())
                assert "0.0.0.0" not in text and 'bind(("",' not in text, path
    assert opened == ["mmzero_env/selfcheck/selftest.py", "recipe/mmzero/run/processes/warm.py"]
    assert "AF_UNIX" in (ROOT / opened[1]).read_text() and '"127.0.0.1"' in (ROOT / opened[0]).read_text()
    server = FaultServer(lambda body: ["\\boxed{1}"] * body["n"])

    async def ask():
        async with serve(server), PeerClient([server.url], "m") as client:
            await Judge(client, PromptTemplates.default(), votes=1).answers("?", png())

    asyncio.run(ask())
    urls = re.findall(r"(?:file|http|https|data):[^'\"]{0,20}", str(server.bodies))
    assert urls and all(url.startswith("data:image/png;base64,") for url in urls)
