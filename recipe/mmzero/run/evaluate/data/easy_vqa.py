"""easy-VQA as a suite: `mmzero eval --export-easy-vqa DIR`, from the PyPI package of that name (MIT licence).

    DIR/easy_vqa.jsonl    the first questions of its test set: id, question, answer, image (a path into the package)
    DIR/easy_vqa.yaml     the suite

38,575 questions on 4,963 pictures of one coloured shape, 64 x 64 pixels, all answers from thirteen words; a question's
picture has up to fifteen others, so clusters matter. It is small enough to try a whole evaluation on.
"""

import json
from importlib import resources
from pathlib import Path

from mmzero_env.process import replace
from recipe.mmzero.run.evaluate.errors import EvaluationError


def export(folder: Path, items: int) -> Path:
    """Write the suite; returns its YAML file.

    Raises:
        EvaluationError: the package is not installed.
    """
    try:
        import easy_vqa
    except ImportError:
        raise EvaluationError("easy-VQA is not installed: pip install easy-vqa") from None
    questions, answers, pictures = easy_vqa.get_test_questions()
    paths = easy_vqa.get_test_image_paths()
    rows = [
        {"id": f"test-{k:05d}", "question": question, "answer": answer, "image": str(Path(paths[picture]).absolute())}
        for k, (question, answer, picture) in enumerate(zip(questions, answers, pictures, strict=True))
    ]
    folder.mkdir(parents=True, exist_ok=True)
    replace.write(folder / "easy_vqa.jsonl", "".join(json.dumps(row) + "\n" for row in rows[:items]))
    suite = resources.files("recipe.mmzero.config").joinpath("eval", "easy_vqa", "easy_vqa.yaml").read_text("utf-8")
    replace.write(folder / "easy_vqa.yaml", suite)
    return folder / "easy_vqa.yaml"
