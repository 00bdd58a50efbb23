"""Hostile code, as root with and without capabilities and as an ordinary user: the status, and nothing outside.

Each case asserts its status; then, for all of them: no file outside was read, written, changed or removed, nobody
connected to the server, the asking process neither grew nor holds more descriptors, nothing is left of the snippet's
process, and a harmless picture drawn next is the same as ever.
"""

import hashlib
import re
import socket
import stat
import time
import zlib
from pathlib import Path

import psutil
import pytest
from PIL import Image

from tests.support.sandbox import hostile_python, hostile_svg
from tests.support.sandbox.users import SECRET

HARMLESS = {
    "svg": '<svg width="60" height="60"><circle cx="30" cy="30" r="20" fill="teal"/><text y="50">ok</text></svg>',
    "python": "from PIL import Image, ImageDraw\nimport matplotlib.pyplot as plt\n"
    "image = Image.new('RGB', (60, 60), plt.rcParams['axes.facecolor'])\n"
    "ImageDraw.Draw(image).text((5, 5), 'ok', 'red')",
}
GROWTH_MB = 40
# Two templates, their ready children, and one that is on its way out.
MOST_PROCESSES = 10


@pytest.fixture(scope="module")
def server(playground):
    """Ports that count: nobody may connect."""
    tcp = socket.create_server(("127.0.0.1", 0))
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(playground / "server"))
    (playground / "server").chmod(0o777)
    unix.listen()
    for one in (tcp, unix):
        one.setblocking(False)
    yield tcp, unix
    tcp.close()
    unix.close()


@pytest.fixture(scope="module")
def outside(playground):
    """Files that a snippet would like to have, and what the folder must look like afterwards."""
    (playground / "secret.txt").write_text(SECRET)
    (playground / "victim.txt").write_text("keep")
    (playground / "stolen.py").write_text("raise SystemError('imported')")
    (playground / "other.svg").write_text(f'<svg><g id="a"><text y="20">{SECRET}</text></g></svg>')
    Image.new("RGB", (20, 20), (12, 34, 56)).save(playground / "picture.png")
    for file in playground.iterdir():
        file.chmod(0o666)
    return {file.name: state(file) for file in playground.iterdir()}


@pytest.fixture(scope="module")
def harmless(runner):
    """The same pictures before any attack."""
    return {language: digest(runner.render(code, language)) for language, code in HARMLESS.items()}


def state(file: Path) -> tuple:
    facts = file.stat()
    content = file.read_bytes() if stat.S_ISREG(facts.st_mode) else b""
    return facts.st_mode, facts.st_uid, facts.st_mtime_ns if content else 0, content


def digest(answer) -> str:
    assert answer.status == "OK", answer
    return hashlib.sha256(answer.png.encode()).hexdigest()


def attack(runner, server, outside, harmless, playground, code: str, language: str):
    port = server[0].getsockname()[1]
    for word, value in (("PLAYGROUND", playground), ("PORT", port), ("OWNER", runner.hello["pid"])):
        code = re.sub(rf"\b{word}\b", str(value), code)
    answer = runner.render(code, language)
    assert SECRET not in answer.says()
    assert {file.name: state(file) for file in playground.iterdir()} == outside | {
        "server": state(playground / "server")
    }
    for one in server:
        with pytest.raises(BlockingIOError):
            one.accept()
    after = runner.render(HARMLESS[language] + " " * (zlib.crc32(code.encode("utf-8", "replace")) % 997), language)
    assert digest(after) == harmless[language], "a picture after the attack differs from the one before"
    assert after.rss_mb - runner.hello["rss_mb"] < GROWTH_MB, "the asking process grew"
    assert after.descriptors <= runner.hello["descriptors"] + 10 and after.threads <= 5
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        below = psutil.Process(runner.hello["pid"]).children(recursive=True)
        if len(below) <= MOST_PROCESSES and not any(is_zombie(process) for process in below):
            break
        time.sleep(0.05)
    else:
        raise AssertionError(f"{len(below)} processes are left: {below}")
    return answer


def is_zombie(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("name, code, statuses", hostile_svg.CASES, ids=[case[0] for case in hostile_svg.CASES])
def test_svg(runner, server, outside, harmless, playground, name, code, statuses):
    answer = attack(runner, server, outside, harmless, playground, code, "svg")
    assert answer.status in statuses, answer
    assert (answer.png is not None) == (answer.status == "OK") and bool(answer.message) == (answer.status != "OK")
    assert max(answer.size) <= 1024


@pytest.mark.parametrize(
    "name, code, statuses, says", hostile_python.CASES, ids=[case[0] for case in hostile_python.CASES]
)
def test_python(runner, server, outside, harmless, playground, name, code, statuses, says):
    answer = attack(runner, server, outside, harmless, playground, code, "python")
    assert answer.status in statuses, answer
    wanted = (says,) if isinstance(says, str) else says
    assert says is None or any(line in answer.says() for line in wanted), answer


def test_raw_system_calls(runner):
    """Each refused by the filter itself: with arguments like these the kernel would answer something else."""
    calls = ", ".join(f"({name!r}, raw{numbers})" for name, numbers in hostile_python.RAW.items())
    answer = runner.render(
        hostile_python.TOOLS
        + f"found = [{calls}]\nreport(*[f'{{name}} {{said}}' for name, said in found if said != 'EPERM'], 'end')",
        "python",
    )
    assert answer.status == "OK" and answer.text == ["end"], answer.text


def test_secret_of_the_owner_was_planted(runner):
    """Or the search for it would prove nothing."""
    environment = psutil.Process(runner.hello["pid"]).environ()
    assert environment["MMZERO_SECRET"] == SECRET
    (template, *_) = psutil.Process(runner.hello["pid"]).children()
    assert SECRET not in str(template.environ()) and SECRET not in str(template.cmdline())


def test_users_are_who_they_should_be(runner, request):
    user = request.node.callspec.params["runner"]
    assert (runner.hello["uid"] == 0) == (user in ("root", "bare"))
    held = re.search(r"CapBnd:\s*(\w+)", Path(f"/proc/{runner.hello['pid']}/status").read_text(encoding="utf-8"))[1]
    assert user != "bare" or int(held, 16) == 0
