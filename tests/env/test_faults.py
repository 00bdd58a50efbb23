"""What once went wrong between owner, template and snippet: nameless memory, forged results, deaths in between."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from mmzero_env import RenderConfig, RenderEnv, RenderEnvError, RenderRequest, RenderStatus, wire
from mmzero_env.process import held_folder, scratch, spawner, template
from mmzero_env.sandbox import limits
from mmzero_env.sandbox.wall import Wall
from tests.env.test_env import busy, children, drawing, templates, wait_for
from tests.support.sandbox import hostile_python, users

TOOLS, FORGE = hostile_python.TOOLS, hostile_python.FORGE


@pytest.fixture(scope="module")
def env():
    with RenderEnv(RenderConfig(workers=2, timeout_s=20.0)) as one:
        yield one


def python(env, code: str):
    return env.render(RenderRequest(code, "python"))


# --- folders that nobody can open ------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_held_is_tried_a_few_times_and_not_left(monkeypatch, tmp_path):
    tried = []

    def held_by_others(path):
        tried.append(path)
        assert len(tried) < 50, "it goes on for ever"
        os.rmdir(path)

    monkeypatch.setattr(held_folder, "_locked", held_by_others)
    with pytest.raises(OSError, match="removed 10 new folders"):
        held_folder.hold("test-", str(tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what, said", [("open", "Too many open files"), ("geteuid", "a folder of user")])
def test_a_folder_that_cannot_be_opened_is_an_error_and_not_left(monkeypatch, tmp_path, what, said):
    """No descriptor is left, or the file system gives what root makes to somebody else."""

    def no_descriptor(*_, **__):
        assert len(list(tmp_path.iterdir())) < 50, "it goes on for ever"
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(held_folder.os, what, no_descriptor if what == "open" else lambda: 12345)
    with pytest.raises(OSError, match=said):
        held_folder.hold("test-", str(tmp_path))
    monkeypatch.undo()
    assert not list(tmp_path.iterdir())


def test_places_without_room_are_passed_over(monkeypatch, tmp_path):
    monkeypatch.setattr(scratch, "SHARED_MEMORY", str(tmp_path))
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    one = scratch.Scratch.create(free // 2)
    assert Path(one.path).parent == tmp_path
    one.remove()
    with pytest.raises(OSError, match=r"MB free of \d+ MB needed; .*remedy") as caught:
        scratch.Scratch.create(free * 1000)
    assert "\n" not in str(caught.value)


# --- files without a name --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["root", "nobody"])
def small_memory(request):
    """A runner whose /dev/shm has 120 MB, and where that is seen from here."""
    runner = users.start(request.param, {"shm": "size=120m,nr_inodes=3000"})
    yield runner, f"/proc/{runner.hello['pid']}/root/dev/shm"
    runner.close()


@pytest.mark.parametrize("how", hostile_python.NAMELESS)
def test_files_without_a_name_are_not_to_be_had(small_memory, how):
    runner, memory = small_memory
    used = [used_mb(memory)]

    def look():
        while not done.wait(0.01):
            used.append(used_mb(memory))

    done = threading.Event()
    looking = threading.Thread(target=look)
    looking.start()
    turns = f"import mmap, time\nkept = []\nfor i in range(58):\n    {hostile_python.NAMELESS[how]}\n"
    code = f"{TOOLS}{turns}time.sleep(1)\nreport('held')"
    answer = runner.render(code, "python")
    done.set()
    looking.join()
    assert answer.status in ("MEMORY", "FORBIDDEN"), answer
    assert max(used) < 60, "8 MB is the limit, and what is written between two looks"
    assert used_mb(memory) < 1, "it is all given back"


def used_mb(folder: str) -> float:
    space = os.statvfs(folder)
    return (space.f_blocks - space.f_bfree) * space.f_frsize / 2**20


def test_shared_memory_is_left_alone_where_it_is_small():
    """As docker gives it: 64 MB, of which four workers may take 64 MB each."""
    runner = users.start("root", {"shm": "size=64m"}, workers=4, scratch_mb=64)
    code = f"{TOOLS}import tempfile\nopen('x', 'wb').write(bytes(12 << 20))\nreport(os.getcwd())"
    answer = runner.render(code, "python")
    file = runner.render(f"{TOOLS}import tempfile\nreport(tempfile.NamedTemporaryFile().name)", "python")
    assert file.status == "OK" and file.text[0].startswith(os.path.dirname(answer.text[0])), file
    memory = Path(f"/proc/{runner.hello['pid']}/root/dev/shm")
    assert answer.status == "OK" and not answer.text[0].startswith("/dev/shm")
    assert used_mb(str(memory)) == 0 and not list(memory.iterdir())
    runner.close()


@pytest.mark.parametrize(
    "code, said",
    [
        ("open('a', 'w').write('x'); os.remove('a'); report(os.path.exists('a'))", "False"),
        ("open('a', 'w').write('x'); Path('a').unlink(); open('a', 'x'); report(os.path.getsize('a'))", "0"),
        ("open('a', 'w').write('x'); os.rename('a', 'b'); report(open('b').read(), os.path.exists('a'))", "x False"),
        ("open('a', 'w').write('x'); open('b', 'w'); os.replace('a', 'b'); report(open('b').read())", "x"),
        ("open('a', 'w').write('x'); os.replace('a', 'a'); report(open('a').read())", "x"),
        ("f = open('a', 'w+'); os.remove('a'); f.write('xy'); f.seek(0); report(f.read())", "xy"),
        ("report(attempt(os.remove, 'none'), attempt(os.replace, 'none', 'b'))", "FileNotFoundError"),
        ("f = tempfile.TemporaryFile(); f.write(b'xy'); f.seek(0); report(f.read())", "b'xy'"),
        (
            "f = tempfile.NamedTemporaryFile(suffix='.png'); Image.new('L', (9, 9)).save(f.name)\n"
            "f.close(); report(os.path.exists(f.name))",
            "False",
        ),
        ("import shutil; open('a', 'w').write('x'); shutil.move('a', 'b'); report(open('b').read())", "x"),
        # many files one after another: what is removed is not counted
        (
            "for n in range(40):\n open(f'{n}', 'wb').write(bytes(1 << 20)); os.remove(f'{n}')\nreport('through')",
            "through",
        ),
    ],
)
def test_removing_and_renaming_do_what_snippets_expect(env, code, said):
    head = f"{TOOLS}import tempfile\nfrom pathlib import Path\nfrom PIL import Image\n"
    with RenderEnv(RenderConfig(workers=1, scratch_mb=8)) as small:
        result = python(small, head + code)
    assert result.ok and said in " ".join(result.text), result


LEFT_BEHIND = (
    "os.chmod('.', 0)",
    "os.mkdir('a'); os.mkdir('a/b'); open('a/b/c', 'w').close()",
    "os.symlink('../..', 'a'); os.mkdir('b'); os.chmod('b', 0)",
    "os.rmdir(os.getcwd())",
)


@pytest.mark.parametrize("what", LEFT_BEHIND)
def test_what_a_snippet_leaves_does_not_end_its_template(tmp_path, what):
    """Where the walls are off, which best effort goes on without, a folder may hold anything and be closed."""

    def leave() -> None:
        parent = scratch.Scratch(str(tmp_path / "held"), os.open(tmp_path, os.O_RDONLY))
        folder = parent.folder()
        os.chdir(folder)
        exec(what)
        os.chdir("/")
        closed = not os.access(folder, os.R_OK)
        assert parent.over(folder, 1 << 20) == closed
        parent.drop(folder)
        parent.remove()

    (tmp_path / "held").mkdir()
    (tmp_path / "kept").write_text("x")
    assert as_a_template(leave) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def as_a_template(call) -> int:
    """Exit status of a forked process without capabilities, which calls it."""
    pid = os.fork()
    if pid == 0:
        try:
            limits.drop_capabilities()
            call()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_folders_are_looked_at_while_a_child_is_given_time_to_end(tmp_path):
    """Or one snippet that closes its channel and goes on would let another one fill its folder."""
    looked = []
    folders = scratch.Scratch(str(tmp_path), os.open(tmp_path, os.O_RDONLY))
    folders.over = lambda folder, limit: looked.append(folder)
    ours, theirs = socket.socketpair()
    wall = Wall("python", RenderConfig(), frozenset())
    with ours, theirs:
        one = template.Children(theirs, wall, None, folders)
        going_on = subprocess.Popen(["sleep", "60"])
        one.folders = {going_on.pid: folders.folder(), 2**30: "another"}
        one.end(going_on.pid, 0.3)
        going_on.returncode = -9  # reaped by `end`
    assert looked.count("another") > 3


def test_a_child_that_is_slow_to_end_still_says_how(monkeypatch, tmp_path):
    """On a busy machine the time for it may be over before the kernel is done with a process."""
    going = subprocess.Popen([sys.executable, "-S", "-c", "raise SystemExit(7)"])
    os.waitid(os.P_PID, going.pid, os.WEXITED | os.WNOWAIT)
    wait4 = os.wait4
    monkeypatch.setattr(os, "wait4", lambda pid, how: (0, 0, None) if how == os.WNOHANG else wait4(pid, how))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        one = template.Children(theirs, None, None, None)
        one.folders = {going.pid: None}
        one.end(going.pid, 0.0)
        going.returncode = 7  # reaped by `end`
        _, pid, status, _, ended_by = wire.EVENT.unpack(ours.recv(wire.EVENT.size))
    assert (pid, os.waitstatus_to_exitcode(status), ended_by) == (going.pid, 7, wire.ITSELF)


# --- results that are forged -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "texts, fits",
    [
        ("b'a' * 20000", True),
        ("b'a' * 20001", False),
        ("(chr(0x100).encode() + bytes(1)) * 28000", False),  # 28,000 texts of one character
        ("bytes(84000)", False),  # 84,001 empty texts
        ("chr(0x10ffff).encode() * 20001", False),
        ("b'\\xff' * 84000", False),  # not UTF-8
        ("(b'a' + bytes(1)) * 4999 + b'a'", True),  # 5,000 texts
        ("(b'a' + bytes(1)) * 5000 + b'a'", False),
    ],
)
def test_texts_are_bounded_whoever_sent_them(env, texts, fits):
    result = python(env, f"{FORGE}forge({texts})")
    assert (result.status is RenderStatus.OK) == fits, result.status
    assert fits or (result.status is RenderStatus.CRASH and result.message)


def test_cache_counts_memory():
    """Texts of one character take sixty bytes of memory each."""
    with RenderEnv(RenderConfig(workers=1, cache_mb=1)) as one:
        before = psutil.Process().memory_info().rss
        for number in range(60):
            code = f"{FORGE}forge((chr(0x100 + {number}).encode() + bytes(1)) * 4999)"
            assert len(python(one, code).text) == 5000
        assert one._cache.bytes <= 1 << 20 and len(one._cache) < 5
        assert (psutil.Process().memory_info().rss - before) / 2**20 < 15


@pytest.mark.parametrize(
    "code",
    [
        f"{FORGE}forge(message=b'first\\nb.py  OK  1  60x60', status=5, side=0)",
        f"{FORGE}forge(message=b'\\x1b]0;title\\x07\\x1b[2J\\x00end', status=5, side=0)",
        f"{FORGE}forge(message='\\x9b2J\\u2028\\u202e\\x85end'.encode(), status=5, side=0)",
        f"{FORGE}forge(message=bytes(range(256)), status=5, side=0)",
        f"{FORGE}forge(status=5, side=0)",
        "raise ValueError('\\x1b]0;x\\x07\\x1b[2J')",
        "raise type('\\x1b[2J\\nE', (Exception,), {})('x')",
        "raise ValueError('\\u202e\\u2066\\ud800')",
        "exec('x = \\x1b[1m')",
    ],
)
def test_messages_are_one_printable_line(env, code):
    result = python(env, code)
    assert not result.ok and result.message and result.message.isprintable(), result


def test_results_of_the_command_line_have_a_row_each(tmp_path):
    (tmp_path / "a.py").write_text(f"{FORGE}forge(message=b'x\\nb.py  OK  1  60x60\\x1b[2J', status=5, side=0)")
    command = [sys.executable, "-m", "mmzero_env", "render", str(tmp_path / "a.py"), "-o", str(tmp_path / "out")]
    said = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2]).stdout
    assert len(said.splitlines()) == 2 and "\x1b" not in said, said


# --- deaths in between -----------------------------------------------------------------------------------------------


def test_a_waiting_process_that_is_killed_costs_no_snippet(env):
    python(env, "1")
    for _ in range(5):
        for child in children(env):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        results = env.render_many([drawing(70, f"{time.monotonic()}") for _ in range(3)])
        results.append(python(env, f"{TOOLS}report({time.monotonic()})"))
        assert all(result.ok for result in results), results
    wait_for(lambda: not any(child.status() == psutil.STATUS_ZOMBIE for child in children(env)))


def test_a_process_that_is_killed_before_it_reads_the_code_costs_no_snippet():
    with RenderEnv(RenderConfig(workers=1)) as one, ThreadPoolExecutor(1) as pool:
        assert one.render(drawing(71, 0)).ok
        ready = one._spawners["svg", 0]._children
        wait_for(lambda: len(ready) >= 2)
        # Those that wait, and not the one that drew before, which may just be ending.
        stopped = [psutil.Process(child.pid) for child in tuple(ready)]
        for child in stopped:
            child.suspend()
        waiting = pool.submit(one.render, drawing(71, 1))
        time.sleep(0.3)  # the code is in the socket of the first
        for child in stopped:
            child.kill()
        assert waiting.result(20).ok


def test_processes_that_never_live_to_get_code_are_an_error(monkeypatch):
    from mmzero_env.process import exchange

    monkeypatch.setattr(exchange, "LOST_PAUSE_S", 0.0)
    with RenderEnv(RenderConfig(workers=1)) as one, pytest.raises(RenderEnvError, match=r"50 .* in a row .*remedy"):
        take = one._spawners["svg", 0].take

        def take_dead():
            child = take()
            os.kill(child.pid, signal.SIGKILL)
            return child

        monkeypatch.setattr(one._spawners["svg", 0], "take", take_dead)
        one.render(drawing(72, 0))


@pytest.mark.parametrize("number", [*range(signal.SIGRTMIN - 2, signal.SIGRTMIN + 3), signal.SIGRTMAX, signal.SIGUSR1])
def test_every_signal_has_a_name(env, number):
    with ThreadPoolExecutor(1) as pool:
        looping = pool.submit(python, env, f"while True: pass  # {number}")
        wait_for(lambda: busy(env))
        busy(env)[0].send_signal(number)
        result = looping.result(20)
    assert result.status is RenderStatus.CRASH and "died of " in result.message


def test_a_template_that_is_stopped_is_replaced(monkeypatch):
    monkeypatch.setattr(spawner, "CHILD_LIMIT_S", 1.0)
    before = psutil.Process().children()
    with RenderEnv(RenderConfig(workers=1)) as one:
        assert one.render(drawing(73, 0)).ok
        templates(one)[0].suspend()
        start = time.monotonic()
        assert all(result.ok for result in one.render_many([drawing(73, number) for number in range(1, 8)]))
        assert time.monotonic() - start < 30
    assert psutil.Process().children() == before


STOPPED = """
import sys
from mmzero_env import RenderConfig, RenderEnv, RenderRequest
from tests.support.sandbox import hostile_python

with RenderEnv(RenderConfig(workers=1, timeout_s=6.0)) as env:
    assert env.render(RenderRequest(f"{hostile_python.TOOLS}report('warm')", "python")).ok
    print("now", flush=True)
    code = f"{hostile_python.TOOLS}import time\\nstart = time.monotonic()\\nwhile time.monotonic() < start + 2: pass"
    print(env.render(RenderRequest(f"{code}\\nreport('through')", "python")).status.name)
"""


@pytest.mark.parametrize("who", ["the owner", "everybody"])
def test_an_owner_that_is_stopped_costs_no_snippet(who):
    """Ctrl-Z, a container that is paused: time in which it cannot look says nothing about the snippet."""
    command = [sys.executable, "-c", STOPPED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as owner:
        assert owner.stdout.readline() == "now\n"
        time.sleep(0.3)
        one = psutil.Process(owner.pid)
        stopped = [one, *one.children(recursive=True)] if who == "everybody" else [one]
        for process in stopped:
            with contextlib.suppress(psutil.NoSuchProcess):  # one that was just ending when it was listed
                process.suspend()
        time.sleep(9.0)
        for process in reversed(stopped):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()
        assert owner.stdout.readline() == "OK\n"


def test_an_owner_that_is_stopped_does_not_take_its_template_for_dead(monkeypatch):
    """The limit of a template that says nothing was over before the owner could listen again."""
    monkeypatch.setattr(spawner, "CHILD_LIMIT_S", 0.5)
    with RenderEnv(RenderConfig(workers=1)) as one:
        assert one.render(drawing(77, 0)).ok
        alive = one._spawners["svg", 0]
        alive._heard = time.monotonic() - 60.0
        asked = []
        with alive._changed:
            alive._wait_for(lambda: asked.append(1) or len(asked) > 1)
        assert not alive.died


def test_an_interpreter_that_does_not_know_its_program_is_told_so(monkeypatch):
    monkeypatch.setattr(sys, "executable", "")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(RenderEnvError, match="remedy: start python by its full path"), RenderEnv():
        pass
    assert len(os.listdir("/proc/self/fd")) == before


HELD = """
import os, socket
from mmzero_env import wire
from mmzero_env.config import RenderConfig
from mmzero_env.process.child import run_child
from mmzero_env.sandbox.wall import Wall

ours, theirs = socket.socketpair()
wall = Wall("svg", RenderConfig(), frozenset())
wall.prepare()
if not os.fork():
    run_child(theirs.fileno(), os.getppid(), wall, lambda code: [code.encode()], None)
ours.settimeout(20)
assert ours.recv(1) == wire.READY
ours.sendall(wire.CODE.pack(2) + b"ab")
got = b""
while more := ours.recv(100):  # times out if the channel does not end
    got += more
print(got[1:].decode(), theirs.fileno() > 2)
"""


def test_a_result_ends_though_the_template_still_holds_the_channel():
    """A template that is stopped in the middle of a fork has not let go of the child's end yet."""
    done = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=False)
    assert done.stdout == "ab True\n", done.stderr


def test_deaths_long_ago_do_not_count():
    """Two in a row end it; one every now and then, in a stage of many hours, does not."""

    def die(ago_s: float) -> None:
        one_spawner = one._spawners["svg", 0]
        one_spawner._process.kill()
        wait_for(lambda: one_spawner.died)
        one_spawner.died_at -= ago_s

    with RenderEnv(RenderConfig(workers=1)) as one:
        for number in range(4):
            assert one.render(drawing(74, number)).ok
            die(ago_s=601.0)
        assert one.render(drawing(74, "again")).ok
        die(ago_s=0.0)
        assert one.render(drawing(74, "once more")).ok
        die(ago_s=0.0)
        for number in range(2):
            with pytest.raises(RenderEnvError, match="svg template died twice within 10 minutes: killed"):
                one.render(drawing(75, number))
        one._deaths["svg", 0][0].died_at -= 601.0
        assert one.render(drawing(75, "later")).ok, "what failed once is not lost for good"


def test_closing_in_a_fork_does_not_wait_for_the_owners_threads():
    with RenderEnv(RenderConfig(workers=1)) as one, one._lock:
        pid = os.fork()
        if pid == 0:
            signal.alarm(10)
            one.close()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0


# --- between neighbours ----------------------------------------------------------------------------------------------


def test_snippets_leave_no_marks_on_open_files(env):
    """Flags of an open file that a template and its children share would reach every later snippet."""
    read = "import fcntl\nreport(*[fcntl.fcntl(n, fcntl.F_GETFL) for n in (0, 1, 2, 3)])"
    write = (
        "import fcntl\nfor n in (0, 1, 2, 3): fcntl.fcntl(n, fcntl.F_SETFL, os.O_APPEND | os.O_NONBLOCK | os.O_NOATIME)"
    )
    before = python(env, f"{TOOLS}{read}\n").text
    for number in range(6):
        python(env, f"{TOOLS}{write}\nreport({number})")
    assert [python(env, f"{TOOLS}{read}{' ' * number}\n").text for number in range(1, 7)] == [before] * 6


def test_programs_started_by_the_owner_get_no_connection_to_snippets(env):
    env.render_many([drawing(76, number) for number in range(4)])
    listing = (
        "import os; print(*[os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if int(n) > 3])"
    )
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:"):
                assert not os.get_inheritable(int(descriptor))
    said = subprocess.run([sys.executable, "-c", listing], close_fds=False, capture_output=True, text=True).stdout
    assert "socket:" not in said


def test_pictures_without_pixels_are_refused(env):
    result = python(env, "from PIL import Image\nImage.new('RGB', (0, 9)).show()")
    assert result.status is RenderStatus.BAD_SIZE, result


@pytest.mark.parametrize("dpi", ["1e-300", "-5", "0", "-1e-9", "float('nan')", "float('inf')", "float('-inf')"])
def test_figures_of_no_size_are_refused(env, dpi):
    result = python(env, f"import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('a.png', dpi={dpi})")
    assert result.status is RenderStatus.BAD_SIZE, result
