"""Warm processes: import the engine once per run, fork everything else from there.

A verl stage consists of about ten Python processes, and each imports torch, verl and vLLM: 20 to 40 CPU seconds apiece
on a small machine, one after the other. This server imports them once, stays single-threaded, and forks a child per
request. Requests come from `warm_client.py`, which Ray (`sys.executable`) and multiprocessing
(`set_executable`) start in place of `python`; neither verl nor vLLM is changed (of Ray: warm_ray.py).

    with WarmServer(environment) as warm:
        subprocess.run([warm.executable, "-m", "verl.trainer.main_ppo", ...], env=environment | warm.environment)

Used on machines without a GPU (a CUDA context does not survive a fork, and start-up is not what a cluster waits for).
A child takes over the environment of its caller and signs in with the caller's step (tree.py), so that it is ended
with it. Not covered: more than one node. If the server is missing, the client becomes the ordinary interpreter.
"""

import contextlib
import gc
import importlib
import multiprocessing
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path

from mmzero_env.process.held_folder import hold, remove_abandoned
from recipe.mmzero.run.processes import tree, warm_ray
from recipe.mmzero.run.processes.warm_child import receive, run_like_python, take_descriptors

SOCKET, PYTHON, EXECUTABLE = "MMZERO_WARM_SOCKET", "MMZERO_WARM_PYTHON", "MMZERO_WORKER_EXECUTABLE"
CLIENT = Path(__file__).with_name("warm_client.py")
PRELOAD = (
    "verl.trainer.ppo.v1.trainer_sync",
    "verl.workers.engine_workers",
    "verl.workers.rollout.vllm_rollout.vllm_async_server",
    "verl.experimental.reward_loop.reward_loop",
    "verl.experimental.agent_loop.single_turn_agent_loop",
    "transformers.models.qwen2_5_vl.modeling_qwen2_5_vl",
    "vllm.v1.engine.core",
    "vllm.v1.worker.cpu_worker",
    "vllm.entrypoints.openai.api_server",
    "vllm.model_executor.models.qwen2_5_vl",
    "datasets",
    "pandas",
    "recipe.mmzero.engine.collect",
    "recipe.mmzero.engine.train.trainer",
    "mmzero_rewards.managers",
)
SCRIPTS = ("verl.trainer.main_ppo", "recipe.mmzero.engine.train.stage", "recipe.mmzero.engine.collect.stage")
"""Run as `__main__` in children: what they import is wanted, not they themselves."""
FOLDER = "mmz-warm-"


class WarmServer:
    """Owner of one server process; a context manager. `executable` replaces `python` for whoever starts processes.

    The server ends with its owner, whatever ends that: it holds the read end of a pipe.
    """

    def __init__(self, environment: dict[str, str], log: Path | None = None):
        self._environment, self._log = dict(environment), log
        self._process: subprocess.Popen | None = None
        self._folder: Path | None = None

    def __enter__(self) -> "WarmServer":
        # not in the run folder: a socket path may have 107 bytes at most
        remove_abandoned(FOLDER, tempfile.gettempdir())
        folder, self._lock = hold(FOLDER, tempfile.gettempdir())
        self._folder = Path(folder)
        path, wrapper = self._folder / "socket", write_stand_in(self._folder)
        self.environment = {SOCKET: str(path), PYTHON: sys.executable, EXECUTABLE: str(wrapper)} | warm_ray.SETTINGS
        self.executable = str(wrapper)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(64)  # callers queue here while the server is still importing
        with self._log.open("ab") if self._log else contextlib.nullcontext() as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(listener.fileno()), str(self._folder)],
                env=self._environment | self.environment | warm_ray.read_at_import(os.getpid()),
                pass_fds=[listener.fileno()],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for the owner
            )
        listener.close()
        return self

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def __exit__(self, *exc) -> None:
        self.close()

    def close(self) -> None:
        """End the server and its children; may be called more than once."""
        if self._process is not None:
            self._process.stdin.close()  # the server ends its children, removes its folder and leaves
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._lock)
            self._process = None


def write_stand_in(folder: Path) -> Path:
    """The program that stands in for `python`."""
    path = folder / "python"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "{CLIENT}" "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def serve(listener: socket.socket, folder: Path) -> None:
    """Import PRELOAD, then fork a child per request until the owner is gone."""
    with warm_ray.class_ids_of_the_kernel():
        for name in (*PRELOAD, *SCRIPTS):
            importlib.import_module(name)
        for name in SCRIPTS:
            sys.modules.pop(name, None)
        warm_ray.preload(run_like_python)
    if threading.active_count() > 1:
        names = [thread.name for thread in threading.enumerate()]
        raise RuntimeError(f"warm server: preloading started threads {names}; forking would not be safe")
    gc.collect()
    gc.freeze()  # children share these pages
    print(f"warm server ready: {len(sys.modules)} modules", flush=True)
    Forker(listener, folder).run()


class Forker:
    """The single-threaded loop: accepts requests, forks, reports exit statuses, ends children whose caller is gone."""

    def __init__(self, listener: socket.socket, folder: Path):
        self.listener, self.folder = listener, folder
        self.executable = str(folder / "python")  # write_stand_in
        self.selector = selectors.DefaultSelector()
        self.connections: dict[int, socket.socket] = {}

    def run(self) -> None:
        wake_r, wake_w = os.pipe()
        os.set_blocking(wake_w, False)
        os.set_blocking(wake_r, False)
        signal.set_wakeup_fd(wake_w, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *args: None)
        signal.signal(signal.SIGTERM, self._stop)
        self.selector.register(self.listener, selectors.EVENT_READ, "listener")
        self.selector.register(wake_r, selectors.EVENT_READ, "wake")
        self.selector.register(0, selectors.EVENT_READ, "owner")
        self.private = (wake_r, wake_w)
        while True:
            for key, _ in self.selector.select():
                if key.data == "listener":
                    self._accept()
                elif key.data == "owner":
                    self._stop()
                elif key.data == "wake":
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake_r, 4096)
                    self._reap()
                elif key.data in self.connections:  # else its child ended in this round and was reaped above
                    self._caller_gone(key.data)

    def _stop(self, *args) -> None:
        for child in list(self.connections):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
        os._exit(0)

    def _accept(self) -> None:
        connection, _ = self.listener.accept()
        try:
            request, fds = receive(connection)
        except (OSError, ValueError, EOFError):
            connection.close()
            return
        child = os.fork()
        if child == 0:
            self._become(connection, request, fds)
        for number in fds:
            os.close(number)
        self.connections[child] = connection
        self.selector.register(connection, selectors.EVENT_READ, child)
        with contextlib.suppress(OSError):  # killed while it waited: `_caller_gone` comes next
            connection.sendall(str(child).encode())

    def _become(self, connection: socket.socket, request: dict, fds: list[int]) -> None:
        """In the child: take over the caller's descriptors, environment and arguments; never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for name in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(name, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self.selector.close()
            take_descriptors(dict(zip(request["fds"], fds, strict=True)))
            os.environ.clear()
            os.environ.update(request["environ"])
            os.chdir(request["cwd"])
            tempfile.tempdir = None  # TMPDIR is another one now
            tree.sign_in()
            sys.executable = self.executable  # Ray starts its own processes and its workers with it
            multiprocessing.set_executable(self.executable)
            warm_ray.read_settings()
            code = run_like_python(request["argv"])
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        for child in list(self.connections):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                connection = self._forget(child)
                with contextlib.suppress(OSError):
                    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
                connection.close()

    def _caller_gone(self, child: int) -> None:
        """The stand-in was killed: its child must not live on."""
        connection = self._forget(child)
        connection.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)

    def _forget(self, child: int) -> socket.socket:
        connection = self.connections.pop(child)
        self.selector.unregister(connection)
        return connection


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]))
