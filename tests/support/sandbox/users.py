"""Runners as root, as root without capabilities and as an unprivileged user, or under other circumstances."""

import base64
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

HERE = Path(__file__).resolve().parent
SECRET = "swordfish-7391"
CONFIG = {"workers": 1, "timeout_s": 3.0, "cpu_s": 1.0, "memory_mb": 512, "scratch_mb": 8}


@dataclass(frozen=True)
class Answer:
    """One rendering and what it did to the process that asked for it."""

    status: str
    message: str
    text: list[str]
    size: list[int]
    wall_s: float
    png: str | None
    pid: int
    rss_mb: float
    descriptors: int
    threads: int

    def image(self) -> Image.Image:
        return Image.open(io.BytesIO(base64.b64decode(self.png)))

    def says(self) -> str:
        return " ".join([*self.text, self.message])


class Runner:
    """runner.py in a process of `user` (circumstances.py; "me": as this process is) and under `case`."""

    def __init__(self, user: str, case: dict[str, Any] | None = None, **config: Any):
        case = case or {}
        command = [sys.executable, str(HERE / "runner.py"), json.dumps(CONFIG | config), json.dumps(case)]
        if user != "me":
            case = {"user": user} | case
            command = [sys.executable, str(HERE / "circumstances.py"), json.dumps(case), *command]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"MMZERO_SECRET": SECRET},
            text=True,
        )
        line = self.process.stdout.readline()
        self.hello = json.loads(line) if line else {"error": self.process.stderr.read()[-500:]}

    def render(self, code: str, language: str) -> Answer:
        said = self.try_render(code, language)
        assert "error" not in said, said
        return Answer(**said)

    def try_render(self, code: str, language: str) -> dict[str, Any]:
        """The fields of an Answer, or {"error": what RenderEnvError said}."""
        self.process.stdin.write(json.dumps({"code": code, "language": language}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the runner ended: {self.process.stderr.read()[-2000:]}"
        return json.loads(line)

    def close(self) -> str:
        """End it; returns what it wrote on stderr."""
        _, said = self.process.communicate(timeout=30)
        return said


def start(user: str, case: dict[str, Any] | None = None, may_refuse: bool = False, **config: Any) -> Runner:
    """Skips, with the reason, where this user cannot be had here."""
    if (user != "nobody" or (case or {}).keys() & {"shm", "tmp", "without"}) and os.geteuid() != 0:
        pytest.skip("not started as root")
    if user == "nobody" and os.geteuid() != 0:
        user = "me"  # already unprivileged
    runner = Runner(user, case, **config)
    if "error" in runner.hello and user == "nobody" and "mount" in runner.hello["error"]:
        pytest.skip(f"no unprivileged user can run this interpreter: {runner.hello['error']}")
    assert may_refuse or "ready" in runner.hello, runner.hello
    return runner
