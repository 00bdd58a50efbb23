"""Asking through the real client and a scripted server: prompts, resuming, failures; `vllm serve` is in tests/e2e."""

import asyncio
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from recipe.mmzero.run.evaluate.asking import ask as asking
from recipe.mmzero.run.evaluate.asking import server_child
from recipe.mmzero.run.evaluate.asking.ask import Asking, ask_all
from recipe.mmzero.run.evaluate.asking.prompt import messages, prompt_text
from recipe.mmzero.run.evaluate.asking.server import Server, Serving, arguments
from recipe.mmzero.run.evaluate.asking.store import Answer, AnswerStore, claim
from recipe.mmzero.run.evaluate.data.items import Item
from recipe.mmzero.run.evaluate.data.pictures import PictureStore
from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.run.evaluate.evaluation import Checkpoint, Evaluation
from recipe.mmzero.run.evaluate.suite import Benchmark, Suite, solver_templates
from recipe.mmzero.run.processes import tree
from tests.support.fault_server import FaultServer, dead_address, echo, has_picture, png, question_of, serve

SUITE = Suite(
    name="s", benchmarks=[Benchmark("b", "x", own="{question}\n{choices}\nShort.")], samples=2, template="tiny"
)


@pytest.fixture
def pictures(tmp_path):
    return PictureStore(tmp_path / "pictures")


def items_of(pictures, count=6):
    names = [pictures.add(png((k, 0, 0))) for k in range(count)]
    return [Item("b", f"q{k}", f"how many? {k}", (), (str(k),), None, names[k], (names[k],)) for k in range(count)]


QUICK = Asking(4, 20.0, 3)


def ask(suite, items, pictures, store, reply=echo, quick=QUICK, **server):
    async def main():
        async with serve(FaultServer(reply, **server)) as fake:
            await asyncio.to_thread(ask_all, suite, items, pictures, store, fake.url, quick)
            return fake

    return asyncio.run(main())


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_item_and_sample_is_asked_with_a_seed_of_its_own(tmp_path, pictures):
    items, store = items_of(pictures), AnswerStore(tmp_path / "a")
    server = ask(SUITE, items, pictures, store)
    assert sorted(store.answers) == [(k, s) for k in range(6) for s in range(2)]
    assert len({body["seed"] for body in server.bodies}) == 12
    body = server.bodies[0]
    assert (body["max_tokens"], body["temperature"], body["n"]) == (4096, 0.0, 1)
    assert body["mm_processor_kwargs"] == {"min_pixels": 3136, "max_pixels": 1_073_296}
    assert all(map(has_picture, server.bodies))


def test_seeds_do_not_depend_on_the_order_or_the_other_items(pictures):
    items = items_of(pictures)
    assert asking.seed_for(SUITE, items[3], 1) == asking.seed_for(replace(SUITE, samples=9), items[3], 1)
    assert asking.seed_for(SUITE, items[3], 1) != asking.seed_for(replace(SUITE, seed=1), items[3], 1)


def test_failures_of_the_server_are_retried_and_change_nothing(tmp_path, pictures):
    items = items_of(pictures)
    clean, troubled = AnswerStore(tmp_path / "clean"), AnswerStore(tmp_path / "troubled")
    for store, faults in ((clean, {}), (troubled, {"drop": 0.2, "error": 0.2, "seed": 3})):
        server = ask(SUITE, items, pictures, store, **faults)
        store.shards.mkdir(parents=True, exist_ok=True)
        store.finish()
    assert server.seen["error"] > 0 and server.seen["drop"] > 0
    assert digest(clean.final) == digest(troubled.final)


def test_what_was_stored_is_not_asked_again_and_the_file_is_the_same(tmp_path, pictures):
    items = items_of(pictures)
    whole, stopped = AnswerStore(tmp_path / "whole"), AnswerStore(tmp_path / "stopped", rows_per_shard=2)
    for store in (whole, stopped):
        claim(store.folder, {"x": 1})
    ask(SUITE, items, pictures, whole)
    whole.finish()

    def dies_at_seven(body):
        if len(stopped.answers) >= 7:
            raise OSError("planted")  # HTTP 500
        return echo(body)

    with pytest.raises(EvaluationError, match=r"\d+ answers are stored: run again to go on") as error:
        ask(SUITE, items, pictures, stopped, dies_at_seven, Asking(1, 20.0, 1))
    assert "\n" not in str(error.value) and not stopped.final.exists()

    again = AnswerStore(tmp_path / "stopped")
    claim(again.folder, {"x": 1})
    (again.shards / "00000099-0000.parquet.part").write_bytes(b"half of a shard")
    again.load()
    assert len(again.answers) == 7
    server = ask(SUITE, items, pictures, again)
    assert len(server.bodies) == 12 - 7
    again.finish()
    assert digest(again.final) == digest(whole.final)
    assert list(again.shards.iterdir()) == []


def test_a_damaged_shard_is_asked_again(tmp_path, pictures, capsys):
    items, store = items_of(pictures), AnswerStore(tmp_path / "a", rows_per_shard=4)
    claim(store.folder, {})
    ask(SUITE, items, pictures, store)
    shard = sorted(store.shards.glob("*.parquet"))[0]
    content = bytearray(shard.read_bytes())
    content[len(content) // 3] ^= 0xFF
    shard.write_bytes(content)
    again = AnswerStore(tmp_path / "a")
    again.load()
    assert len(again.answers) == 8 and "set aside" in capsys.readouterr().out
    assert len(ask(SUITE, items, pictures, again).bodies) == 4


def test_answers_to_something_else_are_refused(tmp_path):
    claim(tmp_path / "a", {"seed": 0, "model": "x"})
    with pytest.raises(EvaluationError, match="holds answers for another seed; use another --out"):
        claim(tmp_path / "a", {"seed": 1, "model": "x"})


def test_an_unreachable_server_is_one_line(tmp_path, pictures):
    with pytest.raises(EvaluationError, match="0 answers are stored") as error:
        ask_all(SUITE, items_of(pictures), pictures, AnswerStore(tmp_path / "a"), dead_address(), Asking(4, 3.0, 1))
    assert "\n" not in str(error.value)


def test_a_refused_request_is_an_error_and_no_wrong_answer(tmp_path, pictures, monkeypatch):
    async def refuse(self, request):
        from aiohttp import web

        return web.Response(status=400, text="prompt of 9000 tokens is too long")

    monkeypatch.setattr(FaultServer, "chat", refuse)
    store = AnswerStore(tmp_path / "a")
    with pytest.raises(EvaluationError, match=r"too long.*lower max_tokens or pixels.max"):
        ask(SUITE, items_of(pictures), pictures, store)
    assert not store.answers


def test_blind_asks_the_same_words_without_a_picture(tmp_path, pictures):
    items = items_of(pictures)
    seeing = ask(SUITE, items, pictures, AnswerStore(tmp_path / "a")).bodies
    blind = ask(SUITE, items, None, AnswerStore(tmp_path / "b")).bodies
    assert {question_of(body) for body in blind} == {question_of(body) for body in seeing}
    assert not any(map(has_picture, blind))


def test_the_training_prompt_is_the_solvers(pictures):
    item = items_of(pictures, 1)[0]
    full = replace(SUITE, template="full")
    text = prompt_text(item, "training", solver_templates(full), SUITE.benchmarks[0])
    assert text.startswith("how many? 0") or "how many? 0" in text
    assert "\\boxed" in text
    asked = messages(item, text, pictures)
    assert asked == solver_templates(full).solver_messages("how many? 0", pictures.url(item.pictures[0]))


def test_choices_follow_the_question(pictures):
    item = replace(items_of(pictures, 1)[0], choices=("red", "blue"), choice=1)
    benchmark, templates = SUITE.benchmarks[0], solver_templates(SUITE)
    assert prompt_text(item, "own", templates, benchmark) == "how many? 0\nA. red\nB. blue\nShort."
    assert prompt_text(item, "training", templates, benchmark) == "how many? 0\nA. red\nB. blue"
    without = replace(item, choices=())
    assert prompt_text(without, "own", templates, benchmark) == "how many? 0\nShort."
    other = replace(benchmark, own_open="{question}\nOne word.")
    assert prompt_text(without, "own", templates, other) == "how many? 0\nOne word."
    assert prompt_text(item, "own", templates, other).endswith("\nShort.")


def test_pictures_stand_where_the_question_names_them(pictures):
    names = tuple(pictures.add(png((k, 9, 9))) for k in range(3))
    item = Item("b", "q", "compare <image 2> with <image1>?", (), ("1",), None, "c", names)
    parts = messages(item, item.question, pictures)[0]["content"]
    urls = {pictures.url(name): k for k, name in enumerate(names)}
    kinds = [part["text"] if part["type"] == "text" else urls[part["image_url"]["url"]] for part in parts]
    assert kinds == [2, "compare ", 1, " with ", 0, "?"]


def evaluated(folder, model="tiny", port=0, suite=None):
    """`Evaluation.ask` of a served model; (its address, what it was asked)."""
    evaluation = Evaluation(suite or SUITE, folder)
    items = items_of(evaluation.pictures)

    async def main():
        async with serve(FaultServer(echo, model=model), port) as fake:
            checkpoint = Checkpoint("base", fake.url, True)
            await asyncio.to_thread(evaluation.ask, checkpoint, items, Serving(0), QUICK, False)
            return fake

    return asyncio.run(main())


def test_a_server_that_serves_another_model_is_noticed(tmp_path):
    """An address says nothing of what is behind it: its model's name is bound to the answers as well."""
    first = evaluated(tmp_path / "out")
    port = int(first.url.rpartition(":")[2])
    final = tmp_path / "out" / "base" / "answers.parquet"
    assert not evaluated(
        tmp_path / "out", "another", port
    ).bodies  # all answers are there: the server is not even asked
    final.rename(tmp_path / "away.parquet")
    with pytest.raises(EvaluationError, match="base holds answers for another model"):
        evaluated(tmp_path / "out", "another", port)
    assert len(evaluated(tmp_path / "out", "tiny", port).bodies) == 12 and final.exists()


def test_only_the_prompt_that_is_used_is_bound_to_the_answers(tmp_path):
    other = replace(SUITE, benchmarks=[replace(SUITE.benchmarks[0], own="{question} Long.")])
    evaluation = Evaluation(SUITE, tmp_path)
    assert evaluation.identity("m", [], False) == Evaluation(other, tmp_path).identity("m", [], False)
    own, another = (Evaluation(replace(suite, prompt="own"), tmp_path) for suite in (SUITE, other))
    assert own.identity("m", [], False) != another.identity("m", [], False)
    opened = replace(other, prompt="own", benchmarks=[replace(other.benchmarks[0], own_open="{question}?")])
    assert another.identity("m", [], False) != Evaluation(opened, tmp_path).identity("m", [], False)


def test_words_for_vllm(tmp_path):
    words = arguments("model", "label", SUITE, 3, Serving(0), 8000)
    assert words[:8] == ["serve", "model", "--host", "127.0.0.1", "--port", "8000", "--served-model-name", "label"]
    assert '{"image": 3, "video": 0}' in words and "float32" in words
    words = arguments("model", "label", SUITE, 1, Serving(8), 8000)
    assert words[-2:] == ["--data-parallel-size", "8"] and "float32" not in words
    words = arguments("model", "label", SUITE, 1, Serving(8, ["--tensor-parallel-size", "8"]), 8000)
    assert words[-2:] == ["--tensor-parallel-size", "8"] and "--data-parallel-size" not in words


def planted(folder, code):
    """A package `vllm` whose command line is `code`."""
    path = folder / "vllm" / "entrypoints" / "cli"
    path.mkdir(parents=True)
    for parent in (path, path.parent, path.parent.parent):
        (parent / "__init__.py").touch()
    (path / "main.py").write_text(code + "\nif __name__ == '__main__':\n    main()\n")
    return os.pathsep.join([str(folder), str(Path(asking.__file__).parents[5])])


def test_a_server_that_ends_while_it_starts_is_one_line(tmp_path, monkeypatch):
    code = "def main():\n    raise SystemExit('ValueError: no memory for the cache')\n"
    monkeypatch.setenv("PYTHONPATH", planted(tmp_path / "fake", code))
    server = Server("model", "label", SUITE, 1, Serving(0), tmp_path / "server.log")
    with pytest.raises(
        EvaluationError, match="ended while it started: ValueError: no memory for the cache; log:"
    ) as error:
        server.start()
    assert "\n" not in str(error.value) and not server.alive()


# An engine process as vLLM's: its environment cannot be read, and it lives on when its parent dies.
LEAVES_ONE = """
import os, subprocess, sys, time

def main():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], env={}, start_new_session=True)
    open(os.environ["MARK"], "w").write(str(child.pid))
    %s
"""


def child_of(mark):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if mark.exists() and mark.read_text():
            return psutil.Process(int(mark.read_text()))
        time.sleep(0.1)
    raise TimeoutError


def gone(process):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    process.kill()
    return False


def test_a_server_that_crashes_leaves_no_engine(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", planted(tmp_path / "fake", LEAVES_ONE % "os._exit(3)"))
    monkeypatch.setenv("MARK", str(tmp_path / "mark"))
    with pytest.raises(EvaluationError, match="ended while it started"):
        Server("model", "label", SUITE, 1, Serving(0), tmp_path / "server.log").start()
    number = int((tmp_path / "mark").read_text())
    assert not psutil.pid_exists(number) or gone(psutil.Process(number))


def test_a_server_that_does_not_end_is_one_line_and_waited_for_once(tmp_path, monkeypatch):
    """A card's driver may hold one of its processes for ever."""
    asked = []

    def stuck(token, root, **options):
        asked.append(root)
        raise tree.NotEnded("process 7 (D) does not end after SIGKILL")

    monkeypatch.setattr(tree, "end_step", stuck)
    server = Server("model", "label", SUITE, 1, Serving(0), tmp_path / "server.log")
    with subprocess.Popen(["true"], stdin=subprocess.PIPE) as server._process:
        number = server._process.pid
        with pytest.raises(EvaluationError, match=r"^label: its server: process 7 \(D\) .*; log: ") as error:
            server.stop()  # as where it is started again
        server.__exit__()
        assert "\n" not in str(error.value) and asked == [number]


def test_the_ancestor_of_a_server_leaves_what_does_not_end(monkeypatch, capsys):
    def stuck(*args, **options):
        raise tree.NotEnded("process 7 (D) does not end after SIGKILL")

    monkeypatch.setattr(tree, "end_step", stuck)
    monkeypatch.setattr(server_child.sys, "executable", "/bin/false")  # in place of the server
    monkeypatch.setenv(tree.TOKEN, "mmz-none")
    monkeypatch.setattr(tree, "end_with_owner", lambda: None)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert server_child.main() == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    assert capsys.readouterr().out.splitlines()[-1] == "error: process 7 (D) does not end after SIGKILL"


def test_nothing_outlives_an_evaluation_that_is_killed(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", planted(tmp_path / "fake", LEAVES_ONE % "time.sleep(300)"))
    monkeypatch.setenv("MARK", str(tmp_path / "mark"))
    code = (
        "from pathlib import Path; from tests.recipe.run.evaluate.test_asking import SUITE, Server, Serving; "
        f"Server('model', 'label', SUITE, 1, Serving(0), Path({str(tmp_path / 'server.log')!r})).start()"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], cwd=Path(asking.__file__).parents[5])
    engine = child_of(tmp_path / "mark")
    family = engine.parents()[:2]
    owner.kill()
    owner.wait()
    assert gone(engine) and all(map(gone, family))


DIES_ONCE = """
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

def main():
    mark = Path(os.environ["MARK"])
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def send(self, value):
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def do_GET(self):
            self.send({"data": [{"id": "label"}]})
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            count = int(mark.read_text()) + 1 if mark.exists() else 1
            mark.write_text(str(count))
            if count == 5:
                print("RuntimeError: planted death", flush=True)
                os._exit(1)
            said = f"{body['seed']}"
            self.send({"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": said}}]})
        def log_message(self, *args):
            pass
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


def test_a_server_that_dies_is_started_again_and_nothing_is_lost(tmp_path, pictures, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", planted(tmp_path / "fake", DIES_ONCE))
    monkeypatch.setenv("MARK", str(tmp_path / "mark"))
    items, store = items_of(pictures), AnswerStore(tmp_path / "a")
    claim(store.folder, {})
    with Server("model", "label", SUITE, 1, Serving(0), tmp_path / "server.log") as server:
        ask_all(SUITE, items, pictures, store, server, Asking(1, 20.0, 1))
    assert len(store.answers) == 12
    assert all(one.text == str(asking.seed_for(SUITE, items[one.item], one.sample)) for one in store.answers.values())
    assert "its server ended (RuntimeError: planted death); starting it again" in capsys.readouterr().out
    assert not server.alive()


def test_what_a_killed_server_said_last(tmp_path):
    server = Server("model", "label", SUITE, 1, Serving(0), tmp_path / "server.log")
    warning = "WARNING ulimit: this can cause fd limit errors like `OSError: [Errno 24] Too many open files`"
    start = ["ValueError: of an earlier start", "--- vllm serve starts", warning]
    server.log.write_text("\n".join([*start, "INFO ready", "vllm serve ended with signal 9"]))
    assert server.last_words() == "vllm serve ended with signal 9"
    server.log.write_text("\n".join([*start, "torch.OutOfMemoryError: no memory", "vllm serve ended with exit code 1"]))
    assert server.last_words() == "torch.OutOfMemoryError: no memory"


def test_a_cut_answer_is_known(tmp_path, pictures):
    store = AnswerStore(tmp_path / "a")
    claim(store.folder, {})
    store.add(Answer(0, 0, 1, "lone surrogate \ud800", "length"))
    store.finish()
    again = AnswerStore(tmp_path / "a")
    again.load()
    assert again.answers[0, 0].finish == "length" and re.match("lone surrogate", again.answers[0, 0].text)
