"""Scenes are read back from their own pictures, and from no others."""

import random
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from recipe.mmzero.tiny.corpus import jitter
from recipe.mmzero.tiny.pixels import LANGUAGES, draw, rasterise, same_picture
from recipe.mmzero.tiny.reading import load, read_picture
from recipe.mmzero.tiny.world import KINDS, NOTES, SVG_OPEN, Scene, any_scene, elements, svg


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_scene_is_read_back(kind, language):
    rng = random.Random(kind)
    for _ in range(100):
        scene = any_scene(rng, kind)
        assert read_picture(draw(scene, language), kind) == scene


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_note_is_read_back_and_no_other(language):
    scene = Scene("bars", (("red", 3), ("blue", 6)))
    for note in ("", *NOTES):
        shown = draw(replace(scene, note=note), language)
        assert read_picture(shown, "bars") == replace(scene, note=note)
        assert same_picture(shown, scene) == (note == "")


def test_writing_in_another_place_is_no_note():
    moved = svg(Scene("bars", (("red", 3),), "12")).replace('x="6"', 'x="60"')
    assert read_picture(rasterise(moved), "bars") is None


@pytest.mark.parametrize("kind", KINDS)
def test_drawings_by_the_renderer_are_read_like_ours(kind):
    rng = random.Random(kind)
    for _ in range(10):
        scene = any_scene(rng, kind)
        assert read_picture(rasterise(svg(scene)), kind) == scene


def test_an_altered_scene_is_read_as_what_it_shows():
    rng = random.Random(0)
    for _ in range(100):
        scene = any_scene(rng)
        other = jitter(rng, scene)
        assert read_picture(draw(other), other.kind) == other


@pytest.mark.parametrize(
    "code",
    [
        SVG_OPEN
        + elements(Scene("shapes", (("red", "circle", "nw"),)))[0]
        + '<rect x="90" y="90" width="9" height="9"/></svg>',
        SVG_OPEN + '<circle fill="red" cx="56" cy="56" r="40"/></svg>',
        SVG_OPEN + '<rect fill="red" x="4" y="10" width="60" height="102"/></svg>',
        SVG_OPEN + "</svg>",
    ],
    ids=["a shape too much", "too large", "too wide", "empty"],
)
def test_a_picture_of_no_scene_is_none(code):
    assert [read_picture(rasterise(code), kind) for kind in KINDS] == [None, None, None]


def test_another_size_is_none():
    assert read_picture(np.zeros((56, 56, 3), np.uint8), "bars") is None


@pytest.mark.parametrize("place", [0, 20, 60])
def test_a_damaged_picture_is_named(tmp_path, place):
    path = tmp_path / "a.png"
    Image.fromarray(draw(Scene("bars", (("red", 3), ("blue", 6))))).save(path)
    content = path.read_bytes()
    path.write_bytes(content[:place] + b"zzzz" + content[place + 4 :])
    with pytest.raises(OSError) as error:
        load(path)
    assert error.value.filename == str(path)
