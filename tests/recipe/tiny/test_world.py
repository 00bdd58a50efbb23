"""Scenes, captions, questions and programs agree with each other, and with what the sandbox draws."""

import random
from dataclasses import replace

import numpy as np
import pytest

from mmzero_env import RenderConfig, RenderEnv, RenderRequest
from recipe.mmzero.tiny.pixels import LANGUAGES, draw
from recipe.mmzero.tiny.programs import expression, program
from recipe.mmzero.tiny.questions import WRITTEN, answer, ask, same_type, wrong
from recipe.mmzero.tiny.reading import read_picture
from recipe.mmzero.tiny.world import (
    KINDS,
    MOST_NUMBER,
    NOTES,
    any_scene,
    held_out_scene,
    parse_caption,
    svg,
    training_scene,
)


def scenes(count, seed=0):
    rng = random.Random(seed)
    return [any_scene(rng) for _ in range(count)]


def test_a_caption_says_everything():
    found = scenes(500)
    assert all(parse_caption(scene.caption) == scene for scene in found)
    assert {bool(scene.note) for scene in found} == {True, False}
    assert len({scene.caption for scene in found}) == len(set(found))


@pytest.mark.parametrize("text", ["bars: red 3; text", "bars: red 3; text 99", "bars: red 3; text a b", "; text red"])
def test_writing_outside_this_world_is_no_caption(text):
    assert parse_caption(text) is None


def test_held_out_scenes_are_no_training_scenes():
    rng = random.Random(0)
    assert all(held_out_scene(rng).held_out and not training_scene(rng).held_out for _ in range(50))


def test_every_answer_can_be_written():
    rng = random.Random(0)
    answers = {ask(rng, scene, hard)[1] for scene in scenes(2000) for hard in (False, True)}
    assert answers <= set(NOTES) and str(MOST_NUMBER) in NOTES
    assert all(same_type(one, wrong(rng, one)) for one in answers)
    assert not same_type("yes", "3") and not same_type("red", "circle")


def test_what_is_written_is_a_question():
    scene = parse_caption("dots: red 2; text 7")
    assert answer(scene, WRITTEN) == "7"
    assert answer(replace(scene, note=""), WRITTEN) is None


def test_programs_compute_true_answers():
    rng = random.Random(1)
    for scene in scenes(600, seed=1):
        (easy, easy_answer), (hard, hard_answer) = ask(rng, scene, False), ask(rng, scene, True)
        names = {}
        exec(program(scene, (easy, hard)).rpartition("\n")[0], names)  # all but the saving
        assert {key: str(value) for key, value in names["answers"].items()} == {
            "easy": easy_answer,
            "hard": hard_answer,
        }


def test_a_program_answers_no_other_questions():
    with pytest.raises(KeyError):
        expression("bars", "which bar is the nicest?")


@pytest.fixture(scope="module")
def env():
    with RenderEnv(RenderConfig(workers=1)) as env:
        yield env


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sandbox_draws_what_we_draw(env, language):
    """Pictures for warm-up and truth are made without the sandbox; they must be those that a Coder's code gives."""
    write = {"svg": svg, "python": program}[language]
    rng = random.Random(language)
    found = [any_scene(rng, kind) for kind in KINDS for _ in range(6)]
    found += [replace(scene, note=rng.choice(NOTES)) for scene in found[::3]]
    results = env.render_many([RenderRequest(write(scene), language) for scene in found])
    for scene, result in zip(found, results, strict=True):
        assert result.ok, result.message
        shown = np.asarray(result.image())
        assert np.abs(shown.astype(int) - draw(scene, language).astype(int)).max() <= 8
        assert read_picture(shown, scene.kind) == scene
        assert result.text == ((scene.note,) if scene.note else ())
