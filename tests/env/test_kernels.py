"""Kernels that know less: every version of Landlock, and each layer missing. Strict holds, or refuses with one line.

The versions are simulated (old_kernel.py). Once, under qemu, the layers and the two openings that truncate were tried
on Debian 12's own kernel (6.1.0-47, ABI 2): all layers on, both refused; without the filter of the flags both got
through and left 0 of 600 bytes.
"""

from pathlib import Path

import pytest

from tests.support.sandbox import hostile_python, users

OPENINGS = {
    # Landlock looks at the access mode; the kernel truncates whatever the mode is.
    "read": "os.O_RDONLY | os.O_TRUNC",
    "read, not following": "os.O_RDONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC",
    "read, append": "os.O_RDONLY | os.O_TRUNC | os.O_APPEND",
    "neither": "os.O_WRONLY | os.O_RDWR | os.O_TRUNC",
    "neither, without truncating": "os.O_WRONLY | os.O_RDWR",
    "write": "os.O_WRONLY | os.O_TRUNC",
    "create": "os.O_RDONLY | os.O_CREAT | os.O_TRUNC",
    "high half": "os.O_RDONLY | os.O_TRUNC | 1 << 40",
}
ATTACK = (
    hostile_python.TOOLS
    + """
def raw_open(flags):
    libc = ctypes.CDLL(None, use_errno=True)
    made = libc.syscall(ctypes.c_long(257 if os.uname().machine == "x86_64" else 56), ctypes.c_long(-100),
                        PATH, ctypes.c_long(flags), ctypes.c_long(0))
    return "refused" if made < 0 else f"got {made}"
report(*[raw_open(flags) for flags in (FLAGS)])
"""
)


@pytest.fixture(params=[1, 2, 3, 4, 5, 6, 7])
def older(request, tmp_path_factory):
    """A runner on each version of Landlock, and a library that its user may write."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "site-packages")
        folder.mkdir()
        for path in (Path(name), folder):
            path.chmod(0o777)
        library = folder / "library.py"
        library.write_text("x = 1\n" * 100)
        library.chmod(0o666)
        runner = users.start("nobody", {"landlock": request.param, "path": str(folder)})
        yield request.param, runner, library
        runner.close()


def test_no_library_is_cut_short_on_any_landlock(older):
    version, runner, library = older
    code = ATTACK.replace("PATH", repr(str(library).encode())).replace("FLAGS", ", ".join(OPENINGS.values()))
    answer = runner.render(code, "python")
    assert library.read_text() == "x = 1\n" * 100
    assert answer.text == ["refused"] * len(OPENINGS), dict(zip(OPENINGS, answer.text, strict=True))
    detail = next(detail for name, _, detail in runner.hello["ready"] if name == "landlock")
    assert detail.startswith(f"ABI {version}") and ("truncation is left to seccomp" in detail) == (version < 3)
    own = (
        "open('a', 'w').write('text')\nopen('a', 'w').close()\nwith open('a', 'w+') as f: f.write('ab'); f.truncate(1)"
    )
    assert runner.render(f"{hostile_python.TOOLS}{own}\nreport(os.stat('a').st_size)", "python").text == ["1"]
