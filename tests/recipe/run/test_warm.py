"""The warm server: its children look like ordinary processes to their callers, whatever these do."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from mmzero_env.process.held_folder import hold, remove_abandoned
from recipe.mmzero.run.processes import warm, warm_client, warm_ray

SERVE = """
import socket, sys
from pathlib import Path
from recipe.mmzero.run.processes import warm
warm.PRELOAD, warm.SCRIPTS = sys.argv[4:], ()
sys.path.insert(0, sys.argv[2])
if sys.argv[3] == "without Ray":
    warm.warm_ray.preload = lambda run: None
warm.serve(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]))
"""
DRIVER = """
import json, os, sys, ray
ray.init(num_cpus=2, include_dashboard=False, runtime_env={"env_vars": {"MARK": "of the runtime environment"}})

@ray.remote
class Worker:
    def look(self):
        return {"mark": os.environ["MARK"], "imported": "ray.dashboard.agent" in sys.modules}

worker = Worker.remote()
print(json.dumps(ray.get(worker.look.remote())), flush=True)
sys.stdin.readline()
"""


class Server:
    """A server without the engine's imports. Callers may queue before it starts."""

    def __init__(self, folder, ray="without Ray", *preload):
        self.folder, self.path, self.ray, self.preload = folder, folder / "socket", ray, preload
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(8)
        warm.write_stand_in(folder)
        # The client's way out must not pass for success: it would become this.
        self.environment = os.environ | {warm.SOCKET: str(self.path), warm.PYTHON: "/bin/false"} | warm_ray.SETTINGS
        self.environment |= {"RAY_TMPDIR": str(folder), "RAY_USAGE_STATS_ENABLED": "0"}

    def start(self):
        number = self.listener.fileno()
        command = [sys.executable, "-c", SERVE, str(number), str(self.folder), self.ray, *self.preload]
        environment = self.environment | warm_ray.read_at_import(os.getpid())
        self.process = subprocess.Popen(command, env=environment, pass_fds=[number], stdin=subprocess.PIPE)

    def client(self, *words):
        command = [sys.executable, "-S", "-E", str(warm.CLIENT), *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=self.environment, stdin=pipe, stdout=pipe, text=True)

    def children(self):
        return psutil.Process(self.process.pid).children()

    def end(self):
        self.process.stdin.close()  # its owner is gone
        assert self.process.wait(timeout=20) == 0
        self.listener.close()


@pytest.fixture
def server(tmp_path_factory):
    one = Server(tmp_path_factory.mktemp("w"))
    yield one
    one.end()


@pytest.fixture
def server_with_ray():
    folder = Path(tempfile.mkdtemp(prefix="mmz-t-"))  # a path of a socket may have 107 bytes at most
    (folder / "with_an_actor.py").write_text("import ray\n\n\n@ray.remote\nclass Actor:\n    pass\n")
    one = Server(folder, "with Ray", "with_an_actor")
    yield one
    one.end()
    shutil.rmtree(folder, ignore_errors=True)


def test_output_and_exit_status_are_the_childs(server):
    server.start()
    client = server.client("-c", "import sys; print(sys.argv); sys.exit(3)", "word")
    assert client.communicate(timeout=60)[0] == "['-c', 'word']\n" and client.returncode == 3
    killed = server.client("-c", "import os; os.kill(os.getpid(), 9)")
    assert killed.wait(timeout=60) == -signal.SIGKILL


def test_caller_that_is_killed_while_it_waits_does_not_end_the_server(server):
    """A stage that is killed just when its processes ask for children; found by tests/chaos."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(server.path))
    warm_client.hand_over(connection, ["-c", "import time; time.sleep(600)"])
    connection.close()
    server.start()
    client = server.client("-c", "print('alive')")
    assert client.communicate(timeout=60)[0] == "alive\n"
    assert server.children() == [], "the child of the caller that is gone"


def test_child_ends_with_its_caller(server):
    server.start()
    client = server.client("-c", "print('here', flush=True); import time; time.sleep(600)")
    assert client.stdout.readline() == "here\n"
    client.kill()
    client.wait()
    deadline = time.monotonic() + 20
    while server.children():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_ray_is_forked_whole_and_ends_with_its_driver(server_with_ray):
    """Its dashboard, autoscaler, log monitor and both agents, the driver and the worker; none of them could start as
    the real interpreter here."""
    server = server_with_ray
    server.start()
    driver = server.client("-c", DRIVER)
    seen = json.loads(driver.stdout.readline())
    assert seen == {"mark": "of the runtime environment", "imported": True}
    assert len(server.children()) == 7
    driver.communicate("\n", timeout=60)
    assert driver.returncode == 0
    deadline = time.monotonic() + 300
    while server.children():
        assert time.monotonic() < deadline, server.children()
        time.sleep(0.1)


@pytest.mark.parametrize("options", [["-I"], ["-X", "utf8", "-S", "-s"]])
def test_who_wants_a_bare_interpreter_gets_one(server, options):
    """The sandbox's template must not hold what a warm process has imported."""
    server.start()
    server.environment[warm.PYTHON] = sys.executable
    code = "import os, sys; print(os.getppid(), 'torch' in sys.modules)"
    assert server.client(*options, "-c", code).communicate(timeout=60)[0] == f"{os.getpid()} False\n"


def test_forked_processes_make_ids_of_their_own(server_with_ray):
    """Two workers with one id delete each other's first object, and Ray waits a minute for the one that dies."""
    server_with_ray.start()
    words = "-c", "import ray; print(ray.ObjectID.from_random().hex())"
    said = [server_with_ray.client(*words).communicate(timeout=60)[0] for _ in range(2)]
    assert len(set(said)) == 2 and all(said)


def test_without_a_server_the_client_becomes_the_interpreter(tmp_path):
    environment = os.environ | {warm.SOCKET: str(tmp_path / "none"), warm.PYTHON: sys.executable}
    command = [sys.executable, "-S", "-E", str(warm.CLIENT), "-c", "print('cold')"]
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout == "cold\n"


def test_folders_of_killed_owners_are_removed(tmp_path):
    dead, lock = hold(warm.FOLDER, str(tmp_path))
    living, _ = hold(warm.FOLDER, str(tmp_path))
    Path(dead, "socket").touch()
    os.close(lock)  # what the kernel does when a process is killed
    remove_abandoned(warm.FOLDER, str(tmp_path))
    assert not Path(dead).exists() and Path(living).exists()
