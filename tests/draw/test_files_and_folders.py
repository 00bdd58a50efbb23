"""What a Python snippet finds of its own files: as on a desktop, though its folder is flat."""

import pytest

from mmzero_env import RenderConfig, RenderEnv, RenderRequest

FIGURE = (
    "import io\nimport matplotlib.pyplot as plt\nfrom PIL import Image\nplt.figure(figsize=(4, 3)); plt.plot([1, 2])\n"
)
START = (
    "import glob, os, shutil, tempfile\nfrom pathlib import Path\nfrom PIL import Image\n"
    "picture = Image.linear_gradient('L'); picture.save('a.png')\n"
)
END = "\npicture.save('end.png')"


@pytest.fixture(scope="module")
def env():
    with RenderEnv(RenderConfig(workers=2, timeout_s=20.0)) as one:
        yield one


@pytest.mark.parametrize(
    "code",
    [
        "os.makedirs('out'); assert os.path.isdir('out') and os.path.exists('./out/') and not os.path.isfile('out')",
        "p = Path('out/figs'); p.mkdir(parents=True); assert p.is_dir() and p.parent.exists() and not [*p.iterdir()]",
        "os.makedirs('out', exist_ok=True); os.makedirs('out', exist_ok=True)",
        "os.mkdir('out')\ntry: os.mkdir('out')\nexcept FileExistsError: pass\nelse: raise SystemExit(1 / 0)",
        "os.makedirs('out'); assert shutil.move('a.png', 'out/') == 'out/a.png'; Image.open('out/a.png').load()",
        "os.makedirs('x/y'); open('x/y/n.txt', 'w').close()\n"
        "assert [(r, d, f) for r, d, f in os.walk('x')] == [('x', ['y'], []), ('x/y', [], ['n.txt'])]",
        "os.mkdir('x'); open('x/n.txt', 'w').close(); assert sorted(os.listdir()) == ['a.png', 'x']",
        "os.mkdir('x'); open('x/n.txt', 'w').close(); assert glob.glob('*/*.txt') == ['x/n.txt'] == "
        "[str(p) for p in Path('.').rglob('*.txt')]",
        "os.mkdir('x'); open('x/n.txt', 'w').close(); shutil.rmtree('x'); assert not os.path.exists('x/n.txt')\n"
        "assert not os.path.exists('x')",
        "os.mkdir('x'); open('x/n.txt', 'w').close()\ntry: os.rmdir('x')\nexcept OSError as e: assert e.errno == 39\n"
        "os.remove('x/n.txt'); os.rmdir('x'); os.mkdir('x')",
        "os.mkdir('x'); os.chdir('x'); assert os.getcwd().endswith('/x'); picture.save(os.path.abspath('b.png'))\n"
        "assert os.listdir() == ['b.png']; os.chdir('..'); assert os.path.exists('x/b.png')",
        "for copy in (shutil.copy, shutil.copy2, shutil.copyfile): Image.open(copy('a.png', 'b.png')).load()",
        "os.mkdir('x'); shutil.copy('a.png', 'x'); shutil.copytree('x', 'y'); assert os.listdir('y') == ['a.png']",
        "os.chmod('a.png', 0o644); os.utime('a.png'); Path('new.txt').touch(); Path('a.png').touch()",
        "with open('/tmp/data.txt', 'w') as f: f.write('7')\nassert open('/tmp/data.txt').read() == '7'",
        "picture.save('/tmp/b.png'); assert os.path.exists('/tmp/b.png'); Image.open('/tmp/b.png').load()",
        "os.makedirs('/tmp/work'); Path('/tmp/work/n').write_text('8'); assert os.listdir('/tmp/work') == ['n']",
        "os.makedirs('/usr', exist_ok=True); Path('/usr/n').write_text('9'); assert Path('/usr/n').read_text() == '9'",
        "import contextlib\nwith open(os.devnull, 'w') as f, contextlib.redirect_stdout(f): print('x')\n"
        "assert open('/dev/null').read() == ''",
    ],
)
def test_files_and_folders_behave_as_on_a_desktop(env, code):
    result = env.render(RenderRequest(START + code + END, "python"))
    assert result.ok, result


def test_what_is_not_the_snippets_own_stays_refused(env):
    for call in ("chmod('/usr/lib', 0o777)", "utime('/usr/lib')", "mkdir('/usr')", "rmdir('/usr')"):
        result = env.render(RenderRequest(f"{START}os.{call}{END}", "python"))
        assert result.status.name in ("FORBIDDEN", "RUNTIME_ERROR"), (call, result)


@pytest.mark.parametrize("target", ["io.BytesIO()", "'a.png'", "'a'", "'made/a.png'"])
@pytest.mark.parametrize("size, dpi, shape", [("4, 3", 100, (400, 300)), ("12, 8", 150, (1800, 1200))])
def test_what_is_saved_and_read_again_has_matplotlibs_size_and_channels(env, target, size, dpi, shape):
    code = FIGURE + (
        f"import os; os.mkdir('made'); target = {target}\n"
        f"plt.gcf().set_size_inches({size}); plt.savefig(target, dpi={dpi})\n"
        "found = Image.open(target if target != 'a' else 'a.png')\n"
        f"assert found.size == {shape} and found.mode == 'RGBA', found\n"
        "page = Image.new('RGB', found.size, 'navy'); page.paste(found, (0, 0), found); page.save('page.png')\n"
    )
    result = env.render(RenderRequest(code, "python"))
    assert result.ok, result
    assert result.image().getpixel((result.width - 3, result.height - 3)) == (255, 255, 255)


def test_figures_of_any_size_can_be_saved_to_a_buffer(env):
    code = FIGURE + "plt.gcf().set_size_inches(40, 30); plt.savefig(io.BytesIO(), dpi=400)"
    result = env.render(RenderRequest(code, "python"))
    assert result.ok and (result.width, result.height) == (1024, 768), result


def test_what_a_crop_leaves_of_a_large_figure_is_as_large_as_it_was_asked_for(env):
    code = (
        "import matplotlib.pyplot as plt\nfig = plt.figure(figsize=(20, 20)); ax = fig.add_axes([0.4, 0.4, 0.2, 0.2])\n"
        "ax.axis('off'); ax.add_patch(plt.Rectangle((0, 0), 1, 1))\nfig.savefig('a.png', bbox_inches='tight', dpi={})"
    )
    sizes = [env.render(RenderRequest(code.format(dpi), "python")).width for dpi in (100, 200, 800)]
    assert sizes[0] == pytest.approx(420, abs=8) and sizes[1] == pytest.approx(840, abs=8)
    assert 1015 <= sizes[2] <= 1024
