"""One attempt of one step: start the stage process, watch for signs of life, end everything that it started.

The watchdog has two limits, `watchdog.startup_s` until the first sign of life and `watchdog.step_s` between two later
ones, or what run/hours.py gives slow steps. A step that exceeds one is ended after the Python stacks of all its
processes were written to its log.
"""

import contextlib
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recipe.mmzero.run import signals
from recipe.mmzero.run.processes import tree
from recipe.mmzero.run.processes.signs import Signs

POLL_S = 0.5
LAST_LINES = 25
UNUSABLE = 2  # exit code of a stage whose inputs or settings cannot work: trying again is useless


@dataclass(frozen=True)
class Ended:
    """How an attempt ended: exit `code` (128 + N for signal N), one line `cause` ("" if it succeeded), hung or not."""

    code: int
    cause: str
    hung: bool = False


def attempt(
    command: list[str],
    step_dir: Path,
    log: Path,
    token: str,
    signs: Signs,
    environment: dict[str, str],
    startup_s: float,
    step_s: float,
    grace_s: float,
    show: Callable[[str], None],
) -> Ended:
    """Run one attempt to its end. Whatever happens here, also Ctrl-C, no process of the step remains, or the run ends.

    Args:
        token: marks the step's processes (tree.new_token).
        show: gets a line whenever the step has made progress.
    Raises:
        NotEnded: a process of the step remains, as not even SIGKILL ends it (tree.py).
    """
    step_dir.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    started, stage, hung = time.monotonic(), None, ""
    try:
        stage = tree.start(command, token, log, environment)
        last, limit, name = started, startup_s, "watchdog.startup_s"
        while stage.poll() is None:
            alive, lines = signs.look()
            for line in lines:
                show(line)
            now = time.monotonic()
            if alive:
                last, limit, name = now, step_s, "watchdog.step_s"
            if now - last > limit:
                hung = (
                    f"no sign of life for {now - last:.0f} s ({name}={limit:g}); stacks of all processes are in {log}"
                )
                tree.dump_stacks(token, stage.pid, log)
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                stage.wait(POLL_S)
        for line in signs.look()[1]:
            show(line)
    finally:
        with signals.held():
            # Who succeeded has written everything: what is left of it (a forked driver leaves its Ray running) has
            # nothing to finish, and some of it does not listen to SIGTERM.
            succeeded = stage is not None and stage.poll() == 0
            tree.end_step(token, stage and stage.pid, 0.0 if hung or succeeded else grace_s)
            if stage is not None:
                stage.wait()  # at once: `end_step` has seen it end
                stage.stdin.close()
    if hung:
        return Ended(1, hung, hung=True)
    code = stage.returncode if stage.returncode >= 0 else 128 - stage.returncode
    return Ended(code, "" if code == 0 else cause_of(log, code))


ERROR_LINE = re.compile(r"^(?:\S+\s+)?(?:error: |(?:[\w.]+\.)?(?:\w*Error|\w*Failure|\w*Exception)\b)")
ANSI = re.compile(r"\x1b\[[0-9;]*m")
RAY_PREFIX = re.compile(r"^\([^)]*pid=\d+[^)]*\)\s*")


def cause_of(log: Path, code: int) -> str:
    """The most telling line of a failed attempt's log, in one line."""
    killed = f"ended by signal {code - 128}" if code > 128 else f"exit code {code}"
    candidates = [line for line in tail(log, 400) if ERROR_LINE.match(line)]
    ours = [line for line in candidates if "StageFailure" in line or line.startswith("error: ")]
    best = (ours or candidates or [""])[-1]
    return f"{best[:400]} ({killed})" if best else killed


def tail(log: Path, count: int = LAST_LINES) -> list[str]:
    """The last lines of a log, without colours and Ray's process prefix."""
    if not log.exists():
        return []
    with log.open("rb") as source:
        source.seek(max(0, log.stat().st_size - 256 * 1024))
        text = source.read().decode("utf-8", "replace")
    lines = [RAY_PREFIX.sub("", ANSI.sub("", line)).rstrip() for line in text.splitlines()]
    return [line for line in lines if line.strip()][-count:]
