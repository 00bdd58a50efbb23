"""What scripts take for granted on a desktop: films, triangulations, letters."""

import pytest

from mmzero_env import RenderConfig, RenderEnv, RenderRequest

FILM = (
    "import matplotlib.pyplot as plt\nfrom matplotlib.animation import ArtistAnimation, FuncAnimation\n"
    "fig, ax = plt.subplots(figsize=(4, 3)); ax.set_position([0, 0, 1, 1]); ax.axis('off')\n"
    "ax.set_xlim(0, 4); ax.set_ylim(0, 1)\nbar = plt.Rectangle((0, 0), 1, 1, color='white'); ax.add_patch(bar)\n"
    "def start(): bar.set_x(3); return bar,\n"
    "def step(i): bar.set_x(i); bar.set_color(['red', 'blue'][i]); return bar,\n"
)
RED, WHITE = (255, 0, 0), (255, 255, 255)


@pytest.fixture(scope="module")
def env():
    with RenderEnv(RenderConfig(workers=2, timeout_s=20.0)) as one:
        yield one


def python(env, code):
    return env.render(RenderRequest(code, "python"))


@pytest.mark.parametrize(
    "ending",
    [
        "FuncAnimation(fig, step, frames=2).save('a.gif')",
        "FuncAnimation(fig, step, frames=2, init_func=start, blit=True).save('a.mp4', writer='ffmpeg', fps=2)",
        "a = FuncAnimation(fig, step, frames=2, init_func=start); plt.show()",
        "a = FuncAnimation(fig, step, frames=iter([0, 1]), init_func=start, save_count=2); a.save('a.gif'); plt.show()",
        "open('a.html', 'w').write(FuncAnimation(fig, step, frames=2, init_func=start).to_jshtml())",
        "frames = [[ax.add_patch(plt.Rectangle((i, 0), 1, 1, color=c))] for i, c in enumerate(('red', 'blue'))]\n"
        "ArtistAnimation(fig, frames, blit=True).save('a.gif')",
    ],
)
def test_of_a_film_the_first_frame_is_drawn(env, ending):
    result = python(env, FILM + ending)
    assert result.ok and "the first frame" in result.note, result
    image = result.image()
    assert [image.getpixel((x, 150)) for x in (50, 150, 350)] == [RED, WHITE, WHITE]


def test_a_saved_film_has_the_resolution_that_it_was_given(env):
    assert python(env, FILM + "FuncAnimation(fig, step, frames=2).save('a.gif', dpi=50)").width == 200


@pytest.mark.parametrize(
    "call",
    [
        "ax.triplot([0, 1, 0, 1], [0, 0, 1, 1])",
        "ax.tricontourf([0, 1, 0, 1, 0.5], [0, 0, 1, 1, 0.4], [1, 2, 3, 4, 5])",
        "plt.close(); plt.figure().add_subplot(projection='3d').plot_trisurf([0, 1, 0, 1], [0, 0, 1, 1], [1, 2, 3, 5])",
    ],
)
def test_points_are_made_into_triangles(env, call):
    result = python(env, f"import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\n{call}\nplt.show()")
    assert result.ok, result


def test_letters_that_a_font_lacks_are_noted(env):
    code = "import matplotlib.pyplot as plt\nplt.rcParams['font.sans-serif'] = ['SimHei']\nplt.title('{}'); plt.show()"
    lacking = python(env, code.format("销量 12 苹果"))
    assert lacking.ok and lacking.note == "the font lacks these letters, boxes are drawn: 销 量 苹 果"
    assert python(env, code.format("Ελλάδα → ∞ é")).note == ""
