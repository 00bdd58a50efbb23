"""Commands for other toolkits, and their sample files read back.

The rows of lmms-eval are as version 0.7.3 wrote them for the exported world (pictures left out); those of VLMEvalKit
are as its source describes them: it was not at hand.
"""

import asyncio
import io
import json
import sys
from dataclasses import replace

import pytest

from recipe.mmzero.run.evaluate.asking import ask as asking
from recipe.mmzero.run.evaluate.asking.server import Serving
from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.run.evaluate.evaluation import Checkpoint
from recipe.mmzero.run.evaluate.handoff.run import run
from recipe.mmzero.run.evaluate.handoff.samples import read
from recipe.mmzero.run.evaluate.handoff.toolkits import Handoff, command
from recipe.mmzero.run.evaluate.suite import Benchmark, Judge, Suite
from tests.support.fault_server import FaultServer, dead_address, echo, serve

SUITE = Suite(name="s", benchmarks=[Benchmark("b", "x")], max_tokens=4096)
ROW = {
    "doc_id": 0,
    "target": "2",
    "resps": "<think>bars: green 2, blue 1</think>\\boxed{1}",
    "filtered_resps": "\\boxed{1}",
    "token_counts": [{"input_tokens": 30, "output_tokens": 15, "reasoning_tokens": 0}],
    "doc_hash": "74234e98",
    "exact": 0.0,
    "input": "value of green?",
}


def rows(*changes):
    return [ROW | {"doc_id": k} | change for k, change in enumerate(changes)]


def written(folder, lines, name="20261127_020346_samples_task.jsonl"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def said(folder, **how):
    with pytest.raises(EvaluationError) as error:
        read("lmms-eval", folder, ["task"], **how)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_command_of_lmms_eval(tmp_path):
    handoff = Handoff("lmms-eval", ["mmmu_val", "chartqa"], "/env/bin/python", tmp_path, 8)
    words = command(handoff, SUITE, "base", "http://127.0.0.1:8000/v1", tmp_path / "out")
    assert words[:5] == ["/env/bin/python", "-m", "lmms_eval", "--model", "openai"]
    assert "model=base,base_url=http://127.0.0.1:8000/v1,api_key=EMPTY,num_concurrent=8,timeout=600" in words
    assert words[words.index("--gen_kwargs") + 1] == "max_new_tokens=4096,temperature=0,top_p=1"
    assert "--log_samples" in words and words[words.index("--tasks") + 1] == "mmmu_val,chartqa"


def test_the_command_of_vlmevalkit(tmp_path):
    handoff = Handoff("vlmevalkit", ["MMMU_DEV_VAL", "MMVet"], None)
    judged = replace(SUITE, judge=Judge(address="judge:9", model="big"))
    words = command(handoff, judged, "base", "https://host:8000/v1", tmp_path)
    assert words[:2] == ["python", "run.py"] and words[words.index("--max-tokens") + 1] == "4096"
    assert words[words.index("--data") + 1 :][:2] == ["MMMU_DEV_VAL", "MMVet"]
    assert words[words.index("--judge") + 1] == "big" and "--api-mode" in words
    assert words[words.index("--base-url") + 1] == "https://host:8000/v1"
    assert words[words.index("--judge-base-url") + 1] == "http://judge:9/v1"
    assert "--judge" not in command(handoff, SUITE, "base", "https://host:8000/v1", tmp_path)


def test_samples_of_lmms_eval(tmp_path):
    lines = [ROW | {"doc_id": 3}, ROW | {"doc_id": 1, "resps": [["\\boxed{2}"]], "exact": 1.0}]
    found = read("lmms-eval", written(tmp_path, lines), ["task"])
    assert [(one.item.id, one.response, one.score) for one in found] == [
        ("1", "\\boxed{2}", 1.0),
        ("3", ROW["resps"], 0.0),
    ]
    assert found[0].item.answers == ("2",) and found[0].item.question == "value of green?"


def test_the_newest_file_counts(tmp_path):
    written(tmp_path / "model", rows({}), "20250101_000000_samples_task.jsonl")
    written(tmp_path / "model", rows({}, {}), "20260101_000000_samples_task.jsonl")
    assert len(read("lmms-eval", tmp_path, ["task"])) == 2


def test_a_failed_request_is_no_answer(tmp_path):
    failed = rows({}, {"resps": "[LMMS_EVAL_REQUEST_FAILED after 5 retries] Connection error."})
    assert "line 2: the request failed ([LMMS_EVAL_REQUEST_FAILED" in said(written(tmp_path, failed))


def test_broken_sample_files(tmp_path):
    assert "holds no samples of task" in said(tmp_path)
    assert "line 1 is no sample of lmms-eval (KeyError" in said(written(tmp_path, [{"doc_id": 1}]))
    assert "doc_id 0 comes twice" in said(written(tmp_path, [ROW, ROW]))
    two = written(tmp_path, rows({"other": 1.0}))
    assert "metrics exact, other differ; --metric NAME" in said(two)
    assert read("lmms-eval", two, ["task"], "other")[0].score == 1.0
    assert "no metric 'gone' that is a number; it has exact, other" in said(two, metric="gone")


def test_a_metric_may_be_a_table_or_missing(tmp_path):
    row = {key: value for key, value in ROW.items() if key != "exact"}
    assert read("lmms-eval", written(tmp_path, [row]), ["task"])[0].score is None
    row["average"] = {"question_id": 4, "score": 1}
    assert read("lmms-eval", written(tmp_path, [row]), ["task"])[0].score == 1.0


def test_samples_with_separators_of_unicode(tmp_path):
    """lmms-eval writes them as they are; to str.splitlines() they are ends of lines."""
    folder = tmp_path / "model"
    folder.mkdir()
    lines = [json.dumps(row, ensure_ascii=False) for row in rows({"resps": "a\u2028b\x85c"}, {})]
    (folder / "d_samples_task.jsonl").write_text("\n".join([*lines, ""]), encoding="utf-8")
    assert [one.response for one in read("lmms-eval", folder, ["task"])] == ["a\u2028b\x85c", ROW["resps"]]


def test_samples_of_vlmevalkit(tmp_path):
    (tmp_path / "base").mkdir()
    text = "index\tquestion\tanswer\tprediction\thit\n10\tq?\tB\tThe answer is B.\t1\n2\tq?\tA\tB\t0\n"
    (tmp_path / "base" / "base_MMMU.tsv").write_text(text)
    found = read("vlmevalkit", tmp_path, ["MMMU"])
    assert [(one.item.id, one.score) for one in found] == [("2", 0.0), ("10", 1.0)]
    (tmp_path / "base" / "base_MMMU.tsv").write_text("index\tanswer\n1\tB\n")
    with pytest.raises(EvaluationError, match="no columns index, answer, prediction; it has index, answer"):
        read("vlmevalkit", tmp_path, ["MMMU"])


TOOLKIT = """#!{python}
import json, sys
from pathlib import Path

out = Path(sys.argv[sys.argv.index("--output_path") + 1])
label, words = out.parent.name, sys.argv[sys.argv.index("--model_args") + 1]
assert words.startswith("model=tiny,base_url=http://127.0.0.1:"), words
if label == "bad":
    sys.exit(3)
rows = json.loads({rows!r})
for row in rows if label == "after" else []:
    row["exact"], row["resps"] = 1.0, "\\\\boxed{{2}}"
out.mkdir(parents=True, exist_ok=True)
(out / "d_samples_task.jsonl").write_text("".join(json.dumps(row) + "\\n" for row in rows))
"""


def toolkit(folder):
    path = folder / "toolkit"
    path.write_text(TOOLKIT.format(python=sys.executable, rows=json.dumps(rows(*[{}] * 30))))
    path.chmod(0o755)
    return Handoff("lmms-eval", ["task"], str(path))


def with_server(work, *arguments):
    """Run `work(address, *arguments)` while a server is up."""

    async def main():
        async with serve(FaultServer(echo)) as fake:
            return await asyncio.to_thread(work, fake.url, *arguments)

    return asyncio.run(main())


def hand_off(url, folder, *labels):
    models = [Checkpoint(label, url, True) for label in labels]
    return run(replace(SUITE, samples=4), toolkit(folder), models, folder / "out", Serving(0))


def test_their_samples_are_paired(tmp_path):
    shown = "\n".join(with_server(hand_off, tmp_path, "before", "after"))
    assert "before: 30 samples of lmms-eval, its own score 0.00%, our rules on the same answers 0.00%" in shown
    assert "after: 30 samples of lmms-eval, its own score 100.00%, our rules on the same answers 100.00%" in shown
    assert "+100.0 [+100.0, +100.0]*" in shown and "30:0" in shown and "lmms-eval's own prompt" in shown
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert found["checkpoints"]["after"]["task"]["difference"]["value"] == 1.0


def test_a_toolkit_that_fails_is_one_line(tmp_path):
    with pytest.raises(EvaluationError, match="bad: lmms-eval ended with 3"):
        with_server(hand_off, tmp_path, "bad")


def test_samples_of_another_model_or_task_are_refused(tmp_path):
    with_server(hand_off, tmp_path, "before")
    with pytest.raises(EvaluationError, match="before/lmms-eval holds answers for another model; use another --out"):
        with_server(hand_off, tmp_path, "before")  # another address

    def again(url, tasks):
        handoff = replace(toolkit(tmp_path), tasks=tasks)
        return run(SUITE, handoff, [Checkpoint("other", url, True)], tmp_path / "out", Serving(0))

    def both(url):
        again(url, ["task"])
        with pytest.raises(EvaluationError, match="holds answers for another tasks"):
            again(url, ["task", "more"])

    with_server(both)


def test_an_address_without_a_server_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "READY_S", 0.5)
    with pytest.raises(EvaluationError, match=r"was not ready after 0.5 s") as error:
        hand_off(dead_address(), tmp_path, "base")
    assert "\n" not in str(error.value)


def test_without_an_interpreter_the_command_is_printed_and_the_server_waits(tmp_path, monkeypatch, capsys):
    handoff = Handoff("lmms-eval", ["task"], None)

    def twice(url):
        models = [Checkpoint("base", url, True)]
        monkeypatch.setattr("sys.stdin", io.StringIO(""))
        with pytest.raises(EvaluationError, match="nobody said that the command has ended"):
            run(SUITE, handoff, models, tmp_path / "out", Serving(0))
        said = capsys.readouterr().out
        assert "HF_HUB_OFFLINE=1 python -m lmms_eval --model openai" in said and f"base_url={url}/v1" in said
        written(tmp_path / "out" / "base" / "lmms-eval", rows({}, {"exact": 1.0, "resps": "\\boxed{2}"}))
        monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
        return run(SUITE, handoff, models, tmp_path / "out", Serving(0))

    assert "2 samples of lmms-eval, its own score 50.00%" in with_server(twice)[-1]
