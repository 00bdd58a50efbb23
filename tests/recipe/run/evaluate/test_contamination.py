"""Copies of training pictures are found whatever their size and compression, other pictures of the style are not."""

import io
import random

import pytest
from PIL import Image

from recipe.mmzero.run.evaluate.contamination import duplicates, training_pictures
from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.tiny.pixels import draw
from recipe.mmzero.tiny.world import held_out_scene


@pytest.fixture(scope="module")
def scenes():
    rng = random.Random(5)
    found = {scene.caption: scene for scene in (held_out_scene(rng) for _ in range(120))}
    return [Image.fromarray(draw(scene)) for scene in found.values()]


def saved(pictures, folder, change=lambda picture: picture, ending="png", **how):
    folder.mkdir()
    paths = []
    for number, picture in enumerate(pictures):
        paths.append(folder / f"{number:03d}.{ending}")
        change(picture).save(paths[-1], **how)
    return paths


def larger(picture):
    return picture.resize((picture.width * 2, picture.height * 2), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(
    "change, ending, how", [(larger, "jpg", {"quality": 80}), (lambda p: p, "jpg", {"quality": 50})]
)
def test_every_copy_is_found_and_nothing_else(tmp_path, scenes, change, ending, how):
    half = len(scenes) // 2
    training = saved(scenes[:half], tmp_path / "training", change, ending, **how)
    mine = saved(scenes, tmp_path / "mine")
    found = duplicates(mine, training)
    assert found == dict(zip(mine[:half], training, strict=True))


def test_training_pictures_of_a_run_and_of_a_folder(tmp_path, scenes):
    run = tmp_path / "run"
    (run / "iter_01" / "collect_solver").mkdir(parents=True)
    (run / "state.json").write_text("{}")
    saved(scenes[:2], run / "iter_01" / "collect_solver" / "images")
    saved(scenes[:3], run / "figures")  # plots are no training pictures
    folder = tmp_path / "folder"
    saved(scenes[:4], folder)
    assert [path.parent.name for path in training_pictures([run])] == ["images"] * 2
    assert len(training_pictures([run, folder])) == 6


def test_no_pictures_and_no_picture_are_one_line(tmp_path, scenes):
    with pytest.raises(EvaluationError, match="holds no pictures; give a run folder"):
        training_pictures([tmp_path])
    (tmp_path / "x.png").write_bytes(io.BytesIO(b"nonsense").getvalue())
    mine = saved(scenes[:1], tmp_path / "mine")
    with pytest.raises(EvaluationError, match=r"x.png cannot be read as a picture"):
        duplicates(mine, [tmp_path / "x.png"])
