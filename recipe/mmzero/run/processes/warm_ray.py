"""What the warm server knows of Ray, so that Ray's own processes are forked as the engine's are (warm.py).

Ray starts five helpers with each cluster (dashboard, autoscaler, log monitor, two agents) and every worker twice: as
setup_worker.py, which sets the variables of its runtime environment, and then as default_worker.py. Each of these
imports Ray, most of a second of processor time, and a stage waits for most of them in turn. All are started with
`sys.executable`, which in a warm child is the stand-in.

Private code of Ray 2.60.0 (pyproject.toml pins it); tests/recipe/run/test_warm.py starts the real one.
"""

import atexit
import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator

MODULES = (
    "ray._private.workers.default_worker",
    "ray._private.runtime_env.context",
    "ray._private.log_monitor",
    "ray.autoscaler._private.monitor",
    "ray.dashboard.dashboard",
    "ray.dashboard.agent",
)
SETTINGS = {
    # Ray's agents look for the raylet as their parent; with this they get a pipe whose end tells them that it is gone.
    "RAY_enable_pipe_based_agent_to_parent_health_check": "1",
    # Two workers for tasks without a runtime environment, which no stage has.
    "RAY_prestart_worker_first_driver": "0",
}
"""Of a stage whose processes are forked."""
FIRST_JOB = "01000000"


def read_at_import(owner: int) -> dict[str, str]:
    """What Ray's C++ core reads once, when it is imported, so that it has to be in the server's environment.

    A stage's cluster is its own and runs one job, whose id is always the first. Workers check that "the raylet" lives,
    here the process that owns the server.
    """
    return {"RAY_JOB_ID": FIRST_JOB, "RAY_RAYLET_PID": str(owner)}


@contextlib.contextmanager
def class_ids_of_the_kernel() -> Iterator[None]:
    """While modules are imported: ids of actor classes come from the kernel in place of Ray's C++ core.

    The core seeds its generator when it makes its first random id, which `@ray.remote` on a class does, and forked
    processes go on from there with the same ids: of two workers that start at the same moment one finds the object that
    it has just written deleted by the other and dies, and Ray waits a minute for it (seen once in about 200 stages).
    """
    import ray.actor

    ids = ray.actor.ActorClassID

    class Ids:
        @staticmethod
        def from_random():
            return ids(os.urandom(ids.size()))

    ray.actor.ActorClassID = Ids
    try:
        yield
    finally:
        ray.actor.ActorClassID = ids


def preload(run_like_python: Callable[[list[str]], int]) -> None:
    """Import what Ray's processes import, and let a worker start in one process in place of two.

    Args:
        run_like_python: runs `python ARGV` in this process; returns its exit status.
    """
    for name in MODULES:
        importlib.import_module(name)
    from ray._private.runtime_env.context import RuntimeEnvContext
    from ray._private.utils import update_envs
    from ray.core.generated.common_pb2 import Language
    from ray.dashboard.utils import DashboardAgentModule, get_all_modules

    get_all_modules(DashboardAgentModule)  # imports all; the dashboard's, too
    become_another = RuntimeEnvContext.exec_worker

    def exec_worker(self, arguments, language):
        if language != Language.PYTHON or self.command_prefix or self.py_executable != sys.executable:
            become_another(self, arguments, language)
        update_envs(self.env_vars)
        read_settings()
        sys.exit(run_like_python(arguments))

    RuntimeEnvContext.exec_worker = exec_worker


def read_settings() -> None:
    """Let Ray's C++ core read its settings, the authentication mode among them, from the environment again."""
    from ray._raylet import Config

    Config.initialize("")


def leave_without_farewell() -> None:
    """Spare a driver that succeeded the end of its own cluster, 2 to 3 s of one process after the other.

    The raylet and Ray's other children end with their driver (PR_SET_PDEATHSIG), and whoever started the step ends what
    is left (tree.end_step). A driver that failed takes its time: the last lines of its workers may say why.
    """
    worker = sys.modules.get("ray._private.worker")
    if worker is not None and worker._global_node is not None and worker._global_node.is_head():
        atexit.unregister(worker.shutdown)
