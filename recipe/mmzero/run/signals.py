"""Signals of the loop's own process."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def terminate_raises() -> Iterator[None]:
    """SIGTERM and SIGHUP end a run the way Ctrl-C does: through the clean-up, with 128 + N."""

    def handler(number, frame):
        raise SystemExit(128 + number)

    with _handled((signal.SIGTERM, signal.SIGHUP), handler):
        yield


@contextmanager
def held() -> Iterator[None]:
    """A second Ctrl-C must not interrupt the clean-up that the first one started."""
    with _handled((signal.SIGINT, signal.SIGTERM), signal.SIG_IGN):
        yield


@contextmanager
def _handled(numbers: tuple[int, ...], handler) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
