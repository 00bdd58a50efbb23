"""What is drawn: colours, sizes, texts, and how matplotlib and Pillow are captured."""

import io

import cairocffi as cairo
import cairosvg
import numpy as np
import pytest
from PIL import Image, ImageChops

from mmzero_env import RenderConfig, RenderEnv, RenderRequest, RenderStatus
from mmzero_env.draw.picture import encode_png, is_blank
from mmzero_env.draw.svg import quicker
from mmzero_env.draw.svg.renderer import SvgRenderer, output_size
from mmzero_env.wire import HEADER, MAGIC, ProtocolError, pack_result, unpack_header, unpack_texts

PLOT = "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.bar(['x', 'y'], [1, 2]); ax.set_title('Sales')\n"
PAINT = (
    "from PIL import Image, ImageDraw\nimage = Image.new('RGB', (120, 80), 'white')\n"
    "ImageDraw.Draw(image).text((5, 5), 'Total 12', fill='black')\n"
)


@pytest.fixture(scope="module")
def env():
    with RenderEnv(RenderConfig(workers=2, timeout_s=20.0)) as one:
        yield one


def svg(body: str, size: str = 'width="100" height="100"') -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{body}</svg>'


def drawn(env, body: str, size: str = 'width="100" height="100"'):
    result = env.render(RenderRequest(svg(body, size), "svg"))
    assert result.ok, result
    return result


def test_unpainted_is_white_and_colours_are_right(env):
    result = drawn(env, '<rect x="10" y="20" width="30" height="40" fill="#1188ee"/>')
    image = result.image()
    assert image.mode == "RGB" and image.size == (100, 100) == (result.width, result.height)
    assert image.getpixel((5, 5)) == (255, 255, 255) and image.getpixel((20, 30)) == (0x11, 0x88, 0xEE)
    assert Image.open(io.BytesIO(result.png)).format == "PNG"


def test_background_is_a_setting():
    with RenderEnv(RenderConfig(workers=1, background="#000080", blank="allow")) as one:
        assert drawn(one, '<rect width="9" height="9"/>').image().getpixel((50, 50)) == (0, 0, 128)
        blank = drawn(one, "")
        assert blank.image().getcolors() == [(100 * 100, (0, 0, 128))], "blank=allow keeps it"


@pytest.mark.parametrize(
    "width, height, view_box, pixels",
    [
        ("640", "480", None, (640, 480)),
        ("640px", "480px", (320.0, 240.0), (640, 480)),
        ("2in", "1in", None, (192, 96)),  # 96 pixels an inch
        ("100%", "100%", (300.0, 200.0), (300, 200)),  # percentages follow the viewBox
        ("600", None, (300.0, 200.0), (600, 400)),
        (None, "400", (300.0, 200.0), (600, 400)),
        (None, None, (24.0, 24.0), (28, 28)),  # no size of its own: scaled up to min_side
        ("2048", "1024", None, (1024, 512)),  # scaled down to max_side
        ("24", "24", None, None),  # declares itself too small
        ("5000", "40", None, None),  # too long
        ("20000", "20000", None, None),  # over max_declared_side
        (None, None, None, None),
        ("1e-5", "9", None, None),
        ("12parsec", "9", None, None),
    ],
)
def test_size_policy(width, height, view_box, pixels):
    from mmzero_env.draw.errors import Refused

    if pixels is not None:
        assert output_size(width, height, view_box, RenderConfig())[1] == pixels
        return
    with pytest.raises(Refused) as caught:
        output_size(width, height, view_box, RenderConfig())
    assert caught.value.status is RenderStatus.BAD_SIZE


def test_drawing_fills_the_size(env):
    body = '<rect width="50" height="50" fill="red"/><rect x="50" y="50" width="50" height="50" fill="blue"/>'
    image = drawn(env, body, 'viewBox="0 0 100 100" width="4000" height="4000"').image()
    assert image.size == (1024, 1024)
    assert image.getpixel((500, 500)) == (255, 0, 0) and image.getpixel((1000, 1000)) == (0, 0, 255)


def test_markers_of_long_lines_are_drawn(env):
    points = " ".join(f"{index * 0.09:.2f},{50 + index % 7:.2f}" for index in range(1000))
    dot = '<marker id="dot"><circle r="1"/></marker>'
    arrow = '<marker id="arrow"><g><path d="M0,0 L8,3 L0,6 z"/><path d="M0,0 L8,3"/></g></marker>'
    line = f'<polyline points="{points}" fill="none" marker-mid="url(#dot)" marker-end="url(#arrow)"/>'
    assert drawn(env, dot + arrow + line).ok


@pytest.mark.parametrize(
    "body, texts",
    [
        ('<text y="20">Hello</text><text y="40">World</text>', ("Hello", "World")),
        ('<text y="20">Hel<tspan font-weight="bold">lo</tspan> you</text>', ("Hello you",)),  # one line
        ('<text y="20">A<tspan x="0" dy="20">B</tspan></text>', ("A", "B")),  # two lines
        ('<g transform="translate(0 20)"><text>  many \n spaces </text></g>', ("many spaces",)),
        ('<text y="20" fill="none" stroke="red">outline</text>', ("outline",)),
        ('<defs><text id="t" y="20">twice</text></defs><use href="#t"/><use href="#t" y="20"/>', ("twice", "twice")),
        ('<text y="20" display="none">hidden</text><text y="40">shown</text>', ("shown",)),
        ('<g visibility="hidden"><text y="20">hidden</text></g><text y="40">shown</text>', ("shown",)),
        ('<text y="20" opacity="0">hidden</text><text y="40">shown</text>', ("shown",)),
        ('<g opacity="0"><text y="20">hidden</text></g><text y="40">shown</text>', ("shown",)),
        ('<text y="20" fill-opacity="0">hidden</text><text y="40">shown</text>', ("shown",)),
        ('<text y="20" fill="none">hidden</text><text y="40">shown</text>', ("shown",)),
        ('<text y="20" font-size="0">hidden</text><text y="40">shown</text>', ("shown",)),
        ('<text x="900" y="20">outside</text><text y="40">shown</text>', ("shown",)),
        ('<text y="-50">outside</text><text y="40">shown</text>', ("shown",)),
        ('<title>of the file</title><desc>no text</desc><text y="40">shown</text>', ("shown",)),
        ('<clipPath id="c"><text y="20">shape</text></clipPath><text y="40">shown</text>', ("shown",)),
    ],
)
def test_texts_are_those_that_are_drawn(env, body, texts):
    assert drawn(env, body + '<rect y="90" width="9" height="9"/>').text == texts


def test_size_follows_the_figure_and_the_limit(env):
    small = env.render(RenderRequest(PLOT + "fig.set_size_inches(3, 2); plt.show()", "python"))
    large = env.render(RenderRequest(PLOT + "fig.savefig('x', dpi=1000)", "python"))
    assert (small.width, small.height) == (300, 200) and max(large.width, large.height) == 1024


@pytest.mark.parametrize(
    "ending",
    [
        "plt.show()",
        "plt.savefig('out.png')",
        "plt.savefig('/no/such/folder/out.png')",
        "import os; os.makedirs('charts/new', exist_ok=True); plt.savefig('charts/new/out.png', dpi=80)",
        "fig.savefig('out.pdf', bbox_inches='tight')",
        "fig.savefig('out', transparent=True)",
        "import io; fig.savefig(io.BytesIO(), format='png')",
        "fig.savefig('a.png'); plt.close('all')",
        "fig.show()",
        "",  # left open
        "plt.switch_backend('TkAgg'); plt.show(block=True)",
        "plt.show()\nfor backend in ('agg', 'svg', 'pdf', 'Agg'):\n    plt.switch_backend(backend)",
        "import matplotlib; plt.show(); matplotlib.use('svg')",
        "if __name__ == '__main__':\n    plt.show()\n    exit()",
    ],
)
def test_figures_are_captured(env, ending):
    result = env.render(RenderRequest(PLOT + ending, "python"))
    assert result.ok, result
    assert {"Sales", "x", "y"} <= set(result.text)
    colours = result.image().getcolors(1 << 20)
    assert max(colours)[1] == (255, 255, 255) and any(b > r for _, (r, _, b) in colours), "bars on white"


@pytest.mark.parametrize(
    "call, readable",
    [
        ("fig.text(0.5, 0.5, 'WORD')", True),
        ("fig.text(-0.01, 0.5, 'WORD')", True),  # begins outside, ends inside
        ("fig.text(1.0, 0.5, 'WORD', ha='right')", True),
        ("fig.text(1.01, 0.5, 'WORD')", False),
        ("fig.text(0.5, -0.2, 'WORD')", False),
        ("fig.text(0.5, 0.5, 'WORD', alpha=0)", False),
        ("fig.text(0.5, 0.5, 'WORD', visible=False)", False),
        ("ax.annotate('WORD', (0, 1), (1, 2), arrowprops={'arrowstyle': '->'}, rotation=45)", True),
        ("ax.annotate('WORD', (0, 1), (-9, -900), textcoords='offset points')", False),
        ("ax.text(0, 1, 'WORD', rotation=90, rotation_mode='anchor', va='top')", True),
    ],
)
def test_texts_of_figures_are_those_on_the_canvas(env, call, readable):
    result = env.render(RenderRequest(f"{PLOT}{call}\nplt.show()", "python"))
    assert result.ok and ("WORD" in result.text) == readable, result


def test_a_snippet_can_read_what_it_saved(env):
    code = f"{PLOT}plt.savefig('a.png')\nfrom PIL import Image\nx = Image.open('a.png').rotate(180)\nx.save('b.png')"
    once, turned = env.render(RenderRequest(PLOT + "plt.show()", "python")), env.render(RenderRequest(code, "python"))
    assert turned.ok and turned.image().rotate(180).tobytes() == once.image().tobytes()


@pytest.mark.parametrize(
    "ending",
    ["image.save('out.png')", "image.save('/no/such/folder/out.jpg', quality=90)", "image.show()", ""],
)
def test_pictures_are_captured(env, ending):
    result = env.render(RenderRequest(PAINT + ending, "python"))
    assert result.ok and (result.width, result.height) == (120, 80) and result.text == ("Total 12",)


def test_transparent_pictures_get_the_background(env):
    code = (
        "from PIL import Image\nx = Image.new('RGBA', (60, 60))\n"
        "x.paste((255, 0, 0, 255), (0, 0, 30, 30))\nx.save('x.png')"
    )
    image = env.render(RenderRequest(code, "python")).image()
    assert image.getpixel((50, 50)) == (255, 255, 255) and image.getpixel((5, 5)) == (255, 0, 0)


@pytest.mark.parametrize(
    "saved, read",
    [
        ("plt.savefig('a.png')", "'a.png'"),
        ("plt.savefig('a', dpi=70)", "'a.png'"),
        ("plt.savefig('a.jpg')", "'a.jpg'"),
        ("import io; b = io.BytesIO(); plt.savefig(b)", "b"),
        ("import io; b = io.BytesIO(); plt.savefig(b, format='png', transparent=True)", "b"),
        ("import io; b = io.BytesIO(); plt.savefig(b, format='jpg')", "b"),
    ],
)
def test_saved_files_can_be_read_again(env, saved, read):
    code = PLOT + f"fig.set_size_inches(4, 2); {saved}; plt.close()\nfrom PIL import Image\n"
    picture = env.render(RenderRequest(code, "python"))
    again = env.render(RenderRequest(code + f"Image.open({read}).rotate(90, expand=True).save('b.png')", "python"))
    assert picture.ok and again.ok, again
    assert (again.width, again.height) == (picture.height, picture.width)


def test_last_picture_counts(env):
    code = "from PIL import Image\nfor side in (50, 60, 70): Image.linear_gradient('L').resize((side, side)).show()"
    assert env.render(RenderRequest(code, "python")).width == 70


def test_same_code_draws_the_same_picture_in_every_process(env):
    code = "import random, numpy as np, matplotlib.pyplot as plt\nplt.plot(np.random.rand(9) + random.random())"
    pictures = [env.render(RenderRequest(code + "\n" * n, "python")).png for n in range(2)]
    assert pictures[0] == pictures[1] is not None


def test_errors_name_the_line_of_the_snippet(env):
    result = env.render(RenderRequest("x = 1\n\ny = x / 0", "python"))
    assert result.message == "line 3: ZeroDivisionError: division by zero"
    result = env.render(RenderRequest("x = (\n", "python"))
    assert result.status is RenderStatus.SYNTAX_ERROR and result.message.startswith("line 1: SyntaxError")


def test_no_picture_is_an_error_with_the_reason(env):
    result = env.render(RenderRequest("1 / 0", "python"))
    with pytest.raises(ValueError, match="RUNTIME_ERROR: line 1: ZeroDivisionError"):
        result.image()


@pytest.mark.parametrize("width, height", [(10, 7), (723, 725), (1024, 1024), (1024, 513)])
def test_pixels_in_a_mapping_of_their_own_are_cairos(width, height):
    """Below and above the size from which they are."""
    surfaces = [quicker.create_surface(None, width, height)[0], cairo.ImageSurface(cairo.FORMAT_ARGB32, width, height)]
    for surface in surfaces:
        context = cairo.Context(surface)
        context.set_source_rgba(1, 0.5, 0, 0.5)
        context.arc(width / 2, height / 2, height / 2, 0, 6)
        context.fill()
        surface.flush()
    # How cairo rounds half-transparent edges depends on where a row begins in memory.
    ours, cairos = (np.frombuffer(surface.get_data(), np.uint8).astype(int) for surface in surfaces)
    assert ours.shape == cairos.shape and ours.any() and np.abs(ours - cairos).max() <= 1
    assert (surfaces[0].get_width(), surfaces[0].get_height()) == (width, height)


def test_what_cairo_refuses_is_raised_when_its_element_is_done():
    SvgRenderer(RenderConfig())  # which installs it
    context = cairo.Context(cairo.ImageSurface(cairo.FORMAT_ARGB32, 9, 9))
    context.save()
    context.set_matrix(cairo.Matrix(0, 0, 0, 0, 0, 0))
    context.paint()
    with pytest.raises(cairo.CairoError, match="matrix"):
        context.restore()


# --- bytes -----------------------------------------------------------------------------------------------------------


def test_png_is_what_pillow_reads():
    original = Image.effect_mandelbrot((24, 16), (-2, -1, 1, 1), 50).convert("RGB")
    original.putpixel((3, 2), (10, 20, 30))
    image = Image.open(io.BytesIO(encode_png(original.tobytes("raw", "BGRX"), 24, 16)))
    assert image.mode == "RGB" and image.tobytes() == original.tobytes()
    with pytest.raises(ValueError, match="are not 4 x 4"):
        encode_png(bytes(5), 4, 4)


@pytest.mark.parametrize(
    "pixels, blank",
    [
        (b"abc0" * 100, True),
        (b"abc0" * 99 + b"abd0", False),  # between the samples
        (b"abb0" + b"abc0" * 99, False),
        (b"abc0abc1" * 50, True),  # the unused byte is no colour
    ],
)
def test_blank(pixels, blank):
    assert is_blank(pixels, 10, 10) == blank


def test_results_survive_packing_and_are_cut_to_their_limits():
    parts = pack_result(RenderStatus.OK, "", ("a", "bé", "c" * 99), 3, 2, bytes(24), max_text_chars=10)
    header = unpack_header(parts[0], max_side=64, max_text_chars=10)
    assert (header.width, header.height, header.pixels) == (3, 2, 24) and header.status is RenderStatus.OK
    assert unpack_texts(parts[1], 10) == ("a", "bé", "c" * 7) and len(parts[1]) == header.texts
    assert len(pack_result(RenderStatus.CRASH, "x" * 9999)[3]) == 2000


@pytest.mark.parametrize(
    "fields",
    [
        (b"XXXX", 0, 9, 9, 0, 0, 0),  # another protocol
        (MAGIC, 12, 0, 0, 0, 0, 0),  # no such status
        (MAGIC, 0, 65, 9, 0, 0, 0),  # wider than allowed
        (MAGIC, 0, 9, 2**32 - 1, 0, 0, 0),
        (MAGIC, 0, 0, 9, 0, 0, 0),  # OK without pixels
        (MAGIC, 5, 9, 9, 0, 0, 0),  # pixels without OK
        (MAGIC, 5, 0, 0, 2**31, 0, 0),
        (MAGIC, 5, 0, 0, 0, 1603, 0),
        (MAGIC, 5, 0, 0, 0, 0, 2001),
    ],
)
def test_headers_that_lie(fields):
    with pytest.raises(ProtocolError):
        unpack_header(HEADER.pack(*fields), max_side=64, max_text_chars=10)


@pytest.mark.parametrize("side", [60, 112, 600])
def test_pixels_are_cairos(side):
    """Every pixel, the first ones too: a surface that is freed before it is sent has heap pointers there."""
    code = (
        f'<svg width="{side}" height="{side}"><circle cx="30" cy="30" r="20" fill="teal"/><text y="50">ok</text></svg>'
    )
    bare = Image.open(io.BytesIO(cairosvg.svg2png(bytestring=code.encode(), background_color="white"))).convert("RGB")
    for _ in range(3):
        with RenderEnv(RenderConfig(workers=1)) as env:
            drawn = env.render(RenderRequest(code, "svg")).image()
        assert ImageChops.difference(drawn, bare).getbbox() is None
