"""The processes of one step: started, found again and ended by id, never by name.

A step's processes are a tree under the stage process. Ray and vLLM detach some of them, so two things keep the tree
together: the loop is a *child subreaper* (Linux gives it the orphans), and every process carries the step's token in
its environment or is signed in with it, by which a later run finds what a killed loop left behind. Each step has a
private folder for temporary files, sockets and the Ray session, named after the token.

Not covered: processes on other nodes of a Ray cluster; Ray ends them with the job.
"""

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from mmzero_env.process import scratch
from mmzero_env.process.held_folder import remove_abandoned
from recipe.mmzero.run.processes import segments

TOKEN = "MMZERO_STEP_TOKEN"
PR_SET_CHILD_SUBREAPER = 36
STARTED = "started"  # file in a step's private folder whose time is the step's start
KILL_LIMIT_S = 60.0  # so long may processes take to be gone after SIGKILL, which frees the memory of cards, too


class NotEnded(RuntimeError):
    """Processes of a step outlive SIGKILL; the message is one line: which, in what state, what to do."""


def new_token() -> str:
    """A name for one attempt of one step; short, because paths of Unix sockets are limited to 107 bytes."""
    return f"mmz-{secrets.token_hex(4)}"


def private_folder(token: str) -> Path:
    """Where a step's processes put temporary files, sockets and the Ray session; theirs is `TMPDIR` itself."""
    here = Path(tempfile.gettempdir())
    return here if here.name == token else here / token


def adopt_orphans() -> None:
    """Make this process the new parent of descendants whose parent dies.

    Raises:
        OSError: the kernel refuses (not Linux).
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def marked(token: str) -> list[psutil.Process]:
    """Processes that carry `token` in their environment, this one left out."""
    wanted = f"{TOKEN}={token}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(psutil.Process(int(entry.name)))
            except (OSError, psutil.NoSuchProcess):  # ended meanwhile, or of another user
                continue
    return found


def sign_in() -> None:
    """Note this process as one of the step whose environment it has; for forks, whose environment nobody can read."""
    if TOKEN in os.environ:
        folder = Path(os.environ["TMPDIR"]) / "processes"
        folder.mkdir(exist_ok=True)
        (folder / str(os.getpid())).write_text(repr(psutil.Process().create_time()), encoding="utf-8")


def signed_in(token: str) -> list[psutil.Process]:
    """Processes that signed in with a step and still live (a process id may be in use again by another one)."""
    found = []
    for note in (private_folder(token) / "processes").glob("*"):
        try:
            process = psutil.Process(int(note.name))
            if repr(process.create_time()) == note.read_text(encoding="utf-8") and process.pid != os.getpid():
                found.append(process)
        except (psutil.NoSuchProcess, FileNotFoundError):
            continue
    return found


def of_step(token: str, root: int | None = None) -> list[psutil.Process]:
    """All processes of a step: marked and signed-in ones, the tree under `root`, and the trees under all of them.

    Looks at every process of the machine, so it is for the end of a step, not for while it runs.
    """
    starts = marked(token) + signed_in(token)
    if root is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            starts.append(psutil.Process(root))
    children = _children() if starts else {}
    found: dict[int, psutil.Process] = {}
    while starts:
        process = starts.pop()
        if process.pid not in found:
            found[process.pid] = process
            starts += children.get(process.pid, ())
    found.pop(os.getpid(), None)  # a stage that ends its own tree
    return list(found.values())


def _children() -> dict[int, list[psutil.Process]]:
    """Parent -> its children, for all processes."""
    found: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess):
            found.setdefault(process.ppid(), []).append(process)
    return found


def end_step(token: str, root: int | None = None, grace_s: float = 10.0, adopted: bool = True) -> int:
    """End every process of a step and remove its private folder and shared memory; returns how many were ended.

    Args:
        root: the stage process, if it was started by this process.
        grace_s: seconds between SIGTERM and SIGKILL.
        adopted: also end the orphans that this process has taken over (`adopt_orphans`).
    Raises:
        NotEnded: some are still there KILL_LIMIT_S after SIGKILL; the folder stays, so that a later run finds them.
    """
    ended: set[int] = set()
    deadline = time.monotonic() + grace_s
    strength = signal.SIGTERM
    told: set[int] = set()
    while alive := _alive(token, root, adopted):
        if time.monotonic() > deadline:
            if strength == signal.SIGKILL:
                _refuse_to_wait(alive)
            strength, told, deadline = signal.SIGKILL, set(), time.monotonic() + KILL_LIMIT_S
        for process in alive:
            ended.add(process.pid)
            if process.pid not in told:
                told.add(process.pid)
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(strength)
        time.sleep(0.05)
    marker = private_folder(token) / STARTED
    if marker.exists():
        segments.remove_unused(marker.stat().st_mtime)
    remove_abandoned(scratch.PREFIX, str(segments.SHARED_MEMORY))  # of a renderer that was killed
    shutil.rmtree(private_folder(token), ignore_errors=True)
    return len(ended)


def _alive(token: str, root: int | None, adopted: bool) -> list[psutil.Process]:
    """What of a step is not gone yet."""
    alive = [process for process in of_step(token, root) if not _reap(process)]
    if adopted:
        alive += [process for process in _orphans() if process.pid not in {other.pid for other in alive}]
    return alive


def _refuse_to_wait(alive: Sequence[psutil.Process]) -> None:
    """Raises NotEnded unless all of them have just gone.

    A process whose system call does not return, after an error of a card or with a network file system whose server is
    gone, does not get the signal; whoever waits for it waits for ever.
    """
    states = {process.pid: state for process in alive if (state := _state(process.pid))}
    if states:
        named = ", ".join(f"{pid} ({state})" for pid, state in sorted(states.items()))
        one = len(states) == 1
        raise NotEnded(
            f"{'process' if one else 'processes'} {named} {'does' if one else 'do'} not end after SIGKILL; the "
            "machine's driver or file system holds what is in state D: see dmesg, restart the machine and run again"
        )


def _state(pid: int) -> str:
    """Letters of a process's threads as in /proc/PID/stat, "" if it is gone. D: in a system call that no signal ends.

    Of all threads, since the first one may be a zombie while another one is not gone.
    """
    letters = set()
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):  # this one has just ended
                stat = Path(f"/proc/{pid}/task/{thread}/stat").read_bytes()
                letters.add(stat.rpartition(b")")[2].split()[0].decode())
    return "".join(sorted(letters - {"X", "Z"}))


def _orphans() -> list[psutil.Process]:
    """Children that this process had not got when it started the stage: they were adopted."""
    return [child for child in psutil.Process().children() if child.pid not in _own and not _reap(child)]


_own: set[int] = set()


def _reap(process: psutil.Process) -> bool:
    """True if the process is gone; collects the exit status of an adopted zombie.

    A process is called a zombie as soon as its first thread has ended. Until the last one has, it keeps its memory,
    its shared segments too, and may even go on working.
    """
    try:
        if process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1:
            return False
        if process.pid not in _own:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
    except psutil.NoSuchProcess:
        pass
    return True


def start(command: Sequence[str], token: str, log: Path, environment: dict[str, str]) -> subprocess.Popen:
    """Start a stage: own session, unbuffered output to `log`, private temporary folder, and a pipe whose end tells it
    that the loop is gone (`end_with_owner`)."""
    folder = private_folder(token)
    folder.mkdir(mode=0o700)
    (folder / STARTED).touch()
    private = {TOKEN: token, "TMPDIR": str(folder), "RAY_TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
    with log.open("ab") as out:
        process = subprocess.Popen(
            list(command),
            env=environment | private,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _own.update(child.pid for child in psutil.Process().children() if not _reap(child))
    return process


def end_with_owner() -> None:
    """In a stage: when the loop that started it is gone, end the whole step. Does nothing without a token."""
    token = os.environ.get(TOKEN)
    if not token:
        return
    adopt_orphans()
    pipe = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)  # children must not hold the pipe
    os.close(null)
    os.set_inheritable(pipe, False)

    def wait() -> None:
        while os.read(pipe, 4096):
            pass
        print("the loop that started this step is gone: ending the step", file=sys.stderr, flush=True)
        segments.remove_own()
        try:
            end_step(token, root=os.getpid(), grace_s=2.0, adopted=False)
        except NotEnded as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
        os._exit(143)

    threading.Thread(target=wait, name="owner-watch", daemon=True).start()


def dump_stacks(token: str, root: int | None, log: Path) -> None:
    """Append the stacks of all Python processes of a step to `log` (py-spy, installed with ray[default])."""
    spy = Path(sys.executable).with_name("py-spy")
    with log.open("a", encoding="utf-8") as out:
        if not spy.exists():
            out.write(f"\n--- no stacks: {spy} is missing (pip install py-spy)\n")
            return
        for process in of_step(token, root):
            try:
                command = " ".join(process.cmdline())[:160]
                dump = [str(spy), "dump", "--nonblocking", "--pid", str(process.pid)]
                done = subprocess.run(dump, capture_output=True, text=True, timeout=20, check=False)
            except (psutil.NoSuchProcess, subprocess.TimeoutExpired):
                continue
            if done.returncode == 0:
                out.write(f"\n--- stack of {process.pid}: {command}\n{done.stdout}")
                out.flush()
