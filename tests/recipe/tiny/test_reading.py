"""Scenes are read back from their own pictures, and from no others."""

import random

import numpy as np
import pytest

from recipe.mmzero.tiny.corpus import jitter
from recipe.mmzero.tiny.pixels import draw, rasterise
from recipe.mmzero.tiny.reading import read_picture
from recipe.mmzero.tiny.world import KINDS, SVG_OPEN, Scene, any_scene, elements, svg


@pytest.mark.parametrize("kind", KINDS)
def test_every_scene_is_read_back(kind):
    rng = random.Random(kind)
    for _ in range(150):
        scene = any_scene(rng, kind)
        assert read_picture(draw(scene), kind) == scene


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
