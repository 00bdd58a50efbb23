"""Patterns beyond single pictures: absurd sizes, and what stands in a tile."""

import pytest

from mmzero_env import RenderConfig, RenderEnv, RenderRequest


@pytest.fixture(scope="module")
def env():
    with RenderEnv(RenderConfig(workers=1, timeout_s=20.0)) as one:
        yield one


def drawn(env, tile: str, attributes: str):
    code = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100">'
        '<filter id="f" x="0" width="3"><feOffset dx="10"/></filter>'
        f'<pattern id="p" patternUnits="userSpaceOnUse" {attributes}>{tile}</pattern>'
        f'<rect width="100" height="100" fill="url(#p)"/><rect x="100" width="100" height="100" fill="green"/></svg>'
    )
    result = env.render(RenderRequest(code, "svg"))
    assert result.ok, result
    return result.image()


@pytest.mark.parametrize(
    "attributes",
    [
        'width="1e300" height="1e-3"',
        'width="1e300" height="1e300" patternTransform="scale(1e30)"',
        'width="5" height="5" patternTransform="scale(0)"',
        'width="1e-9" height="1e-9"',
        'width="0" height="5"',
        'width="5" height="5" viewBox="0 0 0 1"',
    ],
)
def test_absurd_tiles_cost_nothing_else(env, attributes):
    assert drawn(env, '<rect width="4" height="4"/>', attributes).getpixel((150, 50)) == (0, 128, 0)


def test_what_stands_in_a_tile_is_drawn_with_its_filters(env):
    image = drawn(env, '<rect width="10" height="50" fill="red" filter="url(#f)"/>', 'width="50" height="50"')
    assert [image.getpixel((x, 20)) for x in (5, 15, 55, 65)] == [(255, 255, 255), (255, 0, 0)] * 2
