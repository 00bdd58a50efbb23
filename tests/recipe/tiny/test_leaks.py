"""Giving answers away pays in this world, the leak penalty takes it back, and the alarm sees it.

The tiny base draws and judges; sandbox, leak check, reward, metrics and alarm are the real ones. What training would
move to is taken as the best of each proposal's drawings under the reward, for proposals whose easy answer is yes or no:
the check excuses answers of one digit, and takes a colour of the caption for a label.
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


def trained_towards(drawn, penalty):
    """Metrics of a step whose roll-outs are each proposal's best (all of them where several are equally good)."""
    scored = rewards(drawn, penalty)
    best = {}
    for proposal, terms in scored:
        best[proposal] = max(best.get(proposal, -1.0), terms["score"])
    winners = [terms for proposal, terms in scored if terms["score"] == best[proposal]]
    rows = [Row(i, i, "", 0, False, terms, {}) for i, terms in enumerate(winners)]
    return component_metrics("coder", rows, winners, [terms["score"] for terms in winners])


def alarms(metrics):
    series = {name: [(1, value)] for name, value in metrics.items()}
    return {alarm.rule for alarm in evaluate(Numbers("iter_01/coder", 1, "coder", series, {}))}


def test_the_base_leaks_now_and_then(drawn):
    scored = rewards(drawn, 0.0)
    leaks = [terms["leak"] for _, terms in scored if terms["render"]]
    assert 0.01 < fmean(leaks) < 0.2


def test_an_answer_in_writing_makes_a_picture_solvable(drawn):
    scored = rewards(drawn, 0.0)
    solvable = {leak: [t["solvability"] for _, t in scored if t["leak"] == leak] for leak in (0.0, 1.0)}
    assert fmean(solvable[1.0]) > fmean(solvable[0.0]) + 0.1


def test_without_a_penalty_the_reward_moves_to_leaks_and_the_alarm_fires(drawn):
    free, paid = trained_towards(drawn, 0.0), trained_towards(drawn, 0.3)
    assert free["mmzero/coder/leak/mean"] > 0.1 and "leak" in alarms(free)
    assert paid["mmzero/coder/leak/mean"] < free["mmzero/coder/leak/mean"] / 2 and "leak" not in alarms(paid)
