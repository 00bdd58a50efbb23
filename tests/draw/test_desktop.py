"""What scripts take for granted on a desktop: films, triangulations, letters, seeds, how a program is written down."""

import pytest

from mmzero_env import RenderConfig, RenderEnv, RenderRequest, RenderStatus

FILM = (
    "import matplotlib.pyplot as plt\nfrom matplotlib.animation import ArtistAnimation, FuncAnimation\n"
    "fig, ax = plt.subplots(figsize=(4, 3)); ax.set_position([0, 0, 1, 1]); ax.axis('off')\n"
    "ax.set_xlim(0, 4); ax.set_ylim(0, 1)\nbar = plt.Rectangle((0, 0), 1, 1, color='white'); ax.add_patch(bar)\n"
    "def start(): bar.set_x(3); return bar,\n"
    "def step(i): bar.set_x(i); bar.set_color(['red', 'blue'][i]); return bar,\n"
)
PLAIN = "from PIL import Image\nx = Image.linear_gradient('L').rotate(90)\n"
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


@pytest.mark.parametrize(
    "font, text, note",
    [
        ("ImageFont.truetype('DejaVuSans.ttf', 20)", "温度 25 °C → π", "boxes are drawn: 温 度"),
        ("ImageFont.load_default(20)", "→ 25", "boxes are drawn: →"),
        ("None", "12 水", "boxes are drawn: 水"),
        ("ImageFont.load_default(20)", "25 °C", ""),
        ("ImageFont.load_default_imagefont()", "é", ""),  # it cannot be asked
    ],
)
def test_letters_that_a_font_of_pillow_lacks_are_noted(env, font, text, note):
    code = f"{PLAIN}from PIL import ImageDraw, ImageFont\nImageDraw.Draw(x).text((5, 5), {text!r}, 255, {font})"
    result = python(env, code)
    assert result.ok and (note in result.note if note else not result.note), result


@pytest.mark.parametrize("most, kind", [(65535, "uint16"), (65535, "int32"), (255, "uint16"), (255, "int32")])
def test_pictures_of_sixteen_bits_are_shown_with_their_upper_eight(env, most, kind):
    code = "import numpy as np\nfrom PIL import Image\n"
    code += f"Image.fromarray(np.linspace(0, {most}, 64 * 64).reshape(64, 64).astype(np.{kind})).save('a.png')"
    image = python(env, code).image()
    assert [image.getpixel((0, y))[0] for y in (0, 16, 32, 48)] == [0, 63, 127, 191] or most == 65535
    assert [image.getpixel((0, y))[0] for y in (0, 16, 32, 48)] == [0, 64, 128, 192] or most == 255


@pytest.mark.parametrize(
    "code, said",
    [
        (
            "import sys\nsys.exit('usage: plot.py data.csv')",
            "left with 'usage: plot.py data.csv' and no",
        ),
        (
            "import argparse\np = argparse.ArgumentParser(); p.add_argument('file'); p.parse_args()",
            "left with '2' and no",
        ),
        ("import sys\nsys.exit(0)", "the code ran to the end and left no figure or picture"),
        ("%matplotlib inline\nimport matplotlib.pyplot", "line 1: SyntaxError: invalid syntax; commands of a notebook"),
        ("import os\n  !pip install x", "IndentationError: unexpected indent"),
        ("x = (5 %% 3)", "line 1: SyntaxError: invalid syntax"),
    ],
)
def test_why_there_is_no_picture(env, code, said):
    assert said in python(env, code).message


@pytest.mark.parametrize(
    "seeding",
    [
        "random.seed(); np.random.seed()",
        "random.seed(None); np.random.seed(None)",
        "r = random.Random(); r.seed(); random.random = r.random",
        "random.seed(a=None, version=2)",
    ],
)
def test_seeding_without_a_seed_draws_the_same_picture(env, seeding):
    code = f"import random, numpy as np, matplotlib.pyplot as plt\n{seeding}\n"
    code += "x = [random.random() for _ in range(9)]; assert len(set(x)) == 9; plt.plot(x, np.random.rand(9))"
    pictures = [python(env, code + "\n" * n).png for n in range(2)]
    assert pictures[0] == pictures[1] is not None


def test_a_seed_gives_what_it_always_gives(env):
    code = "import random\nr = random.Random(); r.seed(7); random.seed(7); both = random.random(), r.random()\n"
    code += "assert both == (0.32383276483316237,) * 2 and random.Random(7).random() == both[0]\n"
    assert python(env, code + PLAIN).ok


@pytest.mark.parametrize("start, newline", [("\ufeff", "\n"), ("\ufeff", "\r\n"), ("", "\r"), ("", "\r\n")])
def test_a_program_may_start_with_the_mark_of_its_encoding_and_end_lines_in_any_way(env, start, newline):
    result = python(env, (start + PLAIN).replace("\n", newline))
    assert result.ok, result


@pytest.mark.parametrize(
    "call",
    [
        "import urllib.request; urllib.request.urlopen('https://example.com/a.png')",
        "import urllib.request; urllib.request.urlretrieve('http://127.0.0.1:9/a.png', 'a.png')",
        "import socket; socket.create_connection(('example.com', 80))",
        "import socket; socket.socket()",
        "import http.client; http.client.HTTPConnection('127.0.0.1', 9).request('GET', '/')",
        "import pandas; pandas.read_csv('https://example.com/data.csv')",
    ],
)
def test_asking_for_the_network_is_forbidden_and_says_so(env, call):
    result = python(env, f"{PLAIN}{call}")
    assert result.status is RenderStatus.FORBIDDEN and result.message.endswith("; there is no network"), result


@pytest.mark.parametrize(
    "value, text",
    [
        ("12345678901.0", "12345678901"),  # more digits than a fraction is given
        ("1e300", "1e+300"),
        ("-0.0", "0"),
        ("0.1 + 0.2", "0.3"),
        ("Decimal('12.50')", "12.50"),
        ("Decimal('NaN')", ""),
        ("np.float32(0.1)", "0.1"),
        ("np.float32(16777216)", "16777216"),
        ("np.array(['blue'])", "blue"),
        ("np.array([[2.5]])", "2.5"),
        ("np.array([1, 2])", ""),
    ],
)
def test_numbers_that_programs_leave_as_answers(env, value, text):
    code = f"{PLAIN}import numpy as np\nfrom decimal import Decimal\nanswers = {{'easy': 'x', 'hard': {value}}}"
    assert python(env, code).answers == ("x", text)
