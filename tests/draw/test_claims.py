"""`answers` that a Python snippet leaves: texts within their bound, whoever sent them, and of this snippet alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmzero_env import RenderConfig, RenderEnv, RenderRequest, RenderStatus
from mmzero_env.draw.python.claims import claimed
from mmzero_env.wire import ANSWERS, MAX_ANSWER, ProtocolError, pack_result, unpack_answers, unpack_header
from tests.support.sandbox import hostile_python

FORGE = hostile_python.FORGE
DRAW = "from PIL import Image, ImageDraw\nx = Image.new('RGB', (64, 64), 'white')\n"
DRAW += "ImageDraw.Draw(x).rectangle((9, 9, 30, 30), fill='red')\n"
HOSTILE_KEY = "class Bad:\n    def __eq__(self, _): raise OSError\n    __hash__ = lambda _: hash('easy')\n"
SMALL = settings(max_examples=300, deadline=None)


@pytest.fixture(scope="module")
def env():
    with RenderEnv(RenderConfig(workers=1, timeout_s=20.0)) as one:
        yield one


def bounded(answers) -> bool:
    return answers == () or (
        len(answers) == len(ANSWERS)
        and all(len(one) <= MAX_ANSWER and (one == "" or one.isprintable()) for one in answers)
    )


@SMALL
@given(st.tuples(st.text(max_size=500), st.text(max_size=500)))
def test_any_two_texts_pass_the_wire_within_their_bound(answers):
    header, texts, claims, _, _ = pack_result(RenderStatus.OK, "", (), 3, 2, bytes(24), 10, answers)
    assert unpack_header(header, max_side=64, max_text_chars=10).answers == len(claims) and not texts
    assert bounded(unpack_answers(claims))


@SMALL
@given(st.one_of(st.binary(max_size=2000), st.text(max_size=900).map(lambda text: text.encode("utf-8", "replace"))))
def test_whatever_is_sent_is_within_the_bound_or_refused(data):
    try:
        answers = unpack_answers(data)
    except ProtocolError:
        return
    assert bounded(answers)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=400), st.binary(max_size=9)),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@SMALL
@given(st.dictionaries(st.one_of(st.sampled_from(ANSWERS), st.integers()), VALUES, max_size=4))
def test_any_value_is_a_short_text_or_no_answer(found):
    answers = claimed({"answers": found})
    assert answers == () or (len(answers) == 2 and all(len(one) <= MAX_ANSWER for one in answers))


@pytest.mark.parametrize(
    "code, answers",
    [
        ("answers = {'easy': 3, 'hard': 'red'}", ("3", "red")),
        ("answers = {'easy': 0.1 + 0.2}", ("0.3", "")),
        ("import numpy as np\nanswers = {'easy': np.int64(7), 'hard': np.float32(2)}", ("7", "2")),
        ("answers = {'easy': 2 > 1, 'hard': None}", ("yes", "")),
        ("answers = {'hard': 'a\\x1b[2J\\u202eb\\nc'}", ("", "a [2J b c")),
        ("answers = {'easy': 'x' * 10**6}", ("x" * MAX_ANSWER, "")),
        ("answers = {'easy': 10**5000, 'hard': float('nan')}", ()),
        ("answers = ['3', 'red']", ()),
        ("answers = None", ()),
        ("", ()),
        ("class Bad(dict):\n    def get(self, *_): raise OSError\nanswers = Bad(easy=1)", ("1", "")),
        (f"{HOSTILE_KEY}answers = {{Bad(): 1}}", ()),
        ("import sys\nanswers = {'easy': 1}\nsys.exit()", ("1", "")),
    ],
)
def test_what_a_snippet_leaves(env, code, answers):
    """What is no short answer is none, and never costs the picture."""
    result = env.render(RenderRequest(DRAW + code, "python"))
    assert result.ok and result.answers == answers, result


@pytest.mark.parametrize(
    "forged, fits",
    [
        ("b'3' + bytes(1) + b'red'", True),
        (f"b'x' * {MAX_ANSWER} + bytes(1) + b'x' * {MAX_ANSWER}", True),
        (f"b'x' * {MAX_ANSWER + 1} + bytes(1) + b'y'", False),
        ("b'3'", False),
        ("b'3' + bytes(1) + b'4' + bytes(1) + b'5'", False),
        ("bytes(1601)", False),
    ],
)
def test_answers_are_bounded_whoever_sent_them(env, forged, fits):
    result = env.render(RenderRequest(f"{FORGE}forge(answers={forged})", "python"))
    assert (result.status is RenderStatus.OK) == fits, result
    assert bounded(result.answers) and (fits or result.status is RenderStatus.CRASH)


def test_answers_reach_no_other_result(env):
    """Neither the next snippet in a like process, nor an SVG, nor a result without a picture; a kept result keeps its
    own."""
    first = RenderRequest(DRAW + "import builtins\nbuiltins.answers = answers = {'easy': 1, 'hard': 2}", "python")
    assert env.render(first).answers == ("1", "2")
    assert env.render(RenderRequest(DRAW, "python")).answers == ()
    assert env.render(RenderRequest("answers = {'easy': 1}", "python")).answers == ()  # drew nothing
    svg = '<svg width="64" height="64"><rect width="20" height="20" fill="red"/></svg>'
    assert env.render(RenderRequest(svg, "svg")).answers == ()
    assert env.render(first).answers == ("1", "2")
