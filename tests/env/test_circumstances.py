"""Where a program starts with less than it is used to: strict holds, or refuses with one line and a remedy.

Each case starts a program of its own under circumstances.py, renders both languages, tries to get out, and must leave
no folder behind.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sandbox import hostile_python, users

SVG = '<svg width="60" height="60"><circle cx="30" cy="30" r="20" fill="teal"/><text y="50">ok</text></svg>'
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.title('fine'); plt.savefig('a.png')\nplt.imread('a.png')"
ESCAPE = (
    hostile_python.TOOLS + "report(attempt(open, '/etc/passwd'), attempt(os.fork), attempt(os.kill, os.getppid(), 9), "
    "attempt(os.open, sys.executable, os.O_RDONLY | os.O_TRUNC))"
)
OWN_USER = 64999  # whose processes nobody else counts

HOLDS = {
    "root": {},
    "nobody": {"user": "nobody"},
    "no capabilities": {"user": "bare"},
    "no CAP_SETPCAP": {"user": "no_setpcap"},
    "shared memory of 64 MB": {"shm": "size=64m"},
    "shared memory of 64 MB, no capabilities": {"user": "bare", "shm": "size=64m"},
    "shared memory without inodes": {"shm": "size=200m,nr_inodes=3"},
    "shared memory read-only": {"shm": "ro"},
    "temporary folder read-only": {"tmp": "ro"},
    "shared memory and temporary folder read-only": {"user": "nobody", "shm": "ro", "tmp": "ro"},  # there is /var/tmp
    "no shared memory": {"without": ["/dev/shm"]},
    "room only where TMPDIR is": {"shm": "size=4m", "tmp": "size=4m", "env": {"TMPDIR": "/var/tmp"}},
    "TMPDIR does not exist": {"user": "nobody", "shm": "ro", "env": {"TMPDIR": "/nonexistent"}},
    "odd settings of Python": {
        "env": {
            "PYTHONDEVMODE": "1",
            "PYTHONWARNINGS": "error",
            "PYTHONOPTIMIZE": "2",
            "PYTHONUTF8": "0",
            "PYTHONMALLOC": "debug",
            "PYTHONHASHSEED": "7",
            "PYTHONPATH": ":/nonexistent:odd",
            "LC_ALL": "C",
        }
    },
    "a filter of the container": {"user": "bare", "refused": ["membarrier", "openat2"]},
    "a small stack": {"limits": {"STACK": 512 << 10}},
    "SIGCHLD ignored": {"ignored": ["SIGCHLD"]},
    "SIGCHLD and SIGXCPU ignored": {"user": "nobody", "ignored": ["SIGCHLD", "SIGXCPU", "SIGTERM", "SIGPIPE"]},
    "64 descriptors": {"limits": {"NOFILE": 64}},
    "100 descriptors": {"user": "nobody", "limits": {"NOFILE": 100}},
    "101 descriptors": {"limits": {"NOFILE": 101}},
    "256 descriptors": {"user": "bare", "limits": {"NOFILE": 256}},
    "stdin closed": {"closed": [0]},
    "stdout closed": {"closed": [1]},
    "stdin and stdout closed": {"user": "nobody", "closed": [0, 1]},
    "stdout and stderr closed": {"closed": [1, 2]},
    "all closed": {"closed": [0, 1, 2]},
    "deleted working directory": {"cwd": "deleted"},
    "no HOME": {"home": None},
    "HOME does not exist": {"home": "/nonexistent/home"},
    "HOME is relative": {"home": "some/folder"},
    "HOME is a file": {"home": "/etc/passwd"},
} | {f"umask {value:o}": {"user": "nobody", "umask": value} for value in (0, 0o022, 0o077, 0o400, 0o500, 0o700, 0o777)}
REFUSES = {
    "no files allowed": ({"limits": {"FSIZE": 0}}, "svg", "ulimit -f"),
    "files of 1 MB allowed": ({"user": "nobody", "limits": {"FSIZE": 1 << 20}}, "svg", "ulimit -f"),
    "20 seconds of CPU time": ({"limits": {"CPU": 20}, "config": {"cpu_s": 60.0}}, "svg", "ulimit -t"),
    "2 GB of address space": (
        {"user": "nobody", "limits": {"AS": 2 << 30}, "config": {"memory_mb": 4096}},
        "svg",
        "ulimit -v",
    ),
    "no /proc": ({"without": ["/proc"]}, "svg", "remedy"),
    "a filter without Landlock": ({"refused": ["landlock_create_ruleset"]}, "svg", "a kernel or container that allows"),
    "no room for files": ({"shm": "size=4m", "tmp": "size=4m"}, "python", "make room"),
    "few processes": ({"user": OWN_USER, "limits": {"NPROC": 1}}, "svg", "ulimit -u"),
    "processes for two": ({"user": OWN_USER + 1, "limits": {"NPROC": 2}}, "svg", "ulimit -u"),
    "8 descriptors": ({"limits": {"NOFILE": 8}}, "svg", "ulimit -n"),
    "10 descriptors": ({"limits": {"NOFILE": 10}}, "python", "ulimit -n"),
}


@pytest.mark.parametrize("name", HOLDS)
def test_strict_holds(name):
    runner = users.start(HOLDS[name].get("user", "root"), HOLDS[name])
    assert all(on for _, on, _ in runner.hello["ready"])
    for code, language in ((SVG, "svg"), (PLOT, "python")):
        answer = runner.render(code, language)
        assert answer.status == "OK", answer
    if "ignored" in HOLDS[name]:
        assert runner.render("while True: pass", "python").status == "TIMEOUT"
    answer = runner.render(ESCAPE, "python")
    assert answer.text == [hostile_python.REFUSED] * 4, answer
    said = runner.close()
    assert "Traceback" not in said, said


@pytest.mark.parametrize("name", REFUSES)
def test_strict_refuses_with_one_line_and_a_remedy(name):
    case, language, remedy = REFUSES[name]
    runner = users.start(case.get("user", "root"), case, may_refuse=True, **case.get("config", {}))
    said = runner.hello if "error" in runner.hello else runner.try_render(SVG if language == "svg" else PLOT, language)
    assert "error" in said, f"it works all the same: {said}"
    assert "\n" not in said["error"] and remedy in said["error"] and "remedy" in said["error"], said
    runner.close()


@pytest.mark.parametrize("home", ["/nonexistent-home", "odd/home"])
def test_no_folder_is_made_where_there_is_no_home(home):
    runner = users.start("root", {"home": home})
    for code, language in ((SVG, "svg"), (PLOT, "python")):
        assert runner.render(code, language).status == "OK"
    runner.close()
    assert not Path("/", home).exists() and not Path("/odd").exists()


@pytest.mark.parametrize("call", ["mkdir", "fork"])
def test_what_fails_for_a_moment_is_tried_again(call):
    """No more folders or processes for two seconds, as when something else fills them."""
    script = Path(users.__file__).with_name("for_a_moment.py")
    done = subprocess.run([sys.executable, str(script), call], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["True"] * 6, done
