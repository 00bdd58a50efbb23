"""Reward managers on hand-made verl batches, with a real HTTP server as peer; no Ray, no model."""

# ruff: noqa: E402  (imports follow the skips)

import asyncio
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web

pytest.importorskip("verl", reason="the managers are verl's face of mmzero_rewards")
torch = pytest.importorskip("torch")
from omegaconf import OmegaConf
from tensordict import TensorDict
from verl import DataProto

from mmzero_env import RenderEnvError
from mmzero_rewards.managers import roles as managers
from mmzero_rewards.managers.roles import CoderRewardManager, ProposerRewardManager, SolverRewardManager
from tests.support.fault_server import FaultServer, has_picture, png, question_of, serve

FIELDS = {
    "content_type": "geometry",
    "caption": "a red square",
    "easy_question": "What colour?",
    "easy_answer": "red",
    "hard_question": "How many corners?",
    "hard_answer": "17",
}
PROPOSAL = "".join(f"<{name}>{value}</{name}>\n" for name, value in FIELDS.items())
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">'
    '<rect x="8" y="8" width="{0}" height="{0}" fill="red"/>{1}</svg>'
)


def drawing(size: int = 32, text: str = "") -> str:
    return f"```svg\n{SVG.format(size, text)}\n```"


class Characters:
    """A tokenizer with one token per character."""

    def encode(self, text: str) -> list[int]:
        return [ord(character) for character in text] or [0]

    def decode(self, ids, skip_special_tokens: bool = True) -> str:
        return "".join(chr(int(one)) for one in ids if int(one))


def row(response: str | list[str], with_lengths: bool = True, **columns) -> DataProto:
    """What verl's agent loop hands over for one roll-out (experimental/agent_loop/agent_loop.py, _compute_score)."""
    texts = [response] if isinstance(response, str) else response
    prompts = [torch.tensor(Characters().encode("prompt")) for _ in texts]
    responses = [torch.tensor(Characters().encode(text)) for text in texts]

    def pad(tensors):
        return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=0)

    joined = [torch.cat(pair) for pair in zip(prompts, responses, strict=True)]
    batch = {
        "prompts": pad(prompts),
        "responses": pad(responses),
        "input_ids": pad(joined),
        "attention_mask": pad([torch.ones_like(one) for one in joined]),
    }
    columns = {"data_source": "test", "raw_prompt": [{"role": "user", "content": "x"}], "index": 3} | columns
    tool = columns.pop("tool_extra_fields", {})
    extra = {name: np.array([value] * len(texts)) for name, value in columns.items()}
    extra["tool_extra_fields"] = np.array([tool] * len(texts), dtype=object)
    if with_lengths:
        extra["prompt_len"] = np.array([len(one) for one in prompts])
        extra["response_len"] = np.array([len(one) for one in responses])
    return DataProto(batch=TensorDict(batch, batch_size=len(texts)), non_tensor_batch=extra)


def make(cls, settings: dict | None = None):
    config = OmegaConf.create({"reward": {"reward_kwargs": settings} if settings is not None else {}})
    return cls(config, Characters(), None, reward_router_address=None, reward_model_tokenizer=None)


def run(manager, *rows):
    """All rows at once in one event loop; results in order."""

    async def everything():
        try:
            return await asyncio.gather(*[manager.run_single(one) for one in rows])
        finally:
            await manager.close()

    return asyncio.run(everything())


def peer(body: dict) -> list[str]:
    """A Coder that draws and a Solver: easy always right, hard split in halves, blind always "17"."""
    text, n = question_of(body), body["n"]
    if "a red square" in text:
        return [drawing(30 + index % 2) for index in range(n)]
    if not has_picture(body):
        return [r"\boxed{17}"] * n
    if text.startswith("What colour?"):
        return [r"<think>x</think>\boxed{Red.}"] * n
    return [rf"\boxed{{{5 + index % 2}}}" for index in range(n)]


def test_addresses_may_be_written_after_the_manager_has_started(tmp_path):
    """The trained role's server answers for its peers, and starts after the reward workers."""
    server, file = FaultServer(peer), tmp_path / "addresses.txt"

    async def everything():
        manager = make(CoderRewardManager, {"peers": {"solver": {"addresses_file": str(file), "model": "m"}}})
        async with serve(server):
            file.write_text(f"{server.url}\n")
            try:
                return await manager.run_single(row(drawing(), extra_info=FIELDS))
            finally:
                await manager.close()

    result = asyncio.run(everything())
    assert result["reward_extra_info"]["dropped"] == 0.0 and server.bodies


def with_peers(cls, rows, server=None, votes=4, samples=4, close=True, **settings):
    server = server or FaultServer(peer)

    async def everything():
        async with serve(server):
            peers = {"solver": {"base_url": server.url, "model": "m", "votes": votes}}
            if cls is ProposerRewardManager:
                peers["coder"] = {"addresses": [server.url], "model": "m", "samples": samples}
            manager = make(cls, {"peers": peers} | settings)
            try:
                return await asyncio.gather(*[manager.run_single(one) for one in rows])
            finally:
                await manager.close()

    return asyncio.run(everything())


def sample(result: dict) -> dict:
    return json.loads(result["reward_extra_info"]["mmzero_sample"])


def terms(result: dict) -> dict:
    return {key: value for key, value in result["reward_extra_info"].items() if key != "mmzero_sample"}


# --- the row ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "response, score",
    [
        (r"<think>a</think>\boxed{12}", 1.0),
        (r"it is \boxed{12.0}", 0.9),
        (r"<think>a</think>\boxed{13}", 0.1),
        ("twelve", 0.0),
    ],
)
def test_solver_scores(response, score):
    (result,) = run(make(SolverRewardManager), row(response, reward_model={"ground_truth": "12"}))
    assert result["reward_score"] == pytest.approx(score)
    assert result["reward_extra_info"]["dropped"] == 0.0


@pytest.mark.parametrize(
    "columns",
    [
        {"reward_model": {"style": "rule", "ground_truth": "12"}},  # verl's standard column
        {"reward_model": {"ground_truth": 12}},  # a number
        {"reward_model": {"ground_truth": np.str_("12")}},
        {"reward_model": '{"ground_truth": "12"}'},  # a JSON string: how lists survive verl's array wrapping
        {"reward_model": {"ground_truth": "12"}, "extra_info": {"tags": ["a", "b"]}},
        {"reward_model": {"ground_truth": "12"}, "labels": ["a", "b"]},  # arrives as a 2-D array
    ],
)
def test_columns_as_verl_hands_them_over(columns):
    (result,) = run(make(SolverRewardManager), row(r"<think></think>\boxed{12}", **columns))
    assert result["reward_score"] == 1.0


@pytest.mark.parametrize("with_lengths", [True, False])
def test_padding_is_not_part_of_the_response(with_lengths):
    outputs = [r"<think>long text</think>\boxed{1} and more"] * with_lengths + [r"<think></think>\boxed{12}"]
    (result,) = run(make(SolverRewardManager), row(outputs, with_lengths, reward_model={"ground_truth": "12"}))
    assert result["reward_score"] == 1.0, "the last output is scored"


def test_solver_without_label_scores_format_only():
    (result,) = run(make(SolverRewardManager), row(r"<think></think>\boxed{12}", reward_model={"ground_truth": None}))
    assert result["reward_score"] == pytest.approx(0.1) and sample(result)["answer"] == "12"


def test_ground_truth_that_is_not_one_answer_is_an_error():
    with pytest.raises(ValueError, match="ground_truth must be one short answer"):
        run(make(SolverRewardManager), row("x", reward_model={"ground_truth": {"a": 1}}))


@pytest.mark.parametrize("cls", [SolverRewardManager, CoderRewardManager, ProposerRewardManager])
def test_verl_loads_the_managers(cls):
    """Through verl's own composed config and loader, as the README and the examples say it."""
    from hydra import compose, initialize_config_module
    from verl.trainer.ppo.reward import load_reward_manager

    with initialize_config_module("verl.trainer.config", version_base=None):
        config = compose(
            "ppo_trainer",
            overrides=[
                "reward.reward_manager.source=importlib",
                "reward.reward_manager.module.path=pkg://mmzero_rewards.managers",
                f"reward.reward_manager.name={cls.__name__}",
                "+reward.reward_kwargs.preset=default",
                "+reward.reward_kwargs.peers.solver.base_url=http://127.0.0.1:1/v1",
                "+reward.reward_kwargs.peers.coder.addresses=[127.0.0.1:1]",
            ],
        )
    manager = load_reward_manager(config, Characters(), reward_router_address=None, reward_model_tokenizer=None)
    assert isinstance(manager, cls)


BOTH = {"solver": {"base_url": "a:1"}, "coder": {"base_url": "a:1"}}

# --- configuration ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cls, settings, message",
    [
        (
            SolverRewardManager,
            {"scorings": {}},
            r"reward_kwargs\.scorings'; did you mean 'reward.reward_kwargs\.scoring'",
        ),
        (
            SolverRewardManager,
            {"scoring": {"solver": {"format_wight": 1}}},
            r"solver\.format_wight.*solver\.format_weight",
        ),
        (SolverRewardManager, {"preset": "papr"}, "papr"),
        (SolverRewardManager, {"failures": {"max_retry": 1}}, r"failures\.max_retry'; did you mean.*max_retries"),
        (SolverRewardManager, {"render": {"timeout": 1}}, r"render\.timeout'; did you mean.*timeout_s"),
        (SolverRewardManager, {"peers": [1]}, r"peers must be a mapping"),
        (CoderRewardManager, {}, r"peers\.solver has no address; set .*base_url"),
        (CoderRewardManager, {"peers": {"solver": {"addresses": []}}}, r"peers\.solver has no address"),
        (CoderRewardManager, {"peers": {"judge": {}}}, r"peers\.judge"),
        (CoderRewardManager, {"peers": {"solver": {"url": "x"}}}, r"peers\.solver\.url'"),
        (CoderRewardManager, {"peers": {"solver": {"base_url": "a:1", "addresses": ["b:1"]}}}, "not both"),
        (
            CoderRewardManager,
            {"peers": {"solver": {"base_url": "a:1", "addresses_file": "f"}}},
            "in place of.*give one",
        ),
        (CoderRewardManager, {"peers": {"solver": {"base_url": "a:1", "sampling": {"topk": 1}}}}, r"sampling\.topk"),
        (ProposerRewardManager, {"peers": {"solver": {"base_url": "a:1"}}}, r"peers\.coder has no address"),
        (
            ProposerRewardManager,
            {"peers": BOTH, "prompts": {"coder": "draw {caption}, not {hard_answer}"}},
            r"prompts\.coder shows {hard_answer}, which coder\.prompt_fields=.* hides",  # not at the first sample
        ),
        (ProposerRewardManager, {"peers": BOTH, "prompt_fields": ["captoin"]}, r"unknown field 'captoin'"),
        (
            ProposerRewardManager,
            {"peers": BOTH, "prompts": {"field_lines": {"caption": "{value}"}}},
            r"field_lines has no line for easy_question",
        ),
    ],
)
def test_wrong_settings_are_one_line(cls, settings, message):
    with pytest.raises(ValueError, match=message) as caught:
        make(cls, settings)
    assert "\n" not in str(caught.value)


def test_settings_reach_the_requests(tmp_path):
    server = FaultServer(peer)
    with_peers(
        CoderRewardManager,
        [row(drawing(), extra_info=FIELDS)],
        server,
        votes=3,
        image={"min_pixels": 100, "max_pixels": 10000},
        prompts={"solver": "{question} Answer briefly."},
    )
    for body in server.bodies:
        assert body["n"] == 3 and body["top_k"] == 40 and body["temperature"] == 1.0
        assert body["mm_processor_kwargs"] == {"min_pixels": 100, "max_pixels": 10000}
        assert question_of(body).endswith("Answer briefly.")


# --- Coder -----------------------------------------------------------------------------------------------------------


def test_coder_scores_what_the_solver_sees():
    (result,) = with_peers(CoderRewardManager, [row(drawing(), extra_info=FIELDS)])
    assert result["reward_score"] == pytest.approx(1 + 1 + 0.5)  # drawn, easy always right, hard split in halves
    record = sample(result)["drawings"][0]
    assert record["status"] == "ok" and record["easy_votes"] == ["Red."] * 4 and record["hard_votes"] == list("5656")


@pytest.mark.parametrize(
    "response, score, status",
    [
        ("I cannot draw", -0.5, "no_code"),
        (drawing()[:-20], -0.5, "no_code"),  # cut off
        ("```svg\n<svg><rect</svg>\n```", -0.1, "syntax_error"),
    ],
)
def test_coder_model_failures_are_scores_and_ask_nobody(response, score, status):
    server = FaultServer(peer)
    (result,) = with_peers(CoderRewardManager, [row(response, extra_info=FIELDS)], server)
    assert result["reward_score"] == pytest.approx(score)
    assert terms(result)["dropped"] == 0.0 and not server.bodies
    assert sample(result)["status"] == status


def test_coder_pays_for_a_leak():
    leaky = drawing(32, '<text x="2" y="60">total 17</text>')
    (result,) = with_peers(CoderRewardManager, [row(leaky, extra_info=FIELDS)])
    assert terms(result)["leak"] == 1.0 and result["reward_score"] == pytest.approx(2.5 - 0.3)


def test_coder_uses_what_the_rollout_worker_rendered(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(png())
    monkeypatch.setattr(managers, "RenderEnv", None)  # starting a renderer would fail
    tool = {"render": {"status": "OK", "image": str(tmp_path / "a.png"), "drawn_text": ["17"]}}
    (result,) = with_peers(CoderRewardManager, [row(drawing(), extra_info=FIELDS, tool_extra_fields=tool)])
    assert terms(result)["render"] == 1.0 and terms(result)["leak"] == 1.0


def test_coder_row_without_questions_is_an_error():
    with pytest.raises(ValueError, match="extra_info lacks easy_question"):
        with_peers(
            CoderRewardManager, [row(drawing(), extra_info={k: v for k, v in FIELDS.items() if k != "easy_question"})]
        )


def test_lost_renderer_drops_the_sample(monkeypatch):
    class Lost:
        def __init__(self, config):
            pass

        def __enter__(self):
            raise RenderEnvError("workers lost")

    monkeypatch.setattr(managers, "RenderEnv", Lost)
    (result,) = with_peers(CoderRewardManager, [row(drawing(), extra_info=FIELDS)])
    assert result["reward_score"] == 0.0
    assert terms(result)["dropped"] == terms(result)["render_failures"] == 1.0
    assert sample(result)["failure"] == "workers lost" and sample(result)["status"] == "dropped"


def test_pictures_are_files_and_records_are_paths(tmp_path):
    rows = [row(drawing(), extra_info=FIELDS), row(drawing() + " ", extra_info=FIELDS)]
    first, second = with_peers(CoderRewardManager, rows, dump_dir=str(tmp_path))
    image = sample(first)["drawings"][0]["image"]
    assert image == sample(second)["drawings"][0]["image"] and image.startswith("images/")
    assert [path.name for path in (tmp_path / "images").iterdir()] == [Path(image).name]
    assert len(sample(first)["drawings"][0]["picture_hash"]) == 64
    assert "base64" not in first["reward_extra_info"]["mmzero_sample"]


# --- Proposer --------------------------------------------------------------------------------------------------------


def test_proposer_gathers_codes_pictures_and_votes():
    server = FaultServer(peer)
    (result,) = with_peers(
        ProposerRewardManager, [row(PROPOSAL)], server, scoring={"checks": {"blind": {"fraction": 0.0}}}
    )
    assert result["reward_score"] == pytest.approx(0.5 + 0.5)
    assert terms(result)["num_codes"] == terms(result)["num_rendered"] == 4.0
    pictures = [body for body in server.bodies if has_picture(body)]
    assert len(pictures) == 4, "two distinct pictures x two questions"
    assert len(server.bodies) == 5, "and one request for all four codes"
    record = sample(result)
    assert record["proposal"] == FIELDS and len(record["drawings"]) == 4
    assert "17" not in question_of(next(body for body in server.bodies if not has_picture(body)))


def test_proposer_format_error_is_a_score_and_asks_nobody():
    server = FaultServer(peer)
    (result,) = with_peers(ProposerRewardManager, [row("<caption>x</caption>")], server)
    assert result["reward_score"] == -1.0 and terms(result)["format_ok"] == 0.0 and not server.bodies
    assert sample(result)["status"] == "format_error" and sample(result)["proposal"] is None


@pytest.mark.parametrize("fraction, asked", [(1.0, True), (0.0, False)])
def test_blind_check(fraction, asked):
    scoring = {"checks": {"blind": {"fraction": fraction}}}
    (result,) = with_peers(ProposerRewardManager, [row(PROPOSAL)], scoring=scoring)
    assert math.isfinite(terms(result)["blind_rate"]) is asked
    assert (sample(result)["blind_votes"] == ["17"] * 4) is asked


def test_blind_share_is_deterministic_and_about_right():
    rows = [row(PROPOSAL.replace("red square", f"red square {i}"), index=i) for i in range(60)]
    scoring = {"checks": {"blind": {"fraction": 0.5}}}
    first, second = [with_peers(ProposerRewardManager, rows, samples=1, scoring=scoring) for _ in range(2)]
    asked = [sample(result)["blind_votes"] is not None for result in first]
    assert asked == [sample(result)["blind_votes"] is not None for result in second]
    assert 15 <= sum(asked) <= 45


def test_requests_depend_on_seed_and_row_only():
    def seeds(seed, *rows):
        server = FaultServer(peer)
        with_peers(ProposerRewardManager, rows, server, seed=seed)
        return sorted(body["seed"] for body in server.bodies)

    assert seeds(1, row(PROPOSAL)) == seeds(1, row(PROPOSAL))
    assert seeds(1, row(PROPOSAL)) != seeds(2, row(PROPOSAL))
    assert seeds(1, row(PROPOSAL)) != seeds(1, row(PROPOSAL, extra_info={"index": 9}))
    assert seeds(1, row(PROPOSAL), row(PROPOSAL)) == seeds(1, row(PROPOSAL)), "asked once for two identical roll-outs"


# --- infrastructure --------------------------------------------------------------------------------------------------


def test_every_sample_has_the_same_numeric_keys():
    keys = set()
    for response in [PROPOSAL, "no tags"]:
        for error in [0.0, 1.0]:
            server = FaultServer(peer, error=error)
            (result,) = with_peers(ProposerRewardManager, [row(response)], server, failures={"max_retries": 0})
            assert all(isinstance(value, float) for value in terms(result).values())
            keys.add(frozenset(terms(result)))
    assert len(keys) == 1


def test_dropped_sample_keeps_its_proposal_and_names_the_address():
    (result,) = with_peers(
        ProposerRewardManager, [row(PROPOSAL)], FaultServer(peer, error=1.0), failures={"max_retries": 1}
    )
    assert result["reward_score"] == 0.0 and terms(result)["dropped"] == terms(result)["peer_failures"] == 1.0
    assert math.isnan(terms(result)["score"]), "no number pretends to be a score"
    assert sample(result)["proposal"] == FIELDS, "the batch terms still count it"
    assert "peer coder at http://127.0.0.1:" in sample(result)["failure"]


class Refusing(FaultServer):
    """Answers 400 to requests for which `refuses(text of the prompt)`."""

    refuses = staticmethod(lambda text: False)

    async def chat(self, request):
        if self.refuses(question_of(await request.json())):
            return web.Response(status=400, text="maximum context length exceeded")
        return await super().chat(request)


def refusing(refuses) -> Refusing:
    server = Refusing(peer)
    server.refuses = refuses
    return server


def test_a_proposal_that_the_coder_refuses_is_the_models_failure():
    """B14: as in the collection. No code was written, so nothing draws; siblings are scored as ever."""
    other = row(PROPOSAL.replace("a red square", "the other: a red square"))
    results = with_peers(
        ProposerRewardManager,
        [row(PROPOSAL.replace("a red", "LONG a red")), other],
        refusing(lambda text: "LONG" in text),
    )
    assert [result["reward_score"] for result in results] == pytest.approx([-0.3, 1.0])
    assert [terms(result)["dropped"] for result in results] == [0.0, 0.0]
    record = sample(results[0])
    assert (
        record["status"] == "refused_prompt" and [one["status"] for one in record["drawings"]] == ["refused_prompt"] * 4
    )
    assert sum(terms(result)["peers/refused"] for result in results) == 1.0


@pytest.mark.parametrize("cls, paid", [(CoderRewardManager, 1 + 1), (ProposerRewardManager, 0.5 - 0.3)])
def test_a_question_that_the_solver_refuses_has_no_answer(cls, paid):
    fields = FIELDS | {"hard_question": "LONG?"}
    text = drawing() if cls is CoderRewardManager else PROPOSAL.replace("How many corners?", "LONG?")
    scoring = {"checks": {"blind": {"fraction": 1.0}}}
    (result,) = with_peers(
        cls, [row(text, extra_info=fields)], refusing(lambda text: text.startswith("LONG?")), scoring=scoring
    )
    assert result["reward_score"] == pytest.approx(paid) and terms(result)["dropped"] == 0.0
    record = sample(result)
    assert record["status"] == "refused_prompt" and record["drawings"][0]["hard_votes"] == [None] * 4
    assert record["drawings"][0]["easy_votes"] == ["Red."] * 4


@pytest.mark.parametrize("status", [401, 404])
def test_a_wrong_key_or_model_is_not_the_models_failure(status):
    class Wrong(FaultServer):
        async def chat(self, request):
            return web.Response(status=status, text="no such model")

    (result,) = with_peers(CoderRewardManager, [row(drawing(), extra_info=FIELDS)], Wrong(peer))
    assert terms(result)["dropped"] == 1.0 and f"HTTP {status}" in sample(result)["failure"]


def test_what_asking_took_is_counted_once():
    """B13: `peers/*` of the samples add up to what the servers saw."""
    server = FaultServer(peer, error=0.3, seed=3)
    rows = [row(drawing(8 + i), extra_info=FIELDS | {"index": i}) for i in range(12)]
    results = with_peers(CoderRewardManager, rows, server, failures={"max_retries": 8})
    sums = Counter()
    for result in results:
        sums.update({name: value for name, value in terms(result).items() if name.startswith("peers/")})
    assert sums["peers/requests"] == sums["peers/answered"] == 24 and sums["peers/failed"] == 0
    assert sums["peers/attempts"] == server.seen["ok"] + server.seen["error"] > 24
    assert sums["peers/faults"] == server.seen["error"] == sums["peers/retries"]


def test_no_reward_comes_from_a_failure():
    """200 samples, 10% dropped connections, 10% 5xx, 5% hangs: each is scored as without faults, or dropped."""
    rows = [row(drawing(8 + i % 40), extra_info=FIELDS | {"index": i}) for i in range(200)]
    clean = with_peers(CoderRewardManager, rows)
    server = FaultServer(peer, drop=0.10, error=0.10, hang=0.05, seed=1, latency_s=0.005)
    faulty = with_peers(CoderRewardManager, rows, server, failures={"max_retries": 3, "timeout_s": 30})
    outcomes = Counter()
    for expected, got in zip(clean, faulty, strict=True):
        if terms(got)["dropped"]:
            outcomes["dropped"] += 1
            assert got["reward_score"] == 0.0 and "http://127.0.0.1" in sample(got)["failure"]
        else:
            outcomes["scored"] += 1
            assert got["reward_score"] == expected["reward_score"] == pytest.approx(2.5)
            assert sample(got)["drawings"] == sample(expected)["drawings"]
    assert outcomes["scored"] + outcomes["dropped"] == 200 and outcomes["dropped"] <= 2, outcomes
    assert server.seen["drop"] > 15 and server.seen["error"] > 15 and server.seen["hang"] > 5, server.seen


def test_all_peers_gone_drops_every_sample():
    rows = [row(drawing(), extra_info=FIELDS | {"index": i}) for i in range(50)]

    async def everything():
        manager = make(
            CoderRewardManager,
            {
                "peers": {"solver": {"base_url": "127.0.0.1:9", "model": "m"}},
                "failures": {"max_retries": 1, "timeout_s": 5},
            },
        )
        try:
            return await asyncio.gather(*[manager.run_single(one) for one in rows])
        finally:
            await manager.close()

    results = asyncio.run(everything())
    assert all(terms(result)["dropped"] == 1.0 and "127.0.0.1:9" in sample(result)["failure"] for result in results)


def test_a_programming_error_raises():
    manager = make(SolverRewardManager)
    manager.rewards = None  # any bug inside the manager
    with pytest.raises(AttributeError):
        run(manager, row("x", reward_model={"ground_truth": "1"}))


# --- the caption in place of the picture (docs/method.md §10) --------------------------------------------------------

VERIFIED = {"preset": "verified", "scoring": {"verify": {"votes": 3, "max_tokens": 99}}}


class Listening(FaultServer):
    """Answers as `peer` does, captions with what they say, and keeps the requests about captions."""

    def __init__(self):
        super().__init__(self.answer)
        self.captions: list[dict] = []

    def answer(self, body: dict) -> list[str]:
        text = question_of(body)
        if "shows exactly this" not in text:
            return peer(body)
        self.captions.append(body)
        return [rf"<think></think>\boxed{{{'red' if 'What colour?' in text else '5'}}}"] * body["n"]


def test_proposer_asks_about_the_caption_where_a_code_draws():
    server = Listening()
    (result,) = with_peers(ProposerRewardManager, [row(PROPOSAL)], server, **VERIFIED)
    assert [(body["n"], body["max_tokens"], has_picture(body)) for body in server.captions] == [(3, 99, False)] * 2
    assert all("a red square" in question_of(body) for body in server.captions)
    assert len({body["seed"] for body in server.captions}) == 2
    found = terms(result)
    assert (found["text_consistency"], found["text_easy_agrees"], found["text_hard_agrees"]) == (1.0, 1.0, 0.0)
    assert found["mean_solvability"] == 1.0 and found["mean_difficulty"] == 0.0, "nobody says the Proposer's 17"
    assert sample(result)["text_hard_votes"] == ["5"] * 3
    silent = Listening()
    (off,) = with_peers(ProposerRewardManager, [row(PROPOSAL)], silent)
    assert not silent.captions and math.isnan(terms(off)["text_consistency"]) and "text_hard_votes" not in sample(off)


def test_coder_reads_the_captions_answers_from_its_row_or_asks():
    server, told = Listening(), {"text_easy_votes": ["red"] * 3, "text_hard_votes": np.array(["6", "6", None], object)}
    brought, asked = (row(drawing(), extra_info=FIELDS | more) for more in (told, {}))
    results = with_peers(CoderRewardManager, [brought], server, **VERIFIED)
    assert not server.captions and sample(results[0])["text_hard_votes"] == ["6", "6", None]
    assert results[0]["reward_score"] == pytest.approx(1.0 + (1.0 + 0.5) / 2), (
        "half of the answers to the picture are 6"
    )
    results = with_peers(CoderRewardManager, [asked, row("no code", extra_info=FIELDS)], server, **VERIFIED)
    assert len(server.captions) == 2, "nothing drawn, nothing asked"
    assert terms(results[0])["text_trusted"] == 1.0 and terms(results[0])["difficulty"] == 0.0


def test_a_caption_that_the_server_refuses_is_no_answer():
    class Refusing(Listening):
        def answer(self, body):
            if "shows exactly this" in question_of(body):
                raise web.HTTPBadRequest(text="too long")
            return peer(body)

    (result,) = with_peers(ProposerRewardManager, [row(PROPOSAL)], Refusing(), **VERIFIED)
    found = terms(result)
    assert found["dropped"] == 0.0 and (found["text_consistency"], found["mean_solvability"]) == (0.0, 0.0)
