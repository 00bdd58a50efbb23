"""A checkpoint behind an OpenAI-compatible address: `vllm serve` in a process tree of its own, or a server of yours.

The tree carries a token (run/processes/tree.py): it is ended by id, and it ends itself when this process is killed.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recipe.mmzero.run.evaluate.asking.server_child import STARTS
from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.run.evaluate.suite import Suite
from recipe.mmzero.run.processes import tree
from recipe.mmzero.settings.environment import ALL, CPU

POLL_S = 0.5
CHILD = "recipe.mmzero.run.evaluate.asking.server_child"


@dataclass(frozen=True)
class Serving:
    """How checkpoints are served. gpus: 0 on a machine without. extra: words for `vllm serve` after ours."""

    gpus: int
    extra: Sequence[str] = ()
    start_s: float = 1800.0


class Server:
    """A served checkpoint; a context manager that ends it. `address` is set once it answers."""

    def __init__(self, model: Path | str, label: str, suite: Suite, pictures: int, serving: Serving, log: Path):
        self.model, self.label, self.suite, self.pictures = model, label, suite, pictures
        self.serving, self.log = serving, log
        self.address = ""
        self._process: subprocess.Popen | None = None
        self._token = ""

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *exc) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            EvaluationError: it ended or did not answer in time; the last line of its log is in the message.
        """
        port = free_port()
        self._token = tree.new_token()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            CHILD,
            *arguments(self.model, self.label, self.suite, self.pictures, self.serving, port),
        ]
        self._process = tree.start(command, self._token, self.log, environment(self.serving))
        try:
            self._wait(f"http://127.0.0.1:{port}/v1/models")
        except BaseException:
            self.stop()
            raise
        self.address = f"127.0.0.1:{port}"

    def _wait(self, url: str) -> None:
        deadline = time.monotonic() + self.serving.start_s
        while time.monotonic() < deadline:
            if not self.alive():
                raise EvaluationError(
                    f"{self.label}: its server ended while it started: {self.last_words()}; log: {self.log}"
                )
            try:
                with urllib.request.urlopen(url, timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(POLL_S)
        raise EvaluationError(
            f"{self.label}: its server did not answer within {self.serving.start_s:g} s; log: {self.log}"
        )

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ended(self, within_s: float) -> bool:
        """Does the server turn out to have ended? Its last processes need a moment."""
        deadline = time.monotonic() + within_s
        while self.alive() and time.monotonic() < deadline:
            time.sleep(POLL_S / 5)
        return not self.alive()

    def stop(self) -> None:
        """End all of its processes; nothing happens if it was never started.

        Raises:
            EvaluationError: one does not end.
        """
        if self._process is not None:
            process, self._process = self._process, None  # whoever calls this again need not wait again
            try:
                tree.end_step(self._token, root=process.pid, adopted=False)
            except tree.NotEnded as error:
                raise EvaluationError(f"{self.label}: its server: {error}; log: {self.log}") from None
            process.wait()
            process.stdin.close()

    def last_words(self) -> str:
        """The last error in the log of this start, else its last line."""
        lines = [
            line.strip() for line in self.log.read_text(errors="replace", encoding="utf-8").splitlines() if line.strip()
        ]
        lines = lines[-1 - lines[::-1].index(STARTS) :] if STARTS in lines else lines
        told = re.compile(r"(?<![\w`])\w*(Error|error): |\bERROR\b")
        errors = [line for line in lines if told.search(line) and not re.search(r"\b(WARNING|INFO)\b", line)]
        return " ".join((errors or lines or ["nothing in its log"])[-1].split())[-300:]


def arguments(model: Path | str, label: str, suite: Suite, pictures: int, serving: Serving, port: int) -> list[str]:
    """Words of `vllm serve`.

    Args:
        pictures: most pictures of one item.
    """
    words = ["serve", str(model), "--host", "127.0.0.1", "--port", str(port), "--served-model-name", label]
    words += ["--seed", str(suite.seed), "--limit-mm-per-prompt", json.dumps({"image": max(1, pictures), "video": 0})]
    words += ["--mm-processor-kwargs", json.dumps({"min_pixels": suite.pixels.min, "max_pixels": suite.pixels.max})]
    words += ["--generation-config", "vllm"]  # else sampling fields that a request lacks come from the model's folder
    if not serving.gpus:
        # as config/verl/cpu.yaml: its reasons are there
        words += ["--dtype", "float32", "--enforce-eager", "--no-enable-chunked-prefill"]
    elif serving.gpus > 1 and not any("parallel-size" in word for word in serving.extra):
        words += ["--data-parallel-size", str(serving.gpus)]
    return [*words, *serving.extra]


def environment(serving: Serving) -> dict[str, str]:
    """The environment of the server; the caller's own variables win."""
    added = dict(ALL) | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    if not serving.gpus:
        added |= CPU
    return added | dict(os.environ)


def free_port() -> int:
    """A port of loopback that the system gives."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
