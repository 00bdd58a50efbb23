"""The report in a real browser: Debian's headless Chromium, driven by playwright.

Opens the page of a synthetic run, and of the run folder named by MMZERO_E2E_RUN if that is set, as a person would:
wide and narrow, light and dark. Skips, with the reason, where playwright or chromium is absent.
MMZERO_SCREENSHOTS=folder keeps what was seen.
"""
# ruff: noqa: E402  (imports follow the skips)

import io
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("no chromium on this machine (apt-get install chromium)", allow_module_level=True)

from recipe.mmzero import report
from tests.support.synthetic import Shape, make_run, write_held_out

VIEWS = [(width, height, scheme) for width, height in ((1440, 900), (390, 844)) for scheme in ("light", "dark")]
GROUNDS = {"light": (245, 247, 250), "dark": (14, 18, 24)}


def pytest_generate_tests(metafunc):
    if "source" in metafunc.fixturenames:
        metafunc.parametrize("source", ["synthetic", *(["MMZERO_E2E_RUN"] if os.environ.get("MMZERO_E2E_RUN") else [])])


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        # Chromium's own sandbox does not start as root; the page is ours and may load nothing.
        engine = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield engine
        engine.close()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """source -> page, made once."""
    pages: dict[str, Path] = {}

    def get(source: str) -> Path:
        if source not in pages:
            out = tmp_path_factory.mktemp(source.lower())
            run = Path(os.environ["MMZERO_E2E_RUN"]) if source == "MMZERO_E2E_RUN" else None
            if run is None:
                run = make_run(out / "run", "leak", shape=Shape(samples=16, rows=60))
                write_held_out(run, {0: {}, 1: {"coder/faithful": 0.4}, 2: {"coder/faithful": 0.3}})
            pages[source] = report.build(run, out / "report")
        return pages[source]

    return get


class Seen:
    """A page and everything that went wrong in it."""

    def __init__(self, browser, path: Path, width: int = 1440, height: int = 900, scheme: str = "light", **options):
        self.path = path
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.errors.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def __enter__(self):
        self.page.goto(self.path.as_uri())
        self.page.wait_for_selector("#cards li")
        return self

    def __exit__(self, *exc):
        self.context.close()

    def count(self) -> int:
        return int(self.page.inner_text("#count").split()[0].replace(",", ""))

    def clean(self) -> None:
        outside = [url for url in self.requests if not url.startswith("data:") and url != self.path.as_uri()]
        assert self.errors == [] and outside == []


def painted(element) -> bool:
    """The pixels on the screen are a picture: no single colour fills it."""
    element.scroll_into_view_if_needed()
    element.evaluate("image => image.decode()")
    picture = Image.open(io.BytesIO(element.screenshot())).convert("RGB").resize((96, 96))
    found = Counter(tuple(channel // 16 for channel in pixel) for pixel in np.asarray(picture).reshape(-1, 3).tolist())
    return len(found) > 4 and found.most_common(1)[0][1] < 0.985 * 96 * 96


def with_picture(page):
    """The first card that has a picture."""
    return page.locator("#cards button:has(img)").first


@pytest.mark.parametrize("width, height, scheme", VIEWS)
def test_reading_a_report(browser, built, source, width, height, scheme):
    """Top to bottom as a person does; the dialog shows the sample's picture, questions, votes, reward and code."""
    with Seen(browser, built(source), width, height, scheme) as seen:
        page = seen.page
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb({}, {}, {})".format(*GROUNDS[scheme])
        assert page.evaluate("document.documentElement.scrollWidth") <= width  # nothing sticks out to the side
        keep(page, f"{source}-{width}-{scheme}-top")

        card = with_picture(page)
        card.scroll_into_view_if_needed()
        assert painted(card.locator("img"))
        keep(page, f"{source}-{width}-{scheme}-gallery")
        card.click()
        dialog = page.locator("dialog[open]")
        dialog.wait_for()
        page.wait_for_selector("dialog .picture img")
        assert painted(dialog.locator(".picture img").first)
        keep(page, f"{source}-{width}-{scheme}-sample")
        box = dialog.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width + 0.5

        code = dialog.locator("details.fold", has_text="characters").first
        pre = code.locator("pre")
        assert not pre.is_visible()
        code.locator("summary").click()
        assert pre.is_visible() and len(pre.inner_text()) > 20
        code.locator("summary").click()
        assert not pre.is_visible()
        page.keyboard.press("Escape")
        assert not page.locator("dialog[open]").count()

        figures = page.locator("figure img")
        assert figures.count() == 7 if source == "synthetic" else figures.count() >= 6
        for k in range(figures.count()):
            assert painted(figures.nth(k)), figures.nth(k).get_attribute("alt")
            keep(page, f"{source}-{width}-{scheme}-figure{k}")
        shown = page.evaluate("document.querySelector('figure img').currentSrc.length")
        assert shown > 1000  # the one of this colour scheme
        seen.clean()


def keep(page, name: str) -> None:
    """A screenshot for a person, if asked for."""
    if os.environ.get("MMZERO_SCREENSHOTS"):
        page.screenshot(path=str(Path(os.environ["MMZERO_SCREENSHOTS"]) / f"{name}.png"))


def test_filters(browser, built, source):
    """Every filter keeps what it says, filters add up, and Reset brings everything back."""
    with Seen(browser, built(source)) as seen:
        page = seen.page
        everything = seen.count()
        counts = {}
        for name in ("role", "it", "outcome", "type"):
            options = page.locator(f"select[name={name}] option")
            for k in range(options.count()):
                value, label = options.nth(k).get_attribute("value"), options.nth(k).inner_text()
                if not value or value.startswith("*"):
                    continue
                page.select_option(f"select[name={name}]", value)
                page.wait_for_timeout(20)
                counts[name, value] = seen.count()
                assert label.endswith(f"({counts[name, value]:,})")
            page.select_option(f"select[name={name}]", "")
            page.wait_for_timeout(20)
        for name in ("role", "it"):  # these part all samples
            assert sum(n for (key, _), n in counts.items() if key == name) == everything
        role = next(value for key, value in counts if key == "role")
        page.select_option("select[name=role]", role)
        page.fill("input[name=low]", "0.5")
        page.wait_for_timeout(50)
        bounded = seen.count()
        assert 0 <= bounded <= counts["role", role]
        scores = page.locator("#cards .score").all_text_contents()
        assert all(float(text.replace("−", "-")) >= 0.495 for text in scores)
        page.fill("input[name=text]", "no caption has this text")
        page.wait_for_timeout(250)
        assert seen.count() == 0
        assert "No sample fits" in page.inner_text("#cards")
        page.click("button[type=reset]")
        page.wait_for_timeout(50)
        assert seen.count() == everything
        seen.clean()


def test_sorting(browser, built):
    with Seen(browser, built("synthetic")) as seen:
        page = seen.page
        for order, falling in (("best", True), ("worst", False)):
            page.select_option("select[name=sort]", order)
            page.wait_for_timeout(50)
            scores = [float(t.replace("−", "-")) for t in page.locator("#cards .score").all_text_contents()]
            assert scores == sorted(scores, reverse=falling) and len(scores) > 20
        page.select_option("select[name=sort]", "leak")
        page.wait_for_timeout(50)
        assert "leak" in page.locator("#cards li").first.text_content()
        seen.clean()


def test_keyboard(browser, built):
    """Without a mouse: skip link, cards by Tab, open by Enter, next by arrow, close by Escape, focus returns."""
    with Seen(browser, built("synthetic")) as seen:
        page = seen.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.locator("#cards button").first.focus()
        page.keyboard.press("Tab")
        second = page.evaluate("document.activeElement.dataset.place")
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog[open] section")
        first_title = page.inner_text("#sample-title")
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "before => document.getElementById('sample-title').innerText !== before", arg=first_title
        )
        page.keyboard.press("ArrowLeft")
        page.wait_for_function(
            "before => document.getElementById('sample-title').innerText === before", arg=first_title
        )
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.dataset.place") == second
        seen.clean()


def test_more_cards(browser, built):
    with Seen(browser, built("synthetic")) as seen:
        page = seen.page
        assert page.locator("#cards li").count() == 60
        # By keyboard: a picture that arrives late moves the button away from under a mouse.
        page.locator("#more").press("Enter")
        sync_api.expect(page.locator("#cards li")).to_have_count(120)
        seen.clean()


def test_head_shows_alarms(browser, built):
    with Seen(browser, built("synthetic")) as seen:
        alarms = seen.page.locator(".alarms")
        assert "2 alarms" in alarms.inner_text()
        assert "iter_02/coder" in alarms.inner_text() and "iter_02/solver" in alarms.inner_text()
        assert alarms.bounding_box()["y"] < 400


def test_page_without_scripts(browser, built):
    """Numbers and figures do not need JavaScript."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(built("synthetic").as_uri())
    assert "needs JavaScript" in page.inner_text("#gallery")
    assert page.locator("#overview table").first.is_visible()
    context.close()


def test_hostile_texts_stay_texts(browser, tmp_path):
    """Captions, code and answers that look like markup are shown, not run."""
    run = make_run(tmp_path / "<img src=x onerror=alert(1)>", shape=Shape(iterations=1, steps=1, samples=8, rows=4))
    evil = '</script><img src="https://example.org/x.png" onerror="document.title=1"><svg onload=alert(1)>'
    for path in run.glob("iter_*/*/samples/*.jsonl"):
        lines = path.read_text().replace("labelled groups", evil.replace('"', '\\"')).splitlines()
        path.write_text("\n".join(line.replace("<think>", evil.replace('"', '\\"')) for line in lines) + "\n")
    with Seen(browser, report.build(run)) as seen:
        page = seen.page
        page.on("dialog", lambda dialog: seen.errors.append("alert"))
        page.locator("#cards button").first.click()
        page.wait_for_selector("dialog[open] section")
        assert "onerror" in page.text_content("#cards")
        assert page.title().startswith("<img src=x onerror=alert(1)>")
        seen.clean()


def test_compare_page(browser, tmp_path):
    """Two seeds of one configuration and a third run: groups, intervals over seeds, both schemes, both widths."""
    shape = Shape(iterations=2, steps=2, samples=6, rows=20, pictures=4)
    runs = [make_run(tmp_path / f"seed{k}", seed=k, shape=shape) for k in range(2)]
    other = make_run(tmp_path / "other", seed=2, shape=shape)
    config = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(config.replace("coef: 0.01", "coef: 0.5"))
    path = report.build([*runs, other], tmp_path / "compare")
    for width, height, scheme in VIEWS:
        seen = Seen(browser, path, width, height, scheme)
        seen.page.goto(path.as_uri())
        text = seen.page.inner_text("main")
        assert "seed0 (seed 0), seed1 (seed 1)" in text and "other (seed 2)" in text
        assert seen.page.locator("tbody tr").count() == 2  # one row per group
        figures = seen.page.locator("figure img")
        assert figures.count() == 2 and all(painted(figures.nth(k)) for k in range(2))
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        keep(seen.page, f"compare-{width}-{scheme}")
        seen.clean()
        seen.context.close()
