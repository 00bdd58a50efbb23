"""A busy machine is no failure of the code: the time in which a snippet's process could run and had no core."""

import contextlib
import os
import re
import socket
import subprocess
import sys

import pytest

from mmzero_env import RenderConfig, RenderEnv, RenderEnvError, RenderRequest, RenderStatus
from mmzero_env.process import exchange
from tests.env.test_env import children, drawing, templates, wait_for

DRAW = "from PIL import Image\nImage.linear_gradient('L').show()\n"
SLEEPS = RenderRequest("import time; time.sleep(60)", "python")
CORE = max(os.sched_getaffinity(0))


@contextlib.contextmanager
def crowd(count=4):
    """Processes that want all of CORE, each in a session of its own: some kernels share a core among sessions."""
    words = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(words, start_new_session=True) for _ in range(count)]
    try:
        for one in busy:
            os.sched_setaffinity(one.pid, {CORE})
        yield
    finally:
        for one in busy:
            one.kill()
            one.wait()


@contextlib.contextmanager
def in_a_crowd(monkeypatch, **limits):
    """A renderer of Python whose processes share CORE with the crowd, and that gives back what they wait for it."""
    if not exchange.waited_s(os.getpid()):
        pytest.skip("this kernel does not count what a process waits for a core")
    monkeypatch.setattr(exchange, "MOST_WALL", 1000)  # the machine may be busy with other things, too
    with RenderEnv(RenderConfig(workers=1, **limits)) as one:
        one.render(RenderRequest("1", "python"))
        for process in templates(one) + children(one):  # what a template forks from now on inherits it
            with contextlib.suppress(ProcessLookupError):  # the one that has just been used
                os.sched_setaffinity(process.pid, {CORE})
        with crowd():
            yield one


def test_code_that_waits_for_a_core_does_not_run_out_of_time(monkeypatch):
    code = RenderRequest(f"import time\nwhile time.process_time() < 0.8: pass\n{DRAW}", "python")
    with in_a_crowd(monkeypatch, timeout_s=2.0) as one:
        result = one.render(code)
    assert result.ok, result
    assert result.wall_s > 2.0, "it had its core, so this tests nothing"


def test_code_that_sleeps_gets_nothing_back(monkeypatch):
    with in_a_crowd(monkeypatch, timeout_s=0.5) as one:
        result = one.render(SLEEPS)
    assert result.status is RenderStatus.TIMEOUT and "timeout_s" in result.message and result.wall_s < 20


def test_waiting_counts_once(monkeypatch):
    """The kernel's number is that of the whole life: what was given back is not given again."""
    monkeypatch.setattr(exchange, "waited_s", lambda pid: 0.7)
    with RenderEnv(RenderConfig(workers=1, timeout_s=0.3)) as one:
        result = one.render(SLEEPS)
    assert result.status is RenderStatus.TIMEOUT and result.wall_s >= 0.3 + 0.7 - exchange.WAITED_S


def test_a_machine_without_a_core_to_spare_is_no_status(monkeypatch):
    asked = []
    monkeypatch.setattr(exchange, "waited_s", lambda pid: asked.append(pid) or 1e6)
    with RenderEnv(RenderConfig(workers=1, timeout_s=0.2)) as one:
        with pytest.raises(RenderEnvError, match=r"had no core for .*remedy") as error:
            one.render(SLEEPS)
        took = re.search(r"core for \S+ of (\S+) s", str(error.value))
        assert float(took[1]) >= exchange.MOST_WALL * 0.2 and "\n" not in str(error.value)
        wait_for(lambda: asked[0] not in [child.pid for child in children(one)])


def test_nobody_asks_while_there_is_time(monkeypatch):
    asked = []
    monkeypatch.setattr(exchange, "waited_s", lambda pid: asked.append(pid) or 0.0)
    with RenderEnv(RenderConfig(workers=1, timeout_s=60.0)) as one:
        assert one.render(drawing()).ok and not asked


def test_where_the_kernel_does_not_say_it_nothing_is_given_back():
    assert exchange.waited_s(1 << 30) == 0.0


def test_what_was_waited_before_the_owner_was_stopped_is_not_given_back():
    """Then the time begins again, and with it what counts as waiting."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = exchange._Channel(ours, 60.0)
        channel.allow(0.2, lambda: 100.0)
        channel._deadline -= 60.0
        with pytest.raises(TimeoutError):
            channel.receive(1)
