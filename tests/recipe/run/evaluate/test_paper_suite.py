"""Each benchmark of the suite `paper` on rows in the form in which it is published: columns, types, splits, prompts.

The forms are those of the data cards, of lmms-eval's task files and of VisNumBench's own repository; the rows are made
up. A wrong column, a missing split or an answer in another form than the suite says fails here, without a download.
"""

import io

import pytest
from PIL import Image

from recipe.mmzero.run.evaluate import suite as suites
from recipe.mmzero.run.evaluate.asking.prompt import messages, prompt_text
from recipe.mmzero.run.evaluate.data import items as data
from recipe.mmzero.run.evaluate.data.pictures import PictureStore
from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.run.evaluate.judging.rules import judge_by_rules

datasets = pytest.importorskip("datasets")
TEXT, NUMBER, PICTURE = datasets.Value("string"), datasets.Value("int64"), datasets.Image()


def picture(number=0):
    return Image.new("RGB", (24, 24), (number % 256, 40, 90))


def jpeg(number=0):
    out = io.BytesIO()
    picture(number).save(out, "JPEG")
    return out.getvalue()


def of_mmmu(name, question, options, answer, pictures, **more):
    columns = {f"image_{k}": picture(k) if k <= pictures else None for k in range(1, 8)}
    return {"id": name, "question": question, "options": options, "answer": answer} | columns | more


MMMU_FEATURES = {name: TEXT for name in ("id", "question", "options", "answer")} | {
    f"image_{k}": PICTURE for k in range(1, 8)
}

# name -> (file below the data folder, features, rows)
PUBLISHED = {
    "mmmu": (
        "MMMU/data/validation-00000-of-00001.parquet",
        MMMU_FEATURES | {"question_type": TEXT, "explanation": TEXT, "img_type": TEXT},
        [
            of_mmmu("validation_Art_1", "Which of <image 1> and <image 2>?", "['first', \"it's both\"]", "B", 2)
            | {"question_type": "multiple-choice", "explanation": "", "img_type": "['Paintings']"},
            of_mmmu("validation_Math_2", "<image 1> How many?", "[]", "['8', 'eight', '3.5']", 1)
            | {"question_type": "open", "explanation": "?", "img_type": "['Plots']"},
            of_mmmu("validation_Math_3", "How many in <image 1>?", "['<image 2>', '<image 3>', 'none']", "A", 3)
            | {"question_type": "multiple-choice", "explanation": "", "img_type": "[]"},
        ],
    ),
    "mmmu_pro": (
        "MMMU_Pro/standard (10 options)/test-00000-of-00002.parquet",
        MMMU_FEATURES | {"subject": TEXT, "topic_difficulty": TEXT},
        [
            of_mmmu("test_History_1", "<image 1> Who?", str([f"person {k}" for k in range(10)]), "J", 1)
            | {"subject": "History", "topic_difficulty": "Easy"},
        ],
    ),
    "mathvista": (
        "MathVista/data/testmini-00000-of-00001-725687bf7a18d64b.parquet",
        {name: TEXT for name in ("pid", "question", "image", "unit", "answer", "question_type", "answer_type", "query")}
        | {"decoded_image": PICTURE, "choices": datasets.Sequence(TEXT), "precision": datasets.Value("float64")},
        [
            {"pid": "1", "question": "What is x?", "image": "images/1.jpg", "unit": None, "answer": "1.2"}
            | {"question_type": "free_form", "answer_type": "float", "query": "Hint", "decoded_image": picture(1)}
            | {"choices": None, "precision": 1.0},
            {"pid": "2", "question": "Is it?", "image": "images/2.jpg", "unit": None, "answer": "No"}
            | {"question_type": "multi_choice", "answer_type": "text", "query": "Hint", "decoded_image": picture(2)}
            | {"choices": ["Yes", "No"], "precision": None},
        ],
    ),
    "mathverse": (
        "MathVerse/testmini.parquet",
        {name: TEXT for name in ("sample_index", "problem_index", "problem_version", "question", "answer")}
        | {name: TEXT for name in ("question_type", "query_wo", "query_cot", "question_for_eval")}
        | {"image": PICTURE},
        [
            {"sample_index": str(k), "problem_index": "1", "problem_version": version, "question": question}
            | {"answer": "C", "question_type": "multi-choice", "query_wo": "q", "query_cot": "q", "image": picture(k)}
            | {"question_for_eval": "How large is the angle? Choices: A:30 B:45 C:60"}
            for k, (version, question) in enumerate([("Text Dominant", "How large?"), ("Vision Only", "")], 1)
        ],
    ),
    "mathvision": (
        "MathVision/data/test-00000-of-00001-3532b8d3f1b4047a.parquet",
        {name: TEXT for name in ("id", "question", "image", "answer", "solution", "subject")}
        | {"options": datasets.Sequence(TEXT), "decoded_image": PICTURE, "level": NUMBER},
        [
            {"id": "4", "question": "Which one?\n<image1>", "image": "images/4.jpg", "answer": "D", "solution": None}
            | {"subject": "counting", "options": list("ABCDE"), "decoded_image": picture(4), "level": 1},
            {"id": "5", "question": "How many?\n<image1>", "image": "images/5.jpg", "answer": "12", "solution": None}
            | {"subject": "counting", "options": [], "decoded_image": picture(5), "level": 3},
        ],
    ),
    "chartqa": (
        "ChartQA/data/test-00000-of-00001.parquet",
        {"type": TEXT, "question": TEXT, "answer": TEXT, "image": PICTURE},
        [
            {"type": "human_test", "question": "How many bars?", "answer": "14", "image": picture(1)},
            {"type": "augmented_test", "question": "And in 2010?", "answer": "0.57", "image": picture(1)},
        ],
    ),
    "hallusionbench": (
        "HallusionBench/data/image-00000-of-00001.parquet",
        {name: TEXT for name in ("category", "subcategory", "visual_input", "set_id", "figure_id", "question_id")}
        | {"question": TEXT, "gt_answer_details": TEXT, "gt_answer": TEXT, "filename": TEXT, "image": PICTURE},
        [
            {"category": "VD", "subcategory": "illusion", "visual_input": "1", "set_id": "0", "figure_id": "1"}
            | {"question_id": str(k), "question": "Is it equal?", "gt_answer_details": "", "gt_answer": str(k)}
            | {"filename": "./x.png", "image": picture(1)}
            for k in (0, 1)
        ],
    ),
    "mmvet": (
        "MMVet/data/test-00000-of-00001.parquet",
        {name: TEXT for name in ("question_id", "question", "answer", "image_source", "capability")}
        | {"image": PICTURE},
        [
            {"question_id": "v1_0", "question": "What is x?", "answer": "-1<AND>-5", "image_source": "web"}
            | {"capability": "ocr,math", "image": picture(1)}
        ],
    ),
    "visnumbench": (
        "VisNumBench/data/train-00000-of-00001.parquet",
        {name: TEXT for name in ("class", "id", "question", "option", "answer", "task_class", "Attributes")}
        | {"image": PICTURE},
        [
            {"class": part, "id": "53_Scale", "question": "Which is it?", "task_class": "range estimation"}
            | {"option": "(a) (90, 100) (b) (30, 40) (c) (50, 60) (d) (0, 10) ", "answer": "(d) (0, 10)"}
            | {"Attributes": "Scale", "image": picture(k)}
            for k, part in enumerate(("Synthetic", "Real"))
        ],
    ),
    "mmsi": (
        "MMSI-Bench/MMSI_Bench.parquet",
        {"id": NUMBER, "images": datasets.Sequence(datasets.Value("binary")), "question_type": TEXT, "question": TEXT}
        | {"answer": TEXT, "thought": TEXT, "difficulty": TEXT},
        [
            {"id": 7, "images": [jpeg(k) for k in range(3)], "question_type": "MSR", "answer": "B", "thought": "t"}
            | {"question": "Where is it?\nOptions: A: left, B: right, C: behind, D: above", "difficulty": "hard"}
        ],
    ),
}

# name -> (choices of the first item, responses that are right, one that is wrong)
RIGHT = {
    "mmmu": (("first", "it's both"), ("\\boxed{B}", "\\boxed{it's both}"), "\\boxed{A}"),
    "mmmu_pro": (tuple(f"person {k}" for k in range(10)), ("\\boxed{J}", "\\boxed{person 9}"), "\\boxed{person 1}"),
    "mathvista": ((), ("\\boxed{1.2}",), "\\boxed{1.25}"),
    "mathverse": ((), ("\\boxed{C}", "\\boxed{C. 60}"), "\\boxed{B}"),
    "mathvision": (tuple("ABCDE"), ("\\boxed{D}", "\\boxed{\\text{D}}"), "\\boxed{A}"),
    "chartqa": ((), ("\\boxed{14}", "\\boxed{14.5}"), "\\boxed{15}"),
    "hallusionbench": ((), ("\\boxed{No}",), "\\boxed{Yes}"),
    "mmvet": ((), (), "\\boxed{-1}"),
    "visnumbench": (
        ("(90, 100)", "(30, 40)", "(50, 60)", "(0, 10)"),
        ("\\boxed{D}", "\\boxed{(d) (0, 10)}"),
        "\\boxed{a}",
    ),
    "mmsi": ((), ("\\boxed{B}", "\\boxed{B: right}"), "\\boxed{C}"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All ten data sets as their owners publish them."""
    root = tmp_path_factory.mktemp("data")
    for file, features, rows in PUBLISHED.values():
        (root / file).parent.mkdir(parents=True)
        datasets.Dataset.from_list(rows, features=datasets.Features(features)).to_parquet(root / file)
    return root


def test_every_benchmark_has_its_form_written_down(folder):
    suite = suites.load("paper", folder)
    assert [one.name for one in suite.benchmarks] == list(PUBLISHED) == list(RIGHT)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_benchmark_as_it_is_published(folder, tmp_path, name):
    suite = suites.only(suites.load("paper", folder), [name])
    store = PictureStore(tmp_path)
    found = data.load(suite, store)
    rows = PUBLISHED[name][2]
    assert len(found) == len(rows) and len({one.id for one in found}) == len(rows)
    choices, right, wrong = RIGHT[name]
    assert found[0].choices == choices
    rule = suite.benchmarks[0].judging
    for response in right:
        assert judge_by_rules(response, found[0], rule, "training").right, response
    assert not judge_by_rules(wrong, found[0], rule, "training").right
    templates = suites.solver_templates(suite)
    for item in found:
        for prompt in ("training", "own"):
            content = messages(item, prompt_text(item, prompt, templates, suite.benchmarks[0]), store)[0]["content"]
            texts = [part["text"] for part in content if part["type"] == "text"]
            assert len(content) - len(texts) == len(item.pictures) > 0
            whole = " ".join(texts)
            assert ("\\boxed{" in whole) == (prompt == "training")
            assert "{question}" not in whole and "{choices}" not in whole
            shown = [f"{letter}. {choice}" for letter, choice in zip("ABCDEFGHIJ", item.choices, strict=False)]
            assert all(one in whole for one in shown if "<image" not in one)


def test_pictures_that_choices_name(folder, tmp_path):
    suite = suites.only(suites.load("paper", folder), ["mmmu"])
    store = PictureStore(tmp_path)
    item = data.load(suite, store)[2]
    content = messages(item, prompt_text(item, "own", suites.solver_templates(suite), suite.benchmarks[0]), store)
    kinds = [part.get("text", "picture") for part in content[0]["content"]]
    assert kinds == [
        "How many in ",
        "picture",
        "?\nA. ",
        "picture",
        "\nB. ",
        "picture",
        "\nC. none\nAnswer with the option's letter from the given choices directly.",
    ]


def test_open_items_are_not_asked_for_a_letter(folder, tmp_path):
    suite = suites.only(suites.load("paper", folder), ["mmmu"])
    item = data.load(suite, PictureStore(tmp_path))[1]
    text = prompt_text(item, "own", suites.solver_templates(suite), suite.benchmarks[0])
    assert item.answers == ("8", "eight", "3.5") and "letter" not in text


def test_a_problem_in_five_versions_is_one_cluster(folder, tmp_path):
    found = data.load(suites.only(suites.load("paper", folder), ["mathverse"]), PictureStore(tmp_path))
    assert len({one.cluster for one in found}) == 1 and len({one.pictures for one in found}) == 2


def test_a_missing_split_says_how_to_get_it(folder):
    suite = suites.only(suites.load("paper", folder / "gone"), ["hallusionbench"])
    with pytest.raises(
        EvaluationError, match=r"no parquet data at .*image-.*get it: hf download lmms-lab/HallusionBench"
    ):
        data.load(suite, PictureStore(folder / "pictures"))
