"""A step's processes: found and ended whatever they did to hide; nothing else is touched."""

import os
import signal
import subprocess
import sys
import time
from multiprocessing import shared_memory
from pathlib import Path

import psutil
import pytest

from mmzero_env.process.scratch import Scratch
from recipe.mmzero.run.processes import segments, supervise, tree
from recipe.mmzero.run.processes.signs import Signs

# A stage that does what Ray and vLLM do: detached sessions, orphans, a scrubbed environment, shared memory.
STAGE = """
import os, subprocess, sys, time
from multiprocessing import resource_tracker, shared_memory
from recipe.mmzero.run.processes import tree
tree.end_with_owner()
segment = shared_memory.SharedMemory(create=True, size=4096, name=sys.argv[1])
resource_tracker.unregister(segment._name, "shared_memory")
kept = segment.buf
subprocess.Popen(["sleep", "1001"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve("/bin/sleep", ["sleep", "1002"], {})
    os._exit(0)
print("ready", os.environ["TMPDIR"], flush=True)
open(os.path.join(os.environ["TMPDIR"], "scratch"), "w").close()
time.sleep(float(sys.argv[2]))
"""


def command(segment: str, seconds: float) -> list[str]:
    return [sys.executable, "-c", STAGE, segment, str(seconds)]


def wait_for(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "condition not met in time"
        time.sleep(0.05)


def children_now() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


@pytest.fixture
def segment():
    name = f"mmzero_test_{os.getpid()}"
    yield name
    Path("/dev/shm", name).unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def subreaper():
    tree.adopt_orphans()


def attempt(folder: Path, words: list[str], token: str, startup_s: float, grace_s: float = 2.0) -> supervise.Ended:
    return supervise.attempt(
        words,
        folder,
        folder / "logs" / "log",
        token,
        Signs(folder, "solver", 1, 4),
        dict(os.environ),
        startup_s=startup_s,
        step_s=60.0,
        grace_s=grace_s,
        show=lambda line: None,
    )


def test_hanging_step_is_ended_with_everything_it_started(tmp_path, segment):
    bystander = subprocess.Popen(["sleep", "60"])
    before = children_now()
    token = tree.new_token()
    ended = attempt(tmp_path, command(segment, 1000), token, startup_s=3.0)
    try:
        assert ended.hung and "watchdog.startup_s=3" in ended.cause
        assert "--- stack of" in (tmp_path / "logs" / "log").read_text(), "no stacks in the log"
        assert children_now() <= before, "a process of the step is left"
        assert not Path("/dev/shm", segment).exists(), "shared memory is left"
        assert not tree.private_folder(token).exists(), "the private folder is left"
        assert bystander.poll() is None, "a process of somebody else was ended"
    finally:
        bystander.kill()
        bystander.wait()


def test_step_that_ends_by_itself_leaves_nothing(tmp_path, segment):
    before = children_now()
    ended = attempt(tmp_path, command(segment, 4), tree.new_token(), startup_s=60.0, grace_s=0.5)
    assert (ended.code, ended.cause, ended.hung) == (0, "", False)
    assert children_now() <= before
    assert not Path("/dev/shm", segment).exists(), "shared memory of a process that was gone before the clean-up"


LEAVES_A_CHILD = """
import os, signal, sys, time
if os.fork() == 0:
    def told(*_):
        open(sys.argv[1] + "/told", "w").close()
        os._exit(0)
    signal.signal(signal.SIGTERM, told)
    open(sys.argv[1] + "/ready", "w").close()
    time.sleep(1000)
while not os.path.exists(sys.argv[1] + "/ready"):
    time.sleep(0.01)
os._exit(int(sys.argv[2]))
"""


@pytest.mark.parametrize("code", [0, 3])
def test_what_a_successful_step_leaves_is_given_no_time(tmp_path, code):
    """It has written everything; what a failed one leaves may still say why."""
    words = [sys.executable, "-c", LEAVES_A_CHILD, str(tmp_path), str(code)]
    before = children_now()
    ended = attempt(tmp_path, words, tree.new_token(), startup_s=60.0, grace_s=20.0)
    assert ended.code == code and children_now() <= before
    assert (tmp_path / "told").exists() == (code != 0)


GOES_ON_WITHOUT_ITS_FIRST_THREAD = """
import ctypes, os, sys, threading, time
from multiprocessing import resource_tracker, shared_memory
if os.fork() == 0:
    segment = shared_memory.SharedMemory(create=True, size=4096, name=sys.argv[1])
    resource_tracker.unregister(segment._name, "shared_memory")
    threading.Thread(target=time.sleep, args=(1000,)).start()
    open(sys.argv[2], "w").close()
    ctypes.CDLL(None).pthread_exit(None)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.01)
time.sleep(0.2)
os._exit(0)
"""


def test_a_process_is_gone_when_its_last_thread_is(tmp_path, segment):
    """Linux calls it a zombie from the end of the first one on; the segments stay in use until the last."""
    words = [sys.executable, "-c", GOES_ON_WITHOUT_ITS_FIRST_THREAD, segment, str(tmp_path / "ready")]
    before = children_now()
    assert attempt(tmp_path, words, tree.new_token(), startup_s=60.0).code == 0
    assert children_now() <= before
    assert not Path("/dev/shm", segment).exists(), "shared memory of a process whose first thread had ended"


def test_step_ends_when_the_loop_is_killed(tmp_path, segment):
    loop = """
import sys
from pathlib import Path
from recipe.mmzero.run.processes import tree
import os, time
stage = tree.start(sys.argv[3:], sys.argv[1], Path(sys.argv[2]), dict(os.environ))
time.sleep(1000)
"""
    token, log = tree.new_token(), tmp_path / "log"
    words = [sys.executable, "-c", loop, token, str(log), *command(segment, 1000)]
    owner = subprocess.Popen(words)
    wait_for(lambda: log.exists() and "ready" in log.read_text())
    # one more than the marked ones: `sleep 1002` has an empty environment but hangs in the stage's tree
    assert len(tree.marked(token)) >= 2
    owner.kill()
    owner.wait()
    wait_for(lambda: not tree.of_step(token))
    wait_for(lambda: not tree.private_folder(token).exists())
    assert not Path("/dev/shm", segment).exists()


@pytest.mark.parametrize(
    "lines, cause",
    [
        (["fine", "error: iter_01/coder: no rows"], "error: iter_01/coder: no rows (exit code 1)"),
        (["ValueError: bad", "more"], "ValueError: bad (exit code 1)"),
        (["(TaskRunnerV1 pid=12) RuntimeError: deep inside"], "RuntimeError: deep inside (exit code 1)"),
        (
            [
                "recipe.mmzero.engine.train.batch.StageFailure: 3 of 8 dropped",
                "ray.exceptions.RayTaskError: later noise",
            ],
            "recipe.mmzero.engine.train.batch.StageFailure: 3 of 8 dropped (exit code 1)",
        ),
        (["nothing telling"], "exit code 1"),
    ],
)
def test_cause_is_the_most_telling_line(tmp_path, lines, cause):
    log = tmp_path / "log"
    log.write_text("\n".join(lines) + "\n")
    assert supervise.cause_of(log, 1) == cause


def test_signal_is_named(tmp_path):
    assert supervise.cause_of(tmp_path / "none", 137) == "ended by signal 9"


def test_own_segments_are_removed_semaphores_too(segment):
    """In a process of its own, since it takes what the test run itself maps."""
    words = """
import os, sys
from multiprocessing import get_context, resource_tracker, shared_memory
from recipe.mmzero.run.processes import segments
segment = shared_memory.SharedMemory(create=True, size=4096, name=sys.argv[1])
resource_tracker.unregister(segment._name, "shared_memory")
lock = get_context("spawn").Lock()
resource_tracker.unregister(lock._semlock.name, "semaphore")
print(lock._semlock.name.strip("/"), flush=True)
segments.remove_own()
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", words, segment], capture_output=True, text=True, check=True)
    semaphore = Path("/dev/shm", f"sem.{done.stdout.strip()}")
    assert not semaphore.exists() and not Path("/dev/shm", segment).exists()


def test_only_segments_that_nobody_maps_are_removed(segment):
    began = time.time() - 1
    orphan, old = Path("/dev/shm", f"psm_{os.getpid()}_orphan"), Path("/dev/shm", f"foreign_{os.getpid()}")
    orphan.write_bytes(b"x" * 4096)
    old.write_bytes(b"x")
    used = shared_memory.SharedMemory(create=True, size=4096, name=segment)
    try:
        segments.remove_unused(began)
        assert not orphan.exists()
        assert old.exists(), "a file with a name of somebody else"
        assert Path("/dev/shm", segment).exists(), "a segment in use"
    finally:
        used.close()
        used.unlink()
        old.unlink()


FOREIGN = """
import mmap, os, sys
descriptor = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
os.ftruncate(descriptor, 4096)
memory = mmap.mmap(descriptor, 4096)
os.close(descriptor)
print("mapped", flush=True)
sys.stdin.read()
"""


def test_live_segments_of_another_container_stay(tmp_path):
    """A shared /dev/shm, separate PID namespaces: the owner cannot be seen, only the file that it maps."""
    foreign, left = Path("/dev/shm", f"psm_{os.getpid()}_foreign"), Path("/dev/shm", f"psm_{os.getpid()}_left")
    unshare = ["unshare", "--map-root-user", "--user", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("this machine gives no PID namespaces to an ordinary user")
    # The clean-up runs in the namespace of its own, as the loop of a container does; the owner is outside of it.
    owner = subprocess.Popen(
        [sys.executable, "-c", FOREIGN, str(foreign)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert owner.stdout.readline() == "mapped\n"
        steps = (
            "import os; from recipe.mmzero.run.processes import segments",
            f"print(os.path.exists('/proc/{owner.pid}'))",
            f"open({str(left)!r}, 'wb').write(b'x')",  # just before: tests beside this one clean up, too
            f"print(len(segments.remove_unused({time.time() - 5})))",
        )
        seen = subprocess.run([*unshare, sys.executable, "-c", "; ".join(steps)], capture_output=True, text=True)
        assert seen.stdout.split()[0] == "False", "the owner is visible: this would test nothing" + seen.stderr
        assert int(seen.stdout.split()[1]) >= 1 and not left.exists(), "what nobody uses goes"
        assert foreign.exists(), "live memory of a process that cannot be seen was removed"
    finally:
        owner.communicate("")
        foreign.unlink(missing_ok=True)
        left.unlink(missing_ok=True)


def test_the_loops_own_segments_stay(tmp_path, segment):
    """`loop.run` may be called from a notebook, whose shared memory is not the step's."""
    token = tree.new_token()
    stage = tree.start(["sleep", "0"], token, tmp_path / "log", dict(os.environ))
    stage.wait()
    own = shared_memory.SharedMemory(create=True, size=4096, name=segment)
    try:
        tree.end_step(token, stage.pid, grace_s=0.5, adopted=False)
        assert Path("/dev/shm", segment).exists()
    finally:
        own.close()
        own.unlink()


def test_what_killed_processes_left_in_shared_memory_goes_with_the_step(tmp_path):
    """A segment that nobody ever maps, and the folder of a renderer that was killed."""
    token, orphan = tree.new_token(), Path("/dev/shm", f"sem.mp-{os.getpid()}")
    stage = tree.start(["sleep", "0"], token, tmp_path / "log", dict(os.environ))
    stage.wait()
    renderer, living = Scratch.create(), Scratch.create()
    Path(renderer.folder(), "left.txt").write_text("x", encoding="utf-8")
    os.close(renderer._lock)  # what the kernel does when a process is killed
    orphan.write_bytes(b"x")
    try:
        tree.end_step(token, stage.pid, grace_s=0.5, adopted=False)
        assert not orphan.exists() and not Path(renderer.path).exists()
        assert Path(living.path).is_dir(), "a renderer at work"
    finally:
        living.remove()
        orphan.unlink(missing_ok=True)


# -- what does not end. The real thing sits in a system call that no signal ends; here the signals do not arrive.


@pytest.fixture
def deaf(monkeypatch):
    """Signals that are sent through psutil are noted and do not arrive, and little patience."""
    sent = []
    monkeypatch.setattr(psutil.Process, "send_signal", lambda process, number: sent.append((process.pid, number)))
    monkeypatch.setattr(tree, "KILL_LIMIT_S", 0.3)
    return sent


def test_a_process_that_does_not_end_is_named_and_found_again(tmp_path, monkeypatch, deaf):
    token = tree.new_token()
    stage = tree.start(["sleep", "600"], token, tmp_path / "log", dict(os.environ))
    try:
        os.kill(stage.pid, signal.SIGSTOP)
        os.waitpid(stage.pid, os.WUNTRACED)
        start = time.monotonic()
        with pytest.raises(tree.NotEnded, match=rf"^process {stage.pid} \(T\) does not end .*dmesg.*again$") as error:
            tree.end_step(token, stage.pid, grace_s=0.0, adopted=False)
        assert "\n" not in str(error.value) and time.monotonic() - start >= tree.KILL_LIMIT_S
        assert deaf == [(stage.pid, signal.SIGKILL)], "told once"
        assert tree.private_folder(token).exists(), "without it a later run does not find forks"
        monkeypatch.undo()
        assert tree.end_step(token, grace_s=0.0, adopted=False) == 1, "the driver has let go of it"
        assert not tree.private_folder(token).exists()
    finally:
        stage.kill()
        stage.wait()
        stage.stdin.close()


def test_several_are_named_and_what_has_just_ended_is_not(monkeypatch):
    gone = subprocess.Popen(["true"])
    us, ended = psutil.Process(), psutil.Process(gone.pid)
    gone.wait()
    tree._refuse_to_wait([ended])
    with pytest.raises(tree.NotEnded, match=rf"^process {us.pid} \([A-Z]+\) does not"):
        tree._refuse_to_wait([ended, us])
    monkeypatch.setattr(tree, "_state", lambda pid: "D")
    one, other = sorted([us.pid, ended.pid])
    with pytest.raises(tree.NotEnded, match=rf"^processes {one} \(D\), {other} \(D\) do not end"):
        tree._refuse_to_wait([us, ended])


def test_the_state_is_that_of_the_threads_that_are_left(tmp_path):
    """A card's driver may hold one thread of a process whose others are gone."""
    words = """
import ctypes, threading, time
named = threading.Event()
def stay():
    ctypes.CDLL(None).prctl(15, b"a) Z (b", 0, 0, 0)
    named.set()
    time.sleep(600)
threading.Thread(target=stay).start()
named.wait()
ctypes.CDLL(None).pthread_exit(None)
"""
    process = subprocess.Popen([sys.executable, "-c", words])
    try:
        wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        assert set(tree._state(process.pid)) <= set("SRD") and tree._state(process.pid)
    finally:
        process.kill()
        process.wait()
    assert tree._state(process.pid) == ""


def test_an_attempt_whose_process_does_not_end_ends_itself(tmp_path, deaf):
    """Whatever ended it, and Ctrl-C works again afterwards."""
    before, token, handler = children_now(), tree.new_token(), signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(tree.NotEnded):
            attempt(tmp_path, ["sleep", "600"], token, startup_s=0.2)
        assert signal.getsignal(signal.SIGINT) is handler
        assert [number for _, number in deaf] == [signal.SIGKILL], "it hung: no time to end by itself"
    finally:
        for pid in children_now() - before:
            os.kill(pid, signal.SIGKILL)
        tree.end_step(token)


def test_a_stage_whose_loop_is_gone_leaves_what_does_not_end():
    """It must not stay to wait for it, and says what it leaves."""
    words = """
import time
from recipe.mmzero.run.processes import tree
def stuck(*args, **options):
    raise tree.NotEnded("process 7 (D) does not end")
tree.end_step = stuck
tree.end_with_owner()
time.sleep(600)
"""
    stage = subprocess.Popen(
        [sys.executable, "-c", words],
        env=os.environ | {tree.TOKEN: tree.new_token()},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _, said = stage.communicate("", timeout=60)
    assert stage.returncode == 143 and said.splitlines()[-1] == "error: process 7 (D) does not end"
