"""One snippet, from the owner's side: code out, a checked result or a named failure back.

The wall-clock limit does not count the time in which a snippet's process could run and had no core: what else a machine
does must not become a failure of the code. When the limit is over, the kernel says how long that was, and the process
gets it back, until MOST_WALL times the limit are over. If it has not had its own time even then, nothing is known about
the code: an error of the environment and no status (results.py). What counts is that a core was missing: a process that
sleeps gets nothing back, and what it takes from the disk or from a slow core is its own time.
"""

import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from mmzero_env import wire
from mmzero_env.config import RenderConfig
from mmzero_env.draw.picture import encode_png, is_blank
from mmzero_env.process.cores import waited_s
from mmzero_env.process.spawner import STOPPED_S, Child, Ending, Spawner
from mmzero_env.results import RenderEnvError, RenderRequest, RenderResult, RenderStatus

READY_LIMIT_S = 60.0
MOST_LOST = 50  # more than all that wait at a time
LOST_PAUSE_S = 0.2
MOST_WALL = 5  # times render.timeout_s: a fifth of a core is enough for code that computes for all of its time
WAITED_S = 0.05  # not worth another look
NOT_RUN = "the wall-clock limit render.timeout_s={:g} is over"


class _Closed(Exception):
    """The channel ended before the result was complete."""


def exchange(spawner: Spawner, request: RenderRequest, config: RenderConfig) -> RenderResult:
    """Render `request` in a process of its own.

    A process that ends before it says that it starts the code says nothing about the code: another one gets it.

    Raises:
        RenderEnvError: a sandbox layer failed in the process or none lives long enough, so the code was not run; or it
            had no core for most of MOST_WALL times its limit.
        TemplateDied: the template is gone and the process with it.
    """
    code = request.code.encode("utf-8", "replace")
    for lost in range(MOST_LOST):
        child = spawner.take()
        channel = _Channel(child.channel, READY_LIMIT_S)
        try:
            _hand_over(channel, code)
        except _Closed:
            spawner.end(child)
            time.sleep(min(LOST_PAUSE_S, 0.01 * lost))
        except BaseException:
            spawner.end(child)
            raise
        else:
            result = _run(spawner, child, channel, config)
            return result if request.language == "python" else replace(result, answers=())
    raise RenderEnvError(
        f"{MOST_LOST} renderer processes in a row were killed while they waited for code; remedy: if memory is short "
        "(see the kernel log), lower render.workers"
    )


def _run(spawner: Spawner, child: Child, channel: "_Channel", config: RenderConfig) -> RenderResult:
    """The result of a child that has started its code; it is used up afterwards.

    Raises:
        TemplateDied: nobody can say how it ended.
        RenderEnvError: it could not run for most of its time.
    """
    start = time.monotonic()
    channel.allow(config.timeout_s, lambda: waited_s(child.pid))
    ended = False
    try:
        return _result(channel, config, start)
    except TimeoutError:
        return failed(RenderStatus.TIMEOUT, NOT_RUN.format(config.timeout_s), start)
    except wire.ProtocolError as error:
        return failed(RenderStatus.CRASH, str(error), start)
    except _Closed:
        ended = True
        status, message = classify(spawner.ending(child), config)
        return failed(status, message, start)
    finally:
        if not ended:
            spawner.end(child)


def failed(status: RenderStatus, message: str, start: float) -> RenderResult:
    return RenderResult(status, None, 0, 0, message, (), time.monotonic() - start)


def classify(ending: Ending, config: RenderConfig) -> tuple[RenderStatus, str]:
    """Why a child ended without a result.

    >>> classify(Ending(signal.SIGSEGV, 0.1, wire.ITSELF), RenderConfig())[1]
    'the process died of SIGSEGV'
    """
    if ending.ended_by == wire.OVERFULL:
        return RenderStatus.MEMORY, f"files of more than render.scratch_mb={config.scratch_mb} together"
    if ending.ended_by == wire.KILLED:
        return RenderStatus.CRASH, "the process closed its result channel and went on"
    if os.WIFEXITED(ending.status):
        return RenderStatus.CRASH, f"the process left with exit status {os.WEXITSTATUS(ending.status)} and no result"
    number = os.WTERMSIG(ending.status)
    out_of_time = number == signal.SIGKILL and ending.cpu_s >= config.cpu_s
    if number == signal.SIGXCPU or out_of_time:
        return RenderStatus.TIMEOUT, f"the CPU limit render.cpu_s={config.cpu_s:g} is used up"
    if number == signal.SIGKILL:
        return RenderStatus.MEMORY, "the kernel killed the process: out of memory"
    return RenderStatus.CRASH, f"the process died of {signal_name(number)}"


def signal_name(number: int) -> str:
    """
    >>> signal_name(11), signal_name(35)
    ('SIGSEGV', 'SIGRTMIN+1')
    """
    if number > signal.SIGRTMIN:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"
    try:
        return signal.Signals(number).name
    except ValueError:  # those that the C library keeps to itself
        return f"signal {number}"


def _hand_over(channel: "_Channel", code: bytes) -> None:
    """Returns when the code is about to run. Raises _Closed or RenderEnvError."""
    try:
        if channel.receive(1) == wire.FAILED:
            line = wire.unpack_message(channel.rest(wire.MAX_MESSAGE))
            raise RenderEnvError(f"a renderer process could not be isolated: {line}")
        channel.send(wire.CODE.pack(len(code)) + code)
        channel.receive(1)
    except TimeoutError:
        raise RenderEnvError(f"a renderer process was not ready within {READY_LIMIT_S:.0f} s") from None


def _result(channel: "_Channel", config: RenderConfig, start: float) -> RenderResult:
    header = wire.unpack_header(channel.receive(wire.HEADER.size), config.max_side, config.max_text_chars)
    texts = wire.unpack_texts(channel.receive(header.texts), config.max_text_chars)
    answers = wire.unpack_answers(channel.receive(header.answers))
    message = wire.unpack_message(channel.receive(header.message))
    pixels = channel.receive(header.pixels)
    if channel.rest(1):
        raise wire.ProtocolError("more came over the result channel than the result")
    wall_s = time.monotonic() - start
    status, png, width, height = header.status, None, header.width, header.height
    if status is RenderStatus.OK:
        if min(width, height) < config.min_side or max(width, height) > config.max_aspect * min(width, height) + 1:
            status, message = RenderStatus.BAD_SIZE, f"{width} x {height} pixels are outside the size policy"
        elif config.blank == "fail" and is_blank(pixels, width, height):
            status, message = RenderStatus.BLANK, f"every pixel is #{pixels[2::-1].hex()}"
        else:
            png = encode_png(pixels, width, height)
    if png is None:
        return RenderResult(status, None, 0, 0, message or "no reason given", (), wall_s)
    return RenderResult(status, png, width, height, "", texts, wall_s, note=message, answers=answers)


class _Channel:
    """A child's socket with one deadline for everything."""

    def __init__(self, sock: socket.socket, limit_s: float):
        self.sock = sock
        self.allow(limit_s)

    def allow(self, limit_s: float, waited: Callable[[], float] = lambda: 0.0) -> None:
        """From now on so long; again from the moment when this process wakes up after it was stopped.

        Args:
            waited: seconds up to now that do not count. Asked only when the time is over.
        """
        self._limit_s, self._waited = limit_s, waited
        self._start, self._before = time.monotonic(), 0.0
        self._deadline = self._start + limit_s

    def send(self, data: bytes) -> None:
        try:
            self._limit()
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise _Closed from None

    def receive(self, size: int) -> bytearray:
        """Exactly `size` bytes, which the caller has bounded."""
        buffer = bytearray(size)
        view = memoryview(buffer)
        while view:
            count = self._into(view)
            if not count:
                raise _Closed
            view = view[count:]
        return buffer

    def rest(self, size: int) -> bytes:
        """Up to `size` bytes until the other side ends."""
        buffer = bytearray(size)
        filled = 0
        while filled < size:
            count = self._into(memoryview(buffer)[filled:])
            if not count:
                break
            filled += count
        return bytes(buffer[:filled])

    def _into(self, view: memoryview) -> int:
        while True:
            self._limit()
            try:
                return self.sock.recv_into(view)
            except ConnectionResetError:
                return 0
            except TimeoutError:
                continue  # `_limit` knows whether that is the end

    def _limit(self) -> None:
        """Raises TimeoutError when the time is over, RenderEnvError when too little of it was the child's."""
        now = time.monotonic()
        if self._deadline - now < -STOPPED_S:
            self.allow(self._limit_s, self._waited)
            self._before = self._waited()
        elif self._deadline <= now:
            self._move(now)
        self.sock.settimeout(self._deadline - now)

    def _move(self, now: float) -> None:
        """The deadline is over: move it by what the child has waited for a core, or raise."""
        waited = self._waited() - self._before
        deadline, last = self._start + self._limit_s + waited, self._start + MOST_WALL * self._limit_s
        if deadline - now <= WAITED_S:
            raise TimeoutError
        if now >= last:
            raise RenderEnvError(
                f"a renderer process had no core for {waited:.1f} of {now - self._start:.1f} s, so nothing is known "
                "about its code; remedy: leave the renderer more of this machine, or lower render.workers"
            )
        self._deadline = min(deadline, last)
