"""Suites and their data: ranges, column maps, and the one line for every broken input."""

import dataclasses
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from recipe.mmzero.run.evaluate import suite as suites
from recipe.mmzero.run.evaluate.data import items as data
from recipe.mmzero.run.evaluate.data.pictures import PictureStore
from recipe.mmzero.run.evaluate.errors import EvaluationError


def png(colour="red", size=(20, 20)):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def row(k, **changed):
    return {"qid": f"q{k}", "q": f"how many? {k}", "a": str(k), "image": {"bytes": png(), "path": None}} | changed


COLUMNS = {"question": "q", "answer": "a", "images": ["image"], "id": "qid"}


def suite_of(folder, rows, **changed):
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    return plain_suite(folder, path="rows.parquet", **changed)


def plain_suite(folder, **changed):
    benchmark = {"name": "b", "columns": COLUMNS} | changed
    (folder / "s.yaml").write_text(yaml.safe_dump({"name": "s", "benchmarks": [benchmark]}))
    return suites.load(str(folder / "s.yaml"))


def read(folder, rows, **changed):
    return data.load(suite_of(folder, rows, **changed), PictureStore(folder / "pictures"))


def broken(folder, rows, **changed):
    """The one line of an error."""
    with pytest.raises(EvaluationError) as error:
        read(folder, rows, **changed)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_items_of_a_parquet_file(tmp_path):
    found = read(tmp_path, [row(1), row(2, image={"bytes": png("blue"), "path": None})])
    assert [(one.id, one.question, one.answers, one.choice) for one in found] == [
        ("q1", "how many? 1", ("1",), None),
        ("q2", "how many? 2", ("2",), None),
    ]
    assert found[0].cluster != found[1].cluster
    assert (tmp_path / "pictures" / found[1].pictures[0]).read_bytes() == png("blue")


def test_items_that_share_a_picture_share_a_cluster_and_a_file(tmp_path):
    found = read(tmp_path, [row(1), row(2)])
    assert found[0].cluster == found[1].cluster
    assert len(list((tmp_path / "pictures").iterdir())) == 1


def test_items_with_a_picture_in_common_share_a_cluster(tmp_path):
    """Also by way of a third item, in whatever order, and across benchmarks."""
    pictures = {name: png(name) for name in ("red", "blue", "green", "black", "white")}
    together = [["red", "blue"], ["blue", "red"], ["green"], ["blue", "green"], ["black"]]
    rows = [row(k, image=[pictures[name] for name in names]) for k, names in enumerate(together)]
    suite = suite_of(tmp_path, rows)
    pq.write_table(
        pa.Table.from_pylist([row(9, image=png("green")), row(8, image=png("white"))]), tmp_path / "o.parquet"
    )
    other = dataclasses.replace(suite.benchmarks[0], name="other", path=str(tmp_path / "o.parquet"))
    suite = dataclasses.replace(suite, benchmarks=[*suite.benchmarks, other])
    clusters = [one.cluster for one in data.load(suite, PictureStore(tmp_path / "pictures"))]
    assert len(set(clusters[:4]) | {clusters[5]}) == 1 and len(set(clusters)) == 3


def test_numbers_of_pictures_never_shift(tmp_path):
    columns = COLUMNS | {"images": ["image", "other", "third"]}
    gap = row(1, q="Is <image 3> larger?", other=None, third=png("green"))
    said = broken(tmp_path, [gap], columns=columns)
    assert "column 'other' holds no picture, later ones do, and the question has numbers" in said
    listed = columns | {"choices": ["options"]}
    gap = row(1, a="B", options=["<image 1>", "<image 3>"], other=None, third=png("green"))
    said = broken(tmp_path, [gap], columns=listed, judging="option", answer_form="letter")
    assert "column 'other' holds no picture" in said
    last = row(1, q="Is <image 2> larger?", other=png("green"), third=None)
    assert len(read(tmp_path, [last], columns=columns)[0].pictures) == 2


def test_jsonl_with_paths_beside_it(tmp_path):
    (tmp_path / "p.png").write_bytes(png())
    line = json.dumps(row(1, image="p.png"))
    (tmp_path / "rows.jsonl").write_text(line + "\n\n")
    found = data.load(plain_suite(tmp_path, path="rows.jsonl", format="jsonl"), PictureStore(tmp_path / "pictures"))
    assert len(found) == 1 and found[0].pictures


def test_a_hugging_face_folder(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"qid": datasets.Value("string"), "q": datasets.Value("string"), "a": datasets.Value("string")}
        | {"image": datasets.Image()}
    )
    table = datasets.Dataset.from_list([row(1), row(2)], features=features)
    datasets.DatasetDict({"test": table}).save_to_disk(tmp_path / "disk")
    store = PictureStore(tmp_path / "pictures")
    found = data.load(plain_suite(tmp_path, path="disk", format="hf-disk", split="test"), store)
    assert [one.id for one in found] == ["q1", "q2"] and found[0].pictures
    with pytest.raises(EvaluationError, match="its splits are test; set `split`"):
        data.load(plain_suite(tmp_path, path="disk", format="hf-disk", split="val"), store)
    assert data.load(plain_suite(tmp_path, path="disk/test", format="hf-disk"), store) == found
    with pytest.raises(EvaluationError, match=r"it is one split .* not several; leave `split` out"):
        data.load(plain_suite(tmp_path, path="disk/test", format="hf-disk", split="val"), store)
    with pytest.raises(EvaluationError, match="b: parquet data has no `split`; name its files in `path`"):
        data.load(plain_suite(tmp_path, path="disk", split="test"), store)


def test_choices_by_letter_index_and_text(tmp_path):
    columns = COLUMNS | {"choices": ["options"]}
    rows = [row(1, a="B", options=["red", "blue"])]
    assert read(tmp_path, rows, columns=columns, judging="option", answer_form="letter")[0].choice == 1
    rows = [row(1, a="blue", options="['red', 'blue']")]  # a list written as text, as MMMU has it
    assert read(tmp_path, rows, columns=columns, judging="option")[0].choices == ("red", "blue")
    rows = [row(1, a=0, left="red", right="blue")]
    several = COLUMNS | {"choices": ["left", "right"]}
    found = read(tmp_path, rows, columns=several, judging="option", answer_form="index")[0]
    assert (found.choice, found.answers) == (0, ("A",))


def test_answers_are_mapped_and_rows_chosen(tmp_path):
    rows = [row(1, a=1, kind="x"), row(2, a=0, kind="y")]
    found = read(tmp_path, rows, answer_map={"1": "yes", "0": "no"}, where={"kind": "y"})
    assert [(one.id, one.answers) for one in found] == [("q2", ("no",))]


def test_several_pictures_in_order(tmp_path):
    rows = [row(1, image=[png("red"), png("blue")], other=None, third=png("green"))]
    found = read(tmp_path, rows, columns=COLUMNS | {"images": ["image", "other", "third"]})
    assert len(found[0].pictures) == 3


def test_broken_items(tmp_path):
    said = broken(tmp_path, [row(1), row(2, image={"bytes": None, "path": "gone.png"})])
    assert "row 1 (id q2): the picture of column 'image'" in said and "gone.png cannot be read (No such file" in said
    assert "no picture in image" in broken(tmp_path, [row(1, image={"bytes": b"", "path": ""})])
    assert "cannot be read (UnidentifiedImageError" in broken(tmp_path, [row(1, image={"bytes": b"x", "path": ""})])
    said = broken(tmp_path, [row(1)], columns=COLUMNS | {"answer": "label"})
    assert "no column 'label'; the columns are qid, q, a, image" in said
    assert "id 'q1' is also that of" in broken(tmp_path, [row(1), row(1)])
    assert "two answers ('3', '4'); map a column with one" in broken(tmp_path, [row(1, a=["3", "4"])])
    assert "holds no answer" in broken(tmp_path, [row(1, a="")])
    assert "holds no question" in broken(tmp_path, [row(1, q=" ")])


def test_two_spellings_of_one_answer_are_one_and_any_may_be_asked_for(tmp_path):
    assert read(tmp_path, [row(1, a=["3", "3.0"])])[0].answers == ("3", "3.0")
    assert read(tmp_path, [row(1, a=["3", "4"])], several_answers="any")[0].answers == ("3", "4")


def test_broken_choices(tmp_path):
    columns = COLUMNS | {"choices": ["options"]}
    twice = [row(1, a="red", options=["red", "red"])]
    assert "answer 'red' is 2 of the 2 choices" in broken(tmp_path, twice, columns=columns, judging="option")
    none = [row(1, a="C", options=["red", "blue"])]
    said = broken(tmp_path, none, columns=columns, judging="option", answer_form="letter")
    assert "answer 'C' is none of the 2 choices" in said
    assert "judging must be option" in broken(tmp_path, none, columns=columns)


def test_an_item_never_loses_a_choice_or_an_answer(tmp_path):
    columns = COLUMNS | {"choices": ["A", "B", "C", "D"]}
    letters = {"columns": columns, "judging": "option", "answer_form": "letter"}
    gap = row(1, a="C", A="w", B=None, C="y", D="z")  # without the gap's letter, C would be z
    assert "choice B is empty, later ones are not" in broken(tmp_path, [gap], **letters)
    fewer = row(1, a="B", A="w", B="x", C=None, D=" ")
    assert read(tmp_path, [fewer], **letters)[0].choices == ("w", "x")
    columns = COLUMNS | {"choices": ["options"]}
    text = [row(1, a="red", options="red")]
    assert "a single choice ('red'); `choices` is a column with a list" in broken(
        tmp_path, text, columns=columns, judging="option"
    )
    two = [row(1, a=["red", "blue"], options=["red", "blue"])]
    said = broken(tmp_path, two, columns=columns, judging="option", several_answers="any")
    assert "it has choices and several answers ('red', 'blue')" in said
    square = [row(1, a="²", options=["red", "blue"])]  # isdigit() is true for it, int() is not
    assert "answer '²' is none" in broken(tmp_path, square, columns=columns, judging="option", answer_form="index")


def test_choices_in_one_text(tmp_path):
    """As VisNumBench has them: the answer is the whole choice with its letter."""
    columns = COLUMNS | {"choices": ["option"]}
    text = "(a) (1 hour, 2 hours) (b) 3 hours (c) 4 hours"
    mapping = {"columns": columns, "judging": "option", "answer_form": "letter"}
    found = read(tmp_path, [row(1, option=text, a="(b) 3 hours")], **mapping)[0]
    assert found.choices == ("(1 hour, 2 hours)", "3 hours", "4 hours") and found.choice == 1
    said = broken(tmp_path, [row(1, option=text, a="(b) 4 hours")], **mapping)  # letter and text disagree
    assert "answer '(b) 4 hours' is none of the 3 choices" in said
    said = broken(tmp_path, [row(1, option="(a) red (c) blue", a="(a) red")], **mapping)
    assert "a single choice ('(a) red (c) blue')" in said
    several = COLUMNS | {"choices": ["left", "right"]}
    rows = [row(1, left="(a) red", right="(b) blue", a="(b) blue")]
    assert read(tmp_path, rows, columns=several, judging="option")[0].choices == ("(a) red", "(b) blue")


def test_cells_that_hold_nothing_or_no_text(tmp_path):
    nan = float("nan")
    assert "column 'a' holds no answer" in broken(tmp_path, [row(1, a=nan)])
    grouped = COLUMNS | {"cluster": "group"}
    assert "column 'group' holds no cluster" in broken(tmp_path, [row(1, group=None)], columns=grouped)
    assert "column 'qid' holds no id" in broken(tmp_path, [row(1, qid=None)])
    said = broken(tmp_path, [row(1)], columns=COLUMNS | {"question": "image"})
    assert said.endswith("column 'image' holds no text but a dict")
    said = broken(tmp_path, [row(1)], columns=COLUMNS | {"answer": "image"})
    assert said.endswith("column 'image' holds no text but a dict")


def jsonl(folder, text, encoding="utf-8"):
    (folder / "p.png").write_bytes(png())
    (folder / "rows.jsonl").write_text(text, encoding=encoding)
    return data.load(plain_suite(folder, path="rows.jsonl", format="jsonl"), PictureStore(folder / "pictures"))


def test_jsonl_of_other_programs(tmp_path):
    line = json.dumps(row(1, image="p.png", q="wie groß?\u2028 sehr"), ensure_ascii=False)
    found = jsonl(tmp_path, f"{line}\n", "utf-8-sig")  # a byte order mark, and a line separator inside a text
    assert [one.question for one in found] == ["wie groß?\u2028 sehr"]
    half = jsonl(tmp_path, json.dumps(row(1, image="p.png", q="half a pair \ud83d")))
    data.write(half, tmp_path / "items.parquet")
    assert data.read(tmp_path / "items.parquet") == half
    with pytest.raises(EvaluationError, match=r"rows.jsonl cannot be read as jsonl: line 3: Expecting"):
        jsonl(tmp_path, f"{line}\n\n{{broken\n")
    with pytest.raises(EvaluationError, match="holds no answer"):
        jsonl(tmp_path, json.dumps(row(1, image="p.png", a=float("nan"))))


@pytest.mark.parametrize("name", ["data [v1]", "a b", "50% (new)", "ü*?"])
def test_names_of_folders_are_no_patterns(tmp_path, name):
    folder = tmp_path / name
    found = read(folder, [row(1)])
    assert len(found) == 1
    for pattern in ("*.parquet", "../*/rows.parquet", f"../{name}/rows.parquet", "**/rows.parquet"):
        again = data.load(plain_suite(folder, path=pattern), PictureStore(folder / "pictures"))
        assert again == found


def test_pictures_of_other_kinds(tmp_path):
    out = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(out, "MPO", save_all=True, append_images=[Image.new("RGB", (20, 20))])
    store = PictureStore(tmp_path / "pictures")
    name = store.add(out.getvalue())
    assert name.endswith(".jpg") and store.url(name).startswith("data:image/jpeg;base64,")
    (store.folder / name).write_bytes(b"")  # what a power cut leaves
    assert store.add(out.getvalue()) == name and (store.folder / name).read_bytes() == out.getvalue()


@pytest.mark.parametrize("value", ["A" * 5000, "nul\0nul", "~nobody-of-that-name/x.png", "../gone.png", "."])
def test_what_is_no_path_is_one_short_line(tmp_path, value):
    said = broken(tmp_path, [row(1, image=value)])
    assert "the picture of column 'image'" in said and len(said) < 700


def test_missing_data_says_how_to_get_it(tmp_path):
    (tmp_path / "rows.parquet").unlink(missing_ok=True)
    suite = plain_suite(tmp_path, path="away/*.parquet", get="ask a colleague")
    with pytest.raises(EvaluationError, match=r"no parquet data at .*away.*get it: ask a colleague"):
        data.load(suite, PictureStore(tmp_path / "pictures"))


def test_a_damaged_file_is_named(tmp_path):
    suite = suite_of(tmp_path, [row(1)])
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(EvaluationError, match=r"rows.parquet cannot be read as parquet"):
        data.load(suite, PictureStore(tmp_path / "pictures"))


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"colums": COLUMNS}, r"unknown key 'benchmarks\[0\].colums' \(did you mean 'columns'\?\)"),
        ({"columns": {"question": "q"}}, r"'benchmarks\[0\].columns.answer' has no value"),
        ({"format": "csv"}, "is 'csv'; choose one of parquet, jsonl, hf-disk"),
        ({"own": "look"}, "must be a text with {question} in it"),
        ({"answer_form": "letter"}, "needs judging=option"),
        ({"name": "a/b"}, "characters beyond letters"),
    ],
)
def test_a_wrong_value_of_a_benchmark_is_one_line(tmp_path, changed, said):
    with pytest.raises(EvaluationError, match=said) as error:
        plain_suite(tmp_path, **({"path": "rows.parquet"} | changed))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"samples": 0}, "'samples' must be a whole number"),
        ({"temperature": -1}, "'temperature' must be a number from 0 to 10"),
        ({"pixels": {"min": 10, "max": 5}}, "pixels.min=10 is larger than pixels.max=5"),
        ({"pixels": 5}, "'pixels' is a block of settings"),
        ({"template": "gone.txt"}, r"template .*gone.txt cannot be read: No such file"),
        ({"benchmarks": []}, "'benchmarks' is a list of at least one benchmark"),
        ({"prompt": "mine"}, "choose one of training, own"),
    ],
)
def test_a_wrong_value_of_a_suite_is_one_line(tmp_path, changed, said):
    suite_of(tmp_path, [row(1)])
    with pytest.raises(EvaluationError, match=said):
        suites.load(str(tmp_path / "s.yaml"), changes=changed)


def test_items_on_disk_are_the_items(tmp_path):
    found = read(tmp_path, [row(1), row(2)])
    data.write(found, tmp_path / "items.parquet")
    assert data.read(tmp_path / "items.parquet") == found
    assert data.digest(found) != data.digest(found[:1])


def test_a_suite_takes_from_a_suite_that_takes_from_another(tmp_path):
    (tmp_path / "mine.yaml").write_text("from: quick\nname: mine\nsamples: 4\n")
    found = suites.load(str(tmp_path / "mine.yaml"))
    assert [one.name for one in found.benchmarks] == [one.name for one in suites.load("quick").benchmarks]
    assert (found.name, found.samples, found.max_tokens) == ("mine", 4, 4096)
    (tmp_path / "mine.yaml").write_text("from: other.yaml\nname: mine\n")
    with pytest.raises(EvaluationError, match=r"'from' names a shipped suite \(paper, quick\), got 'other.yaml'"):
        suites.load(str(tmp_path / "mine.yaml"))


def test_data_and_template_start_from_folders_of_their_own(tmp_path):
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "prompt.txt").write_text("look: {question}")
    (tmp_path / "suite" / "s.yaml").write_text("from: quick\nname: s\ntemplate: prompt.txt\n")
    found = suites.load(str(tmp_path / "suite" / "s.yaml"), tmp_path / "data")
    assert found.template == str(tmp_path / "suite" / "prompt.txt")
    assert found.benchmarks[0].path.startswith(str(tmp_path / "data" / "MMMU"))
    assert suites.load(str(tmp_path / "suite" / "s.yaml")).benchmarks[0].path.startswith(str(tmp_path / "suite"))


@pytest.mark.parametrize("name", ["pooled", "average"])
def test_a_benchmark_cannot_hide_a_row_of_the_results(tmp_path, name):
    with pytest.raises(EvaluationError, match=f"no benchmark can be named '{name}'"):
        plain_suite(tmp_path, name=name, path="rows.parquet")


def test_a_judge_in_the_suite_and_in_its_place(tmp_path):
    suite_of(tmp_path, [row(1)])
    (tmp_path / "j.yaml").write_text((tmp_path / "s.yaml").read_text() + "judge: {address: 'a:1', max_tokens: 64}\n")
    found = suites.load(str(tmp_path / "j.yaml"), changes={"judge": {"model": "big"}}).judge
    assert (found.address, found.model, found.max_tokens) == ("a:1", "big", 64)
    assert suites.load(str(tmp_path / "j.yaml"), changes={"judge": {"address": "b:2"}}).judge.address == "b:2"
    with pytest.raises(EvaluationError, match=r"'judge.address' must be host:port or a URL, or null, got 'not one'"):
        suites.load(str(tmp_path / "s.yaml"), changes={"judge": {"address": "not one"}})


def test_paths_of_homes(tmp_path):
    assert plain_suite(tmp_path, path="~/x.parquet").benchmarks[0].path == f"{Path.home()}/x.parquet"
    assert plain_suite(tmp_path, path="~nobody-of-that-name/x").benchmarks[0].path.endswith("~nobody-of-that-name/x")
