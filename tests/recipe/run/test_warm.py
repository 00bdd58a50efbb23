"""The warm server: its children look like ordinary processes to their callers, whatever these do."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mmzero_env.process.held_folder import hold, remove_abandoned
from recipe.mmzero.run.processes import warm, warm_client

SERVE = """
import socket, sys
from pathlib import Path
from recipe.mmzero.run.processes import warm
warm.PRELOAD = ()
warm.serve(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]))
"""


class Server:
    """A server without the engine's imports. Callers may queue before it starts."""

    def __init__(self, folder):
        self.folder, self.path = folder, folder / "socket"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(8)
        # The client's way out must not pass for success: it would become this.
        self.environment = os.environ | {warm.SOCKET: str(self.path), warm.PYTHON: "/bin/false"}

    def start(self):
        number = self.listener.fileno()
        command = [sys.executable, "-c", SERVE, str(number), str(self.folder)]
        self.process = subprocess.Popen(command, pass_fds=[number], stdin=subprocess.PIPE)

    def client(self, *words):
        command = [sys.executable, "-S", "-E", str(warm.CLIENT), *words]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True)

    def children(self):
        return psutil.Process(self.process.pid).children()


@pytest.fixture
def server(tmp_path_factory):
    one = Server(tmp_path_factory.mktemp("w"))
    yield one
    one.process.stdin.close()  # its owner is gone
    assert one.process.wait(timeout=20) == 0
    one.listener.close()


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
