"""The environment: snippets in, pictures or named failures out, from any thread and any event loop.

`workers` threads each take a snippet and a fresh process, and wait for the result; processes come from one clean
template per language (template.py), ready ahead of need. Identical code is rendered once: while it is being rendered
callers wait for the same result, and later ones get it from a bounded cache (not for TIMEOUT, MEMORY and CRASH, which
depend on what else the machine was doing).

What is covered: reading and writing files outside a private folder, network, processes, signals, privileges, CPU,
memory, file and wall-clock limits, results that are not results. What is *not*: bugs of the kernel, side channels
(timing, caches), metadata of files (stat() works on any path), and what a Python snippet tells about its own picture:
it can draw one thing and report other texts.
"""

import atexit
import hashlib
import logging
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future

from mmzero_env.config import RenderConfig
from mmzero_env.process.cache import Cache
from mmzero_env.process.exchange import exchange
from mmzero_env.process.spawner import Spawner, TemplateDied
from mmzero_env.process.starting import start_thread
from mmzero_env.results import RenderEnvError, RenderRequest, RenderResult, RenderStatus

logger = logging.getLogger(__name__)

SPARE = 1  # processes ready beyond the workers
# A template forks about 100 to 200 children a second, so many workers share several.
WORKERS_PER_TEMPLATE = 8
# A template that dies is started again; one that dies so often in so short a time is not, until the time is over.
MOST_DEATHS, DEATHS_WITHIN_S = 2, 600.0


class _Job:
    """One distinct snippet and everybody who waits for it."""

    def __init__(self, key: bytes, request: RenderRequest):
        self.key, self.request = key, request
        self.waiting: list[Future] = []


class RenderEnv:
    """Use as a context manager, or call `close()`.

    Entering raises RenderEnvError with one line if a layer of the sandbox is missing (unless
    `RenderConfig.sandbox="best_effort"`, which logs what is off) or the renderer cannot be started.
    """

    def __init__(self, config: RenderConfig | None = None):
        if config is not None and not isinstance(config, RenderConfig):
            raise ValueError(f"RenderEnv takes a RenderConfig, got {type(config).__name__}")
        self.config = config or RenderConfig()
        self._lock = threading.Lock()
        self._start_lock = threading.Lock()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._open_jobs: dict[bytes, _Job] = {}
        self._cache = Cache(self.config.cache_mb << 20)
        self._spawners: dict[tuple[str, int], Spawner] = {}
        self._deaths: dict[tuple[str, int], list[Spawner]] = {}
        self._threads: list[threading.Thread] = []
        self._pid = 0
        self._state = "new"

    # --- life ---------------------------------------------------------------------------------------------------------

    def __enter__(self) -> "RenderEnv":
        if self._state != "new":
            raise ValueError("a RenderEnv is opened once; make a new one")
        self._pid = os.getpid()
        self._spawner("svg", 0)
        self._state = "open"
        for index in range(self.config.workers):
            thread = threading.Thread(
                target=self._work, args=(index // WORKERS_PER_TEMPLATE,), name=f"mmzero-env-worker-{index}", daemon=True
            )
            try:
                start_thread(thread)
            except RenderEnvError:
                self.close()
                raise
            self._threads.append(thread)
        _open.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process and thread; what is still waiting raises RenderEnvError. May be called more than once."""
        if os.getpid() != self._pid:
            return  # a fork, in which a thread that is not there may hold the lock
        with self._lock:
            if self._state != "open":
                return
            self._state = "closed"
            left = [future for job in self._open_jobs.values() for future in job.waiting]
            for job in self._open_jobs.values():
                job.waiting = []
            self._open_jobs.clear()
            self._cache.clear()
        _open.discard(self)
        _settle(left, None, RenderEnvError("the render environment was closed"))
        for _ in self._threads:
            self._jobs.put(None)
        with self._start_lock:
            for spawner in self._spawners.values():
                spawner.close()
        for thread in self._threads:
            thread.join()

    def layers(self) -> list[tuple[str, bool, str]]:
        """Each layer of the sandbox: name, on, and what exactly or why not."""
        return self._spawner("svg", 0).layers

    # --- rendering ----------------------------------------------------------------------------------------------------

    def render(self, request: RenderRequest) -> RenderResult:
        """Render one snippet.

        Raises:
            ValueError: the environment is not open, or this is not a RenderRequest.
            RenderEnvError: the environment failed; nothing is known about the snippet.
        """
        return self._submit(request).result()

    def render_many(
        self, requests: Iterable[RenderRequest], progress: Callable[[int, int], None] | None = None
    ) -> list[RenderResult]:
        """Render snippets side by side; results in the order of `requests`. `progress` gets (done, all).

        Raises: as `render`; the first failure ends the rest.
        """
        requests = list(requests)
        futures: list[Future] = []
        try:
            futures = [self._submit(request) for request in requests]
            results = []
            for future in futures:
                results.append(future.result())
                if progress is not None:
                    progress(len(results), len(requests))
            return results
        finally:
            for future in futures:
                future.cancel()

    async def render_async(self, request: RenderRequest) -> RenderResult:
        """Like `render`, from any event loop. A cancelled call gives up its place unless others want the same code."""
        import asyncio  # not at the top: a template imports this package and should stay small

        return await asyncio.wrap_future(self._submit(request))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _submit(self, request: RenderRequest) -> Future:
        if not isinstance(request, RenderRequest):
            raise ValueError(f"expected a RenderRequest, got {type(request).__name__}")
        if self._state == "new":
            raise ValueError("the render environment is not open: use `with RenderEnv(config) as env:`")
        if os.getpid() != self._pid:
            raise RenderEnvError("the render environment was opened in another process; open one here")
        future: Future = Future()
        early = self._early(request)
        if early is not None:
            future.set_result(early)
            return future
        key = hashlib.sha256(f"{request.language}\0{request.code}".encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            if self._state != "open":
                raise ValueError("the render environment is closed")
            known = self._cache.get(key)
            if known is not None:
                future.set_result(known)
                return future
            job = self._open_jobs.get(key)
            if job is None:
                job = self._open_jobs[key] = _Job(key, request)
                self._jobs.put(job)
            job.waiting.append(future)
        return future

    def _early(self, request: RenderRequest) -> RenderResult | None:
        """Results that need no process."""
        if self._state != "open":
            raise ValueError("the render environment is closed")
        if not request.code.strip():
            return RenderResult(RenderStatus.EMPTY, None, 0, 0, "there is no code", (), 0.0)
        limit = self.config.max_code_bytes
        if len(request.code) > limit or len(request.code.encode("utf-8", "replace")) > limit:
            return RenderResult(RenderStatus.TOO_LARGE, None, 0, 0, f"over render.max_code_bytes={limit}", (), 0.0)
        return None

    def _work(self, group: int) -> None:
        """Thread: one snippet after another. `group`: which of the templates it takes processes from."""
        while True:
            job = self._jobs.get()
            if job is None:
                return
            with self._lock:
                if all(future.cancelled() for future in job.waiting):
                    if self._open_jobs.get(job.key) is job:
                        del self._open_jobs[job.key]
                    continue
            result, error = None, None
            try:
                result = self._render(job.request, group)
            except Exception as problem:  # handed to whoever waits
                error = problem
            with self._lock:
                waiting, job.waiting = job.waiting, []
                if self._open_jobs.get(job.key) is job:
                    del self._open_jobs[job.key]
                if result is not None and self._state == "open":
                    self._cache.keep(job.key, result)
            _settle(waiting, result, error)

    def _render(self, request: RenderRequest, group: int) -> RenderResult:
        while True:
            spawner = self._spawner(request.language, group)
            try:
                return exchange(spawner, request, self.config)
            except TemplateDied:
                if self._state != "open":
                    raise RenderEnvError("the render environment was closed") from None
            except OSError as error:
                raise RenderEnvError(f"no connection to a renderer process: {error}") from error

    def _spawner(self, language: str, group: int) -> Spawner:
        """The running template of a language and group of workers; one that died is replaced."""
        key = (language, group)
        with self._start_lock:
            spawner = self._spawners.get(key)
            if spawner is not None and not spawner.died:
                return spawner
            if self._state == "closed":
                raise RenderEnvError("the render environment was closed")
            deaths = self._deaths.setdefault(key, [])
            if spawner is not None:
                del self._spawners[key]
                spawner.close()
                deaths.append(spawner)
            deaths[:] = [dead for dead in deaths if time.monotonic() - dead.died_at < DEATHS_WITHIN_S]
            if len(deaths) >= MOST_DEATHS:
                often = f"the {language} template died twice within {DEATHS_WITHIN_S / 60:g} minutes"
                raise RenderEnvError(f"{often}: {deaths[-1].last_words}")
            if spawner is not None:
                logger.warning("the %s template died (%s) and is started again", language, spawner.last_words)
            workers = min(WORKERS_PER_TEMPLATE, self.config.workers - group * WORKERS_PER_TEMPLATE)
            spawner = self._spawners[key] = Spawner(language, self.config, workers + SPARE)
            off = [f"{name} ({detail})" for name, on, detail in spawner.layers if not on]
            if off:
                logger.warning("sandbox=best_effort: these layers are off: %s", "; ".join(off))
            return spawner

    def _forget(self) -> None:
        """In a forked process: the templates belong to the parent."""
        for spawner in self._spawners.values():
            spawner.forget()


def _settle(waiting: Sequence[Future], result: RenderResult | None, error: Exception | None) -> None:
    for future in waiting:
        if future.set_running_or_notify_cancel():
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)


_open: "weakref.WeakSet[RenderEnv]" = weakref.WeakSet()


def _close_all() -> None:
    for env in list(_open):
        env.close()


def _forget_all() -> None:
    for env in list(_open):
        env._forget()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget_all)
