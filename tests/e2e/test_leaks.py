"""The base gives an answer away now and then, that makes its picture solvable, and the alarm sees pictures that do.

The tiny base draws and judges; sandbox, leak check, reward, metrics and alarm are the real ones. The proposals' easy
answer is yes or no: the check excuses answers of one digit, and takes a colour of the caption for a label.
"""

import random
from statistics import fmean

import numpy as np
import pytest
import torch

from mmzero_rewards import Proposal, extract_answer
from mmzero_rewards.config import RewardConfig
from mmzero_rewards.scoring.inputs import CoderEvidence, Drawing
from mmzero_rewards.scoring.roles import score_coder
from recipe.mmzero.engine.train.batch import Row, component_metrics
from recipe.mmzero.report.alarms.check import evaluate
from recipe.mmzero.report.alarms.measures import Numbers
from recipe.mmzero.tiny.cache import ensure_base
from recipe.mmzero.tiny.corpus import TEMPLATES
from recipe.mmzero.tiny.questions import YES_NO, ask
from recipe.mmzero.tiny.rates import rendered
from recipe.mmzero.tiny.sample import Sampler
from recipe.mmzero.tiny.world import CONTENT_TYPE, held_out_scene

pytestmark = pytest.mark.e2e

PROPOSALS, DRAWINGS, VOTES = 32, 16, 5


def proposals():
    rng, found = random.Random(5), []
    while len(found) < PROPOSALS:
        scene = held_out_scene(rng)
        easy, hard = ask(rng, scene, False), ask(rng, scene, True)
        if easy[1] in YES_NO and not scene.note:
            found.append(Proposal(CONTENT_TYPE[scene.kind], scene.caption, *easy, *hard))
    return found


@pytest.fixture(scope="module")
def drawn():
    """(proposal, evidence) of every drawing of the base, judged by the base."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    base, asked = Sampler(ensure_base()), proposals()
    replies = base.generate([TEMPLATES.coder_text(one) for one in asked], n=DRAWINGS, max_tokens=128)
    texts = [(proposal, text) for proposal, own in zip(asked, replies, strict=True) for text in own]
    results = [result for _, result in rendered([text for _, text in texts], ("svg",))]
    shown = {(p, r.png): np.asarray(r.image()) for (p, _), r in zip(texts, results, strict=True) if r and r.ok}
    votes = [
        base.generate(
            [TEMPLATES.question_text(getattr(p, question)) for p, _ in shown], list(shown.values()), VOTES, 48
        )
        for question in ("easy_question", "hard_question")
    ]
    said = [dict(zip(shown, ([extract_answer(text) for text in own] for own in one), strict=True)) for one in votes]
    found = []
    for (proposal, text), result in zip(texts, results, strict=True):
        drawing = Drawing(rendered=False)
        if result and result.ok:
            easy, hard = (votes[proposal, result.png] for votes in said)
            drawing = Drawing(True, tuple(easy), tuple(hard), drawn_text=result.text)
        found.append((proposal, CoderEvidence(text, proposal, drawing)))
    return found


def rewards(drawn, penalty):
    config = RewardConfig.from_dict({"coder": {"leak_penalty": penalty}})
    return [(proposal, score_coder(evidence, config)) for proposal, evidence in drawn]


def metrics_of(scored):
    rows = [Row(i, i, "", 0, False, terms, {}) for i, terms in enumerate(scored)]
    return component_metrics("coder", rows, scored, [terms["score"] for terms in scored])


def alarms(metrics):
    series = {name: [(1, value)] for name, value in metrics.items()}
    return {alarm.rule for alarm in evaluate(Numbers("iter_01/coder", 1, "coder", series, {}))}


def test_the_base_leaks_now_and_then(drawn):
    scored = rewards(drawn, 0.0)
    leaks = [terms["leak"] for _, terms in scored if terms["render"]]
    assert 0 < fmean(leaks) < 0.1


def test_an_answer_in_writing_makes_a_picture_solvable(drawn):
    scored = rewards(drawn, 0.0)
    solvable = {leak: [t["solvability"] for _, t in scored if t["leak"] == leak] for leak in (0.0, 1.0)}
    assert fmean(solvable[1.0]) > fmean(solvable[0.0]) + 0.1


def test_the_alarm_fires_where_a_fifth_of_the_pictures_leak(drawn):
    shown = [terms for _, terms in rewards(drawn, 0.0) if terms["render"]]
    leaking = [terms for terms in shown if terms["leak"]]
    honest = [terms for terms in shown if not terms["leak"]]
    assert "leak" not in alarms(metrics_of(shown))
    more = leaking * (len(honest) // (4 * len(leaking)))  # the same pictures drawn again and again
    assert "leak" in alarms(metrics_of([*more, *honest]))
