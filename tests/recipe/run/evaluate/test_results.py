"""From answers to the table: pairing, format alone, denominators, judge and shortcuts; `mmzero eval` and the report."""

import asyncio
import json
from dataclasses import replace

import numpy as np
import pytest

from recipe.mmzero import cli
from recipe.mmzero.report.data.evaluated import evaluated
from recipe.mmzero.report.data.read import ReportError
from recipe.mmzero.run.evaluate import results
from recipe.mmzero.run.evaluate import suite as suites
from recipe.mmzero.run.evaluate.asking.store import Answer
from recipe.mmzero.run.evaluate.data.items import Item
from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.run.evaluate.evaluation import checkpoints
from recipe.mmzero.run.evaluate.suite import Benchmark, Suite
from tests.support.fault_server import FaultServer, png, question_of, serve

SUITE = Suite(name="s", benchmarks=[Benchmark("a", "x", items=60), Benchmark("b", "x")], samples=2)
ITEMS = [
    Item(name, f"{k}", "q", (), ("7",), None, f"{name}{k // 2}", (f"{name}{k}.png",))
    for name in "ab"
    for k in range(40)
]


def answers(text_of):
    return {
        (k, s): Answer(k, s, 0, text_of(k, s), "length" if text_of(k, s) == "" else "stop")
        for k in range(len(ITEMS))
        for s in range(2)
    }


def table(before, after, **more):
    scores = {
        "base": results.scored(SUITE, ITEMS, answers(before)),
        "new": results.scored(SUITE, ITEMS, answers(after)),
    }
    return results.summary(SUITE, ITEMS, scores) | more


def boxed_where(test):
    return lambda k, s: "\\boxed{7}" if test(k, s) else "\\boxed{8}"


def test_each_benchmark_pooled_and_average():
    found = table(boxed_where(lambda k, s: k < 20), boxed_where(lambda k, s: k < 40))
    rows = found["checkpoints"]["new"]
    assert list(rows) == ["a", "b", "pooled", "average"]
    assert rows["a"]["difference"]["value"] == 0.5 and rows["b"]["difference"]["value"] == 0.0
    assert rows["pooled"]["difference"]["value"] == pytest.approx(0.25)
    assert (rows["a"]["mcnemar"]["gained"], rows["a"]["mcnemar"]["lost"]) == (20, 0)
    assert rows["a"]["accuracy"]["items"] == 40 and rows["a"]["accuracy"]["clusters"] == 20
    assert "difference" not in found["checkpoints"]["base"]["a"]
    assert rows["a"]["detectable"] == pytest.approx(2.8016 * rows["a"]["difference"]["error"], rel=1e-3)


def test_a_change_of_format_alone_is_counted_apart():
    before = lambda k, s: "the answer is 7"  # noqa: E731
    found = table(before, boxed_where(lambda k, s: True))
    new, base = found["checkpoints"]["new"]["pooled"], found["checkpoints"]["base"]["pooled"]
    assert base["accuracy"]["value"] == 0.0 and base["right_without_format"] == 1.0
    assert new["difference"]["value"] == 1.0 and new["difference_of_content"] == 0.0
    shown = "\n".join(results.lines(found))
    assert "right content without the format: 100.0% of answers, counted wrong" in shown
    assert "the difference with it: +0.0" in shown


def test_the_table_says_what_was_cut_and_what_is_missing():
    shown = "\n".join(results.lines(table(lambda k, s: "", boxed_where(lambda k, s: True))))
    assert "cut at max_tokens: 100.0% of answers" in shown
    assert "a: 40 items, the published set has 60" in shown
    assert max(map(len, shown.splitlines())) <= 120


def test_answers_that_only_a_judge_decides_are_never_silent():
    judged = {"new": {"undecided": 5}}
    shown = "\n".join(
        results.lines(table(boxed_where(lambda k, s: False), boxed_where(lambda k, s: True), judged=judged))
    )
    assert "5 answers only a judge could decide count as wrong: no judge (--judge URL)" in shown
    same = {"both_right": 8, "both_wrong": 10, "only_rules": 1, "only_judge": 1}
    judged = {"new": {"judge": "big", "decided": 3, "unreadable": 1, "agreement": same}}
    shown = "\n".join(
        results.lines(table(boxed_where(lambda k, s: False), boxed_where(lambda k, s: True), judged=judged))
    )
    assert (
        "judge big: decided 3 answers, 1 verdicts unreadable (count as no); on 20 answers that rules decided it agrees "
        "90.0%" in shown
    )


def test_a_judges_yes_needs_an_answer_in_the_format():
    said = answers(lambda k, s: "\\boxed{seven-ish}" if s else "seven-ish, without a box, and then much more prose" * 9)
    verdicts = {place: True for place in said}
    scores = results.scored(SUITE, ITEMS, said, verdicts)
    assert scores.right.mean(axis=0).tolist() == [0.0, 1.0] and scores.content.mean() == 1.0


def test_a_missing_answer_is_no_wrong_one():
    some = answers(boxed_where(lambda k, s: True))
    some.pop((3, 1))
    with pytest.raises(ValueError, match="159 answers to 80 items with 2 samples"):
        results.scored(SUITE, ITEMS, some)


def test_blind_answers_and_training_pictures():
    seeing = results.scored(SUITE, ITEMS, answers(boxed_where(lambda k, s: True)))
    without = results.scored(SUITE, ITEMS, answers(boxed_where(lambda k, s: k % 4 == 0)))
    found = results.blind(ITEMS, seeing, without)
    assert found["a"]["accuracy"]["value"] == 0.25 and found["a"]["answered"] == 0.25 and found["a"]["seeing"] == 1.0
    copies = results.shown_in_training(ITEMS, {"a3.png": "t/1.png", "a4.png": "t/2.png"}, 9)
    assert copies["items"] == {"a": 2, "b": 0}
    shown = "\n".join(
        results.lines(
            table(boxed_where(lambda k, s: True), boxed_where(lambda k, s: True), blind=found, training=copies)
        )
    )
    assert (
        "base without pictures 25.0 [" in shown and "items with a picture of the 9 training pictures: a 2, b 0" in shown
    )


def test_equal_answers_say_nothing_about_what_could_be_seen():
    found = table(boxed_where(lambda k, s: k % 2), boxed_where(lambda k, s: k % 2))
    row = found["checkpoints"]["new"]["a"]
    assert row["difference"]["value"] == 0.0 and row["detectable"] is None
    assert any(line.rstrip().endswith("1       -") for line in results.lines(found))


def test_a_handful_of_pictures_shows_nothing():
    few = [replace(item, cluster=f"picture {k % 5}") for k, item in enumerate(ITEMS)]
    scores = [
        results.scored(SUITE, few, answers(boxed_where(test))) for test in (lambda k, s: False, lambda k, s: k % 4)
    ]
    found = results.summary(SUITE, few, dict(zip(("base", "new"), scores, strict=True)))
    row = found["checkpoints"]["new"]["pooled"]
    assert row["difference"]["value"] == 0.75 and row["difference"]["low"] == 0.0 and row["detectable"] is None
    assert "+75.0 [+0.0, +100.0] " in "\n".join(results.lines(found))  # no star


def test_samples_are_averaged_before_pairing():
    found = table(boxed_where(lambda k, s: False), boxed_where(lambda k, s: s == 0))
    assert found["checkpoints"]["new"]["a"]["difference"]["value"] == 0.5
    assert found["checkpoints"]["new"]["a"]["mcnemar"]["gained"] == 40


# --- suites that ship, and the command ------------------------------------------------------------------------------


def test_the_papers_suite_has_its_ten_benchmarks_and_their_catches():
    paper = suites.load("paper")
    assert len(paper.benchmarks) == 10 and sum(one.items for one in paper.benchmarks) == 17_192
    assert all(one.catch and one.get for one in paper.benchmarks)
    assert (paper.max_tokens, paper.prompt, paper.template) == (4096, "training", "full")
    quick = suites.load("quick")
    assert [one.name for one in quick.benchmarks] == ["mmmu", "mathvista", "chartqa", "hallusionbench"]
    assert not [one for one in quick.benchmarks if one.judging == "judge"]
    assert quick.benchmarks[0] == paper.benchmarks[0]


def test_only_some_benchmarks():
    assert [one.name for one in suites.only(suites.load("paper"), ["mmvet"]).benchmarks] == ["mmvet"]
    with pytest.raises(EvaluationError, match=r"no benchmark 'mmvt' \(did you mean 'mmvet'\?\)"):
        suites.only(suites.load("paper"), ["mmvt"])


def test_labels_of_checkpoints(tmp_path):
    found = checkpoints(["base=http://127.0.0.1:1", "http://127.0.0.1:2"])
    assert [(one.label, one.served) for one in found] == [("base", True), ("127.0.0.1-2", True)]
    with pytest.raises(EvaluationError, match="two checkpoints are called 'x'; write LABEL=PATH"):
        checkpoints(["x=http://a:1", "x=http://b:1"])
    with pytest.raises(EvaluationError, match=r"is missing"):
        checkpoints([str(tmp_path / "gone")])
    with pytest.raises(EvaluationError, match="'pictures' is a name of the evaluation's own"):
        checkpoints(["pictures=http://a:1"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match=r"config.json is missing"):
        checkpoints([str(tmp_path / "empty")])


def model_folder(path, name="config.json"):
    path.mkdir(parents=True)
    (path / name).write_text("{}")
    (path / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    return path


def test_labels_stay_inside_the_folder(tmp_path, monkeypatch):
    hf = model_folder(tmp_path / "run" / "iter_02" / "solver" / "hf")
    (hf.parent / "samples").mkdir()
    monkeypatch.chdir(hf.parent / "samples")
    found = checkpoints(["../hf"])[0]
    assert (found.label, found.iteration) == ("run-iter_02-solver", 2)
    assert checkpoints([str(model_folder(tmp_path / ".hidden model"))])[0].label == "hidden-model"
    for label in ("..", ".", "-x"):
        with pytest.raises(EvaluationError, match=f"label '{label}' is no name"):
            checkpoints([f"{label}={hf}"])


def test_what_cannot_be_served_is_known_at_once(tmp_path):
    adapter = model_folder(tmp_path / "adapter", "adapter_config.json")
    with pytest.raises(EvaluationError, match=r"adapter is an adapter: `mmzero export` makes a whole model of it"):
        checkpoints([str(adapter)])
    with pytest.raises(EvaluationError, match=r"adapter_config.json is no folder"):
        checkpoints([str(adapter / "adapter_config.json")])
    with pytest.raises(EvaluationError, match=r"checkpoint http://a b: peer address .* is not host:port"):
        checkpoints(["x=http://a b"])


@pytest.mark.parametrize(
    "words, code, said",
    [
        (["eval"], 2, "no checkpoint given"),
        (["eval", "http://127.0.0.1:1"], 2, "--out DIR says where"),
        (
            ["eval", "http://127.0.0.1:1", "--out", "OUT", "--suite", "papper"],
            1,
            "no suite 'papper' (did you mean 'paper'?)",
        ),
        (["eval", "http://127.0.0.1:1", "--out", "OUT", "--data", "OUT"], 1, "mmmu: no parquet data at"),
        (
            ["eval", "http://127.0.0.1:1", "--out", "OUT", "--tasks", "x"],
            2,
            "--tasks does nothing without --with TOOLKIT",
        ),
        (
            ["eval", "http://127.0.0.1:1", "--out", "OUT", "--with", "lmms-eval", "--tasks", "x", "--blind"],
            2,
            "--blind does nothing --with lmms-eval: it asks its own items",
        ),
        (["eval", "http://127.0.0.1:1", "--out", "/dev/null/x"], 1, "cannot use /dev/null/x: Not a directory"),
        (["eval", "http://127.0.0.1:1", "--out", "OUT", "--gpus", "-1"], 2, "--gpus: must be a whole number"),
        (["eval", "http://127.0.0.1:1", "--out", "OUT", "--serve", "a 'b"], 2, "--serve: cannot be read as words"),
        (["eval", "http://127.0.0.1:1", "--out", "OUT", "--judge-model", "big"], 2, "--judge-model needs a judge"),
        (["eval", "http://127.0.0.1:1", "--out", "OUT", "--judge", "a b"], 1, "'judge.address' must be host:port"),
        (["eval", "http://127.0.0.1:1", "--out", "OUT", "--samples", "0"], 2, "must be a whole number of at least 1"),
        (["eval", "http://127.0.0.1:1", "--out", "OUT", "--with", "lmms-eval"], 2, "--tasks NAME,... says"),
    ],
)
def test_wrong_words_are_one_line(tmp_path, capsys, words, code, said):
    assert cli.main([str(tmp_path / "out") if word == "OUT" else word for word in words]) == code
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and said in error


def test_an_evaluation_of_a_server_with_a_judge(tmp_path):
    """Everything but `vllm serve`; what is asked without pictures is judged as the rest, or it could never be right."""
    folder = tmp_path / "my data [1]"
    folder.mkdir()
    for k in range(12):
        (folder / f"{k}.png").write_bytes(png((k, 0, 0)))
    rows = [{"q": f"what? {k}", "a": "a red house", "i": f"{k}.png"} for k in range(12)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = "columns: {question: q, answer: a, images: [i]}"
    text = (
        f"name: s\nblind: true\nbenchmarks: [{{name: b, path: rows.jsonl, format: jsonl, judging: judge, {columns}}}]\n"
    )
    (folder / "suite é.yaml").write_text(text)

    def reply(body):
        return ["yes" if "Reference answer" in question_of(body) else "\\boxed{a crimson house}"]

    async def main():
        async with serve(FaultServer(reply, drop=0.1, error=0.1)) as fake:
            words = ["eval", f"base={fake.url}", f"new={fake.url}/v1", "--judge", fake.url]
            words += ["--suite", str(folder / "suite é.yaml"), "--out", str(tmp_path / "out")]
            codes = [await asyncio.to_thread(cli.main, words), await asyncio.to_thread(cli.main, words)]
            return codes, len(fake.bodies)

    codes, requests = asyncio.run(main())
    assert codes == [0, 0] and requests < 2 * 6 * 12  # the second time nothing is asked again
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert found["checkpoints"]["base"]["b"]["accuracy"]["value"] == 1.0
    assert found["blind"]["b"]["accuracy"]["value"] == 1.0 and found["blind"]["b"]["answered"] == 1.0
    assert found["judged"]["new"]["judge"] == "tiny" and "judge tiny: decided 12" in "\n".join(results.lines(found))


def test_the_report_shows_results_by_iteration(tmp_path):
    found = table(boxed_where(lambda k, s: k < 20), boxed_where(lambda k, s: k < 40))
    found["iterations"] = {"base": None, "new": 2}
    (tmp_path / "results.json").write_text(json.dumps(found))
    rows = evaluated(tmp_path)
    assert [row.iteration for row in rows] == [None] * 4 + [2] * 4
    assert rows[4].cells[0] == "new (iteration 2)" and rows[4].cells[4].startswith("+50.0 [+")
    assert evaluated(None) == []


def test_a_folder_without_results_is_one_line(tmp_path):
    with pytest.raises(ReportError, match=r"No such file .*--evaluation is the --out of mmzero eval"):
        evaluated(tmp_path)
    (tmp_path / "results.json").write_text('{"checkpoints": {"a": {"b": {}}}}')
    with pytest.raises(ReportError, match="is damaged"):
        evaluated(tmp_path)


def test_arrays_are_of_items_and_samples():
    scores = results.scored(SUITE, ITEMS, answers(boxed_where(lambda k, s: (k + s) % 2)))
    assert scores.right.shape == (80, 2) and np.array_equal(scores.right.mean(axis=1), np.full(80, 0.5))
