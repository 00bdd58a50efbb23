"""The pool: order, sharing, caching, cancelling, threads and loops, deaths of children, templates, owners, closing."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from mmzero_env import RenderConfig, RenderEnv, RenderEnvError, RenderRequest, RenderStatus
from mmzero_env.process import scratch as scratches

SCRIPTS = Path(__file__).parents[1] / "support" / "sandbox"
SVG = '<svg width="{0}" height="60"><rect width="20" height="20" fill="red"/><text y="50">{1}</text></svg>'
LOOP = RenderRequest("while True: pass", "python")


def drawing(width: int = 60, text: object = "a") -> RenderRequest:
    return RenderRequest(SVG.format(width, text), "svg")


def templates(one: RenderEnv) -> list[psutil.Process]:
    return [psutil.Process(spawner._process.pid) for spawner in one._spawners.values()]


def children(one: RenderEnv) -> list[psutil.Process]:
    return [child for template in templates(one) for child in template.children()]


def busy(one: RenderEnv) -> list[psutil.Process]:
    """Children that have been running a snippet for a while."""
    found = []
    for child in children(one):
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [child] * (child.cpu_times().user > 0.2)
    return found


def scratch_of(one: RenderEnv) -> Path:
    """The folder of the Python template."""
    code = "import os\nfrom PIL import Image, ImageDraw\nx = Image.new('RGB', (900, 100), 'white')\n"
    result = one.render(RenderRequest(code + "ImageDraw.Draw(x).text((0, 0), os.getcwd(), fill='black')", "python"))
    return Path(result.text[0]).parent


def wait_for(condition, limit_s: float = 20.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def env():
    with RenderEnv(RenderConfig(workers=2, timeout_s=20.0)) as one:
        yield one


# --- results ---------------------------------------------------------------------------------------------------------


def test_order_is_kept_and_progress_counts(env):
    seen = []
    requests = [drawing(40 + index, index) for index in range(30)]
    results = env.render_many(requests, progress=lambda done, everything: seen.append((done, everything)))
    assert [result.width for result in results] == [40 + index for index in range(30)]
    assert [result.text for result in results] == [(str(index),) for index in range(30)]
    assert seen == [(index + 1, 30) for index in range(30)]


def test_identical_code_is_rendered_once(env):
    results = env.render_many([drawing(77, "same")] * 20)
    assert all(result is results[0] for result in results)
    assert env.render(drawing(77, "same")) is results[0]


def test_failures_that_depend_on_the_machine_are_not_kept(env):
    exits = RenderRequest("import os; os._exit(1)", "python")
    first, second = env.render(exits), env.render(exits)
    assert first.status is second.status is RenderStatus.CRASH and first is not second


def test_cache_is_bounded():
    with RenderEnv(RenderConfig(workers=1, cache_mb=0)) as one:
        assert one.render(drawing()) is not one.render(drawing())


def test_any_thread_and_any_loop(env):
    async def in_a_loop(start: int):
        return await asyncio.gather(*[env.render_async(drawing(50 + start + index, index)) for index in range(8)])

    with ThreadPoolExecutor(3) as pool:
        batches = list(pool.map(lambda start: asyncio.run(in_a_loop(start)), (0, 100, 200)))
    assert [[result.width for result in batch] for batch in batches] == [
        [50 + start + index for index in range(8)] for start in (0, 100, 200)
    ]


def test_thread_that_opened_it_may_end():
    opened = []
    thread = threading.Thread(target=lambda: opened.append(RenderEnv(RenderConfig(workers=1)).__enter__()))
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert opened[0].render(drawing()).ok
    opened[0].close()
    opened[0].close()


def test_cancelled_calls_leave_the_rest_alone(env):
    async def scenario():
        shared = drawing(90, "shared")
        tasks = [asyncio.ensure_future(env.render_async(drawing(91, n))) for n in range(20)]
        twice = [asyncio.ensure_future(env.render_async(shared)) for _ in range(2)]
        await asyncio.sleep(0)
        for task in tasks[::2] + twice[:1]:
            task.cancel()
        results = await asyncio.gather(*tasks, *twice, return_exceptions=True)
        return results[:20], results[20:]

    results, twice = asyncio.run(scenario())
    assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
    assert [result.text for result in results[1::2]] == [(str(n),) for n in range(1, 20, 2)]
    assert isinstance(twice[0], asyncio.CancelledError) and twice[1].ok
    assert env.render(drawing(92)).ok


def test_waiting_is_bounded_by_the_wall_clock():
    with RenderEnv(RenderConfig(workers=1, timeout_s=0.5, cpu_s=60.0)) as one:
        result = one.render(RenderRequest("import time; time.sleep(60)", "python"))
        assert result.status is RenderStatus.TIMEOUT and "timeout_s" in result.message and result.wall_s < 20


# --- bad use ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values, said",
    [
        ({"workers": 0}, "render.workers"),  # nobody to do it
        ({"workers": 1.5}, "render.workers"),
        ({"workers": True}, "render.workers"),
        ({"timeout_s": 0}, "render.timeout_s"),
        ({"timeout_s": float("nan")}, "render.timeout_s"),
        ({"timeout_s": "10"}, "render.timeout_s"),
        ({"cpu_s": -1}, "render.cpu_s"),
        ({"memory_mb": 1}, "render.memory_mb"),  # the interpreter itself needs more
        ({"max_code_bytes": 0}, "render.max_code_bytes"),
        ({"max_side": 100_000}, "render.max_side"),
        ({"min_side": 512, "max_side": 256}, "render.min_side"),
        ({"sandbox": "off"}, "strict, best_effort"),
        ({"blank": "maybe"}, "fail, allow"),
        ({"background": "whitish"}, "render.background"),
        ({"background": None}, "render.background"),
    ],
)
def test_impossible_limits(values, said):
    with pytest.raises(ValueError, match=said) as caught:
        RenderConfig(**values)
    assert "\n" not in str(caught.value)


def test_requests_that_are_none():
    with pytest.raises(ValueError, match="must be a string, got bytes"):
        RenderRequest(b"<svg/>", "svg")
    with pytest.raises(ValueError, match="svg, python, got 'html'"):
        RenderRequest("<p/>", "html")


def test_environment_that_is_not_open():
    one = RenderEnv(RenderConfig(workers=1))
    with pytest.raises(ValueError, match="not open"):
        one.render(drawing())
    with one, pytest.raises(ValueError, match="RenderRequest"):
        one.render("<svg/>")
    with pytest.raises(ValueError, match="closed"):
        one.render(drawing())
    with pytest.raises(ValueError, match="closed"):
        one.render(RenderRequest("", "svg"))
    with pytest.raises(ValueError, match="opened once"):
        one.__enter__()
    with pytest.raises(ValueError, match="RenderConfig"):
        RenderEnv({"workers": 1})


# --- deaths ----------------------------------------------------------------------------------------------------------


def test_child_that_is_killed_loses_only_its_snippet(env):
    env.render(RenderRequest("1", "python"))  # the template is up
    with ThreadPoolExecutor(1) as pool:
        looping = pool.submit(env.render, LOOP)
        wait_for(lambda: busy(env))
        busy(env)[0].kill()
        assert looping.result().status is RenderStatus.MEMORY, "SIGKILL that nobody here sent is the kernel's"
    assert all(result.ok for result in env.render_many([drawing(60, f"after {n}") for n in range(5)]))


def test_template_that_dies_is_restarted_once():
    with RenderEnv(RenderConfig(workers=2)) as one:
        assert one.render(drawing(60, 1)).ok
        (template,) = templates(one)
        template.kill()
        template.wait(10)
        assert all(result.ok for result in one.render_many([drawing(60, n) for n in range(10)]))
        (template,) = templates(one)
        template.kill()
        with pytest.raises(RenderEnvError, match="svg template died twice"):
            one.render_many([drawing(61, n) for n in range(10)])


def test_snippet_that_runs_when_its_template_dies_runs_again():
    code = "import time\ntime.sleep(1.5)\nfrom PIL import Image\nImage.linear_gradient('L').show()"
    with RenderEnv(RenderConfig(workers=1)) as one:
        one.render(RenderRequest("1", "python"))
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(one.render, RenderRequest(code, "python"))
            time.sleep(0.3)
            for template in templates(one):
                template.kill()
            assert running.result().ok


def test_owner_that_is_killed_leaves_nothing():
    owner = subprocess.Popen([sys.executable, str(SCRIPTS / "owner.py")], stdout=subprocess.PIPE, text=True)
    assert owner.stdout.readline() == "running\n"
    family = psutil.Process(owner.pid).children(recursive=True)
    assert len(family) >= 6, "two templates, two loops, children that wait"
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=15)
    assert not alive


def test_folders_of_killed_templates_are_removed_by_the_next_one(monkeypatch, tmp_path):
    monkeypatch.setattr(scratches, "SHARED_MEMORY", str(tmp_path))
    living, dead = scratches.Scratch.create(), scratches.Scratch.create()
    Path(dead.folder(), "left.txt").write_text("x", encoding="utf-8")
    os.close(dead._lock)  # what the kernel does when a process is killed
    scratches.Scratch.create()
    assert not Path(dead.path).exists() and Path(living.path).is_dir()


def test_terminated_template_takes_its_folder_along():
    with RenderEnv(RenderConfig(workers=1)) as one:
        folder, family = scratch_of(one), templates(one)
        for template in family:
            template.send_signal(signal.SIGTERM)
        assert not psutil.wait_procs(family, timeout=10)[1]
        assert not folder.exists()


def test_forked_process_neither_uses_nor_ends_it(env):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            env.close()
            env.render(drawing(60, "forked"))
        except RenderEnvError as error:
            code = 0 if "another process" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert env.render(drawing(60, "parent")).ok


def test_closing_leaves_nothing():
    def held():
        me = psutil.Process()
        return me.num_fds(), threading.active_count(), {child.pid for child in me.children()}

    before = held()
    with RenderEnv(RenderConfig(workers=2)) as one:
        folder = scratch_of(one)
        assert one.render(drawing()).ok and folder.is_dir()
        family = templates(one) + children(one)
    assert held() == before and not folder.exists()
    assert not psutil.wait_procs(family, timeout=10)[1]


def test_closing_while_snippets_run():
    one = RenderEnv(RenderConfig(workers=1, timeout_s=60.0, cpu_s=60.0)).__enter__()
    one.render(RenderRequest("1", "python"))
    family = templates(one) + children(one)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(one.render, request) for request in (LOOP, drawing())]
        wait_for(lambda: busy(one))
        one.close()
        for future in waiting:
            with pytest.raises(RenderEnvError, match="closed"):
                future.result(timeout=20)
    assert not psutil.wait_procs(family, timeout=10)[1]


# --- layers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["landlock", "seccomp", "capabilities"])
def test_strict_refuses_to_start_without_a_layer(layer):
    (line,) = without(layer, "strict")
    assert re.fullmatch(rf"RenderEnvError: .*{layer} \(.*Function not implemented\).*best_effort.*", line)


@pytest.mark.parametrize("layer, then", [("landlock", "FORBIDDEN"), ("seccomp", "NO_IMAGE")])
def test_best_effort_says_what_is_off(layer, then):
    said = without(layer, "best_effort")
    assert f"these layers are off: {layer} (" in said[0] and "Function not implemented" in said[0]
    on = next(line for line in said if line.startswith("on:")).split()[1:]
    assert set(on) == {"limits", "no_new_privs", "capabilities", "landlock", "seccomp"} - {layer}
    assert said[-1] == then, "the other layers still hold, the missing one does not"


def without(layer: str, sandbox: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "without_layer.py"), layer, sandbox], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
