"""Calls that the servers of a stage get at once: two batches of what they hold (machine/forecast/calls.py)."""

import math

import pytest

from recipe.mmzero.machine.capacity import layout_of, model_of
from recipe.mmzero.machine.forecast.calls import calls_at_once
from recipe.mmzero.machine.gpu_memory import requests_at_once
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.checks.layout import PEERS

LATER = {"proposer": "p", "coder": "c", "solver": "s"}
SEVEN = "model=qwen2_5_vl_7b"


@pytest.mark.parametrize(
    ("words", "stage", "expected"),
    [
        ((), "collect_solver", {"proposer": 512, "coder": 512, "solver": 52}),  # 51.2: the last batch is full
        (("hardware.stages.collect_solver.peer_max_num_seqs=4",), "collect_solver", {"solver": 1}),
        ((), "coder", {"solver": math.ceil(2 * 256 / 5)}),
        # 1 + 2 + 5 servers of 256 sequences; one code and ten votes a call.
        ((SEVEN, "hardware=gpu8x80"), "collect_solver", {"proposer": 512, "coder": 1024, "solver": 256}),
        ((SEVEN, "hardware=gpu8x80"), "collect_coder", {"coder": 2 * 4 * 256 // 4}),
        # Of a training step, each of eight reward workers sends its share.
        ((SEVEN, "hardware=gpu8x80", "hardware.cores=128"), "coder", {"solver": math.ceil(2 * 4 * 256 / 5 / 8)}),
        ((SEVEN, "hardware=gpu8x80", "hardware.cores=128"), "solver", {}),
    ],
)
def test_calls_are_two_batches(words, stage, expected):
    found = calls_at_once(schema.load(list(words)), stage, LATER)
    assert set(found) == set(PEERS[stage]) and found.items() >= expected.items()


def test_roles_with_one_checkpoint_share_its_servers():
    """In the first iteration seven servers of the base answer for Coder and Solver."""
    found = calls_at_once(schema.load([SEVEN, "hardware=gpu8x80"]), "collect_solver", LATER | {"coder": "s"})
    assert found == {"proposer": 512, "coder": 2 * 7 * 256, "solver": math.ceil(2 * 7 * 256 / 10)}


@pytest.mark.parametrize(("model", "profile"), [("qwen3_vl_8b", "gpu1x40"), ("mimo_vl_7b", "gpu1x40")])
def test_memory_may_hold_fewer(model, profile):
    """One server with all adapters: 256 are allowed, and its cache holds a few dozen."""
    config = schema.load([f"model={model}", f"hardware={profile}"])
    calls = calls_at_once(config, "collect_coder", LATER)["coder"]
    layout = layout_of(config, "collect_coder")
    tokens = config.forecast.prompt_tokens.coder + config.forecast.response_tokens.coder
    held = int(requests_at_once(model_of(config), layout, peer=True) * layout.peer_context / tokens)
    assert held < 60 and calls == math.ceil(2 * held / 4)
