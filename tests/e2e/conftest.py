"""One small evolution on the real engine, interrupted once on the way; every test here reads it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import loop


@dataclass(frozen=True)
class Evolved:
    """A finished run and what was seen on the way."""

    run_dir: Path
    interrupted_code: int
    interrupted_s: float
    left_by_interrupt: list[str]
    left_at_end: list[str]
    console: str


@pytest.fixture(scope="session")
def evolved(tmp_path_factory) -> Evolved:
    run_dir = tmp_path_factory.mktemp("evolution") / "run"
    before = loop.traces()
    process = loop.start(run_dir)
    first_checkpoint = run_dir / "iter_01" / "proposer" / "checkpoints" / "latest_checkpointed_iteration.txt"
    loop.wait_until(process, run_dir, first_checkpoint.exists)
    code, seconds = loop.interrupt(process)
    left = loop.leftovers(run_dir) + loop.new_traces(before)
    again = loop.start(run_dir)
    loop.finish(again, run_dir)
    left_at_end = loop.leftovers(run_dir) + loop.new_traces(before)
    return Evolved(run_dir, code, seconds, left, left_at_end, loop.console(run_dir))
