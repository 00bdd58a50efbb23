"""Every picture of the corpus comes out as its kind should."""

from collections import Counter

import pytest

from mmzero_env import RenderConfig, RenderEnv
from tests.support.pictures import cases

CASES = cases()


@pytest.fixture(scope="module")
def env():
    with RenderEnv(RenderConfig(workers=2, timeout_s=40.0, cpu_s=30.0, cache_mb=0)) as one:
        yield one


@pytest.mark.parametrize("case", CASES, ids=[case.path.name for case in CASES])
def test_picture(env, case):
    if case.missing:
        pytest.skip(f"{case.missing} is not installed")
    result = env.render(case.request())
    assert not case.problems(result)
    if case.expected.get("same"):
        assert env.render(case.request()).png == result.png


def test_the_corpus_is_broad():
    assert len(CASES) >= 120
    assert len({case.kind for case in CASES if case.language == "svg"}) >= 12
    checked = Counter(bool(case.expected.keys() - {"note", "kinder"}) for case in CASES)
    assert checked[False] <= 0.05 * len(CASES), "a case that expects nothing tests nothing"
