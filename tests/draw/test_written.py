"""Which texts of a Python snippet's picture are reported: those on it, whatever way its pixels took, and no others."""

import pytest

from mmzero_env import RenderConfig, RenderEnv, RenderRequest

FIGURE = (
    "import io\nimport matplotlib.pyplot as plt\nimport numpy as np\nfrom PIL import Image, ImageDraw\n"
    "fig, ax = plt.subplots(figsize=(4, 3)); ax.set_title('Sales')\n"
)
PAINT = (
    "from PIL import Image, ImageDraw, ImageFont\n"
    "image = Image.new('RGB', (200, 100), 'white'); draw = ImageDraw.Draw(image)\n"
    "draw.line((0, 0, 200, 100), fill='red'); draw.text((5, 5), 'shown', fill='black')\n"
)


@pytest.fixture(scope="module")
def env():
    with RenderEnv(RenderConfig(workers=2, timeout_s=20.0)) as one:
        yield one


def texts(env, code):
    result = env.render(RenderRequest(code, "python"))
    assert result.ok, result
    return result.text


@pytest.mark.parametrize(
    "ending",
    [
        "fig.canvas.print_figure('a.png')",
        "fig.canvas.print_png(open('a.png', 'wb'))",
        "fig.canvas.draw(); Image.fromarray(np.asarray(fig.canvas.buffer_rgba())).save('a.png')",
        "fig.canvas.draw()\nsize = fig.canvas.get_width_height()\n"
        "Image.frombytes('RGBA', size, bytes(fig.canvas.buffer_rgba())).save('a.png')",
        "b = io.BytesIO(); fig.savefig(b); Image.open(b).crop((0, 0, 400, 200)).resize((300, 150)).save('a.png')",
        "fig.savefig('a.png'); plt.close(fig); Image.open('a.png').rotate(90, expand=True).save('b.png')",
        "b = io.BytesIO(); fig.savefig(b); b.seek(0); plt.figure(); plt.imshow(plt.imread(b)); plt.savefig('b.png')",
    ],
)
def test_texts_of_a_figure_are_known_whatever_way_its_pixels_take(env, ending):
    assert "Sales" in texts(env, FIGURE + ending)


def test_texts_of_all_figures_that_a_picture_is_made_of(env):
    code = FIGURE + (
        "both = Image.new('RGB', (800, 300))\n"
        "for side, name in enumerate(('Left', 'Right')):\n"
        "    ax.set_title(name); b = io.BytesIO(); plt.figure().suptitle(name); plt.savefig(b)\n"
        "    both.paste(Image.open(b), (400 * side, 0))\n"
        "both.save('both.png')"
    )
    assert {"Left", "Right"} <= set(texts(env, code))


def test_a_painted_picture_has_no_texts_of_a_figure_that_was_saved_before(env):
    code = FIGURE + "fig.savefig('a.png')\n" + PAINT.replace("(200, 100), 'white'", "(400, 300), 'white'")
    assert texts(env, code + "image.save('b.png')") == ("shown",)


@pytest.mark.parametrize(
    "call, readable",
    [
        ("fig.text(0.5, 0.5, 'WORD', color='none')", False),
        ("fig.text(0.5, 0.5, 'WORD', color=(0, 0, 0, 0))", False),
        ("fig.text(0.5, 0.5, 'WORD', color=(0, 0, 0, 0), alpha=1)", True),
        ("ax.set_xlim(0, 1); ax.set_position([0.1, 0.1, 0.4, 0.8]); ax.text(1.3, 0.5, 'WORD', clip_on=True)", False),
        ("ax.set_xlim(0, 1); ax.set_position([0.1, 0.1, 0.4, 0.8]); ax.text(1.3, 0.5, 'WORD')", True),
        ("ax.text(0.5, 0.5, 'WORD', clip_on=True)", True),
        ("ax.plot([1, 2], marker='$WORD$', ms=30)", None),
        (
            "from matplotlib.textpath import TextPath\nfrom matplotlib.patches import PathPatch\n"
            "ax.add_patch(PathPatch(TextPath((0.1, 0.4), 'WORD', size=0.2)))",
            True,
        ),
    ],
)
def test_texts_that_are_transparent_clipped_or_shapes(env, call, readable):
    found = texts(env, f"{FIGURE}{call}\nplt.show()")
    assert ("$WORD$" in found) if readable is None else ("WORD" in found) == readable, found


@pytest.mark.parametrize(
    "call, found",
    [
        ("draw.text((500, 50), 'right of it', fill='black')", ()),
        ("draw.text((5, 300), 'below it', fill='black')", ()),
        ("draw.text((-400, 5), 'left of it', fill='black')", ()),
        ("draw.text((195, 50), 'cut', fill='black')", ("cut",)),
        ("draw.text((220, 50), 'ends in it', fill='black', anchor='rm')", ("ends in it",)),
        ("draw.multiline_text((5, 20), 'one\\n\\ntwo', fill='black', spacing=9)", ("one", "two")),
        ("draw.text((5, 50), 'old font', font=ImageFont.load_default_imagefont())", ("old font",)),
    ],
)
def test_painted_texts_are_those_on_the_picture(env, call, found):
    assert texts(env, f"{PAINT}{call}\nimage.save('a.png')") == ("shown", *found)


def test_painted_text_objects_are_read(env):
    pytest.importorskip("PIL.ImageText", reason="Pillow 12")
    code = PAINT + "from PIL import ImageText\ndraw.text((5, 50), ImageText.Text('object 6'), 'black')\nimage.show()"
    assert texts(env, code) == ("shown", "object 6")


def test_of_several_painted_pictures_the_texts_of_the_last_one_count(env):
    code = "from PIL import Image, ImageDraw\nfor name in ('first', 'second'):\n"
    code += "    x = Image.new('RGB', (90, 90), 'white'); ImageDraw.Draw(x).text((5, 5), name, fill='red'); "
    assert texts(env, code + "x.save(name + '.png')") == ("second",)


@pytest.mark.parametrize(
    "ending",
    [
        "image = image.resize((400, 200)); image.save('a.png')",
        "other = Image.new('RGB', (300, 300)); other.paste(image, (9, 9)); other.save('a.png')",
        "over = Image.new('RGBA', (200, 100)); ImageDraw.Draw(over).text((9, 60), 'over', fill='red')\n"
        "image = image.convert('RGBA'); image.alpha_composite(over); image.save('a.png')",
        "import numpy as np; Image.fromarray(np.asarray(image)[::-1]).save('a.png')",
    ],
)
def test_texts_stay_where_a_picture_is_made_of_others(env, ending):
    assert "shown" in texts(env, PAINT + ending)
