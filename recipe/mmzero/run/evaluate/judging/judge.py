"""A judge model for answers that rules cannot decide, at any OpenAI-compatible address.

It is asked about answers of benchmarks with `judging: judge` that rules do not call right, and about a share of the
answers that rules did decide, of any benchmark: how often both agree is printed. It sees the whole question with its
choices, the reference and what the model said after its thoughts, through its own chat template, and answers yes or no.
Every verdict is stored with its text; one that is neither counts as no, and such verdicts are counted. A bearer token
that the address wants is taken from the environment (KEY), for what a suite says is written into results.
"""

import asyncio
import hashlib
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmzero_rewards.parsing.thought import after_thought
from mmzero_rewards.peers import PeerClient, PeerError, Sampling
from mmzero_rewards.peers.seeds import seed_of
from mmzero_rewards.peers.wire import choices_of
from recipe.mmzero.run.evaluate.asking.store import Answer, AnswerStore, bound_to, claim
from recipe.mmzero.run.evaluate.data.items import Item, show_choices
from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.run.evaluate.judging.rules import judge_by_rules
from recipe.mmzero.run.evaluate.statistics import agreement
from recipe.mmzero.run.evaluate.suite import Judge, Suite

PROMPT = """\
Question:
{question}

Reference answer: {reference}

Response of a model:
{response}

Does the response give the reference answer? Other wording, units or formats of the same answer count; an answer that \
is only partly right does not. Reply with one word, yes or no."""
LONGEST_RESPONSE = 8000
"""Characters of a response that the judge sees, its end: the answer stands there."""
# "Yes.", "**Verdict:** no", "The answer is yes", {"verdict": "no"}; "yes or no" is neither
SAID = re.compile(
    r"\W*(?:(?:(?:the|my|final)\s+)*(?:answer|verdict|reply|response|decision|boxed)\W*(?:is\b\W*)?)?"
    r"(yes|no)\b(?!\s*(?:/|\bor\b|\band\b|\.?\n)\s*(?!\1)(?:yes|no)\b)",
    re.IGNORECASE,
)
SHOWN_SHARE, SHOWN_CHARS = 0.01, 160
"""Share of the verdicts that the results show, for a person to look at."""
IN_FLIGHT, READY_S, TIMEOUT_S, RETRIES = 32, 30.0, 300.0, 3
KEY = "MMZERO_JUDGE_KEY"


@dataclass(frozen=True)
class Cases:
    """Places (item, sample) that the judge is asked about. open: it decides. check: rules decided, it only agrees."""

    open: list[tuple[int, int]]
    check: list[tuple[int, int]]


def cases(suite: Suite, items: Sequence[Item], answers: Mapping[tuple[int, int], Answer]) -> Cases:
    """What the judge has to see; depends on the answers only."""
    judging = {one.name: one.judging for one in suite.benchmarks}
    found = Cases([], [])
    for place in sorted(answers):
        item = items[place[0]]
        rule = judging[item.benchmark]
        verdict = judge_by_rules(answers[place].text, item, rule, suite.prompt)
        if rule == "judge" and not verdict.content:
            found.open.append(place)
        elif seed_of(f"check {item.benchmark} {item.id} {place[1]}") < suite.judge.check_share * 2**31:
            found.check.append(place)
    return found


def judge_all(
    suite: Suite,
    items: Sequence[Item],
    answers: Mapping[tuple[int, int], Answer],
    asked: Cases,
    store: AnswerStore,
) -> None:
    """Fill `store` with the judge's replies.

    Raises:
        EvaluationError: the judge cannot be reached or refuses; stored verdicts and all answers stay.
    """
    try:
        asyncio.run(_judge(suite.judge, items, answers, asked, store))
    except PeerError as error:
        raise EvaluationError(f"{error}; the answers are stored: run again with a judge that answers") from None
    finally:
        store.flush()


async def _judge(
    judge: Judge,
    items: Sequence[Item],
    answers: Mapping[tuple[int, int], Answer],
    asked: Cases,
    store: AnswerStore,
) -> None:
    every = [*asked.open, *asked.check]
    known = bound_to(store.folder)
    if known and known == identity(judge, judge.model or known.get("judge"), answers):
        store.load()
        if all(place in store.answers for place in every):
            return  # also where the judge is gone by now
    # top_k None: a strict OpenAI server knows no vLLM fields
    sampling = Sampling(temperature=0.0, top_k=None, max_tokens=judge.max_tokens)
    client = PeerClient(
        [judge.address],
        judge.model,
        timeout_s=TIMEOUT_S,
        max_retries=RETRIES,
        max_concurrency=IN_FLIGHT,
        name="judge",
        api_key=os.environ.get(KEY),
        cache_size=0,
        read=choices_of,
    )

    async def one(place: tuple[int, int]) -> None:
        text = judge_text(judge, items[place[0]], answers[place].text)
        ((said, finish),) = await client.chat([{"role": "user", "content": text}], 1, sampling, seed=0)
        store.add(Answer(*place, 0, said, finish))

    async with client:
        await client.ready(READY_S)
        claim(store.folder, identity(judge, client.model, answers))
        store.load()
        waiting = [place for place in every if place not in store.answers]
        for start in range(0, len(waiting), 8 * IN_FLIGHT):
            await asyncio.gather(*map(one, waiting[start : start + 8 * IN_FLIGHT]))
    store.finish()


def identity(judge: Judge, model: str | None, answers: Mapping[tuple[int, int], Answer]) -> dict[str, str | int]:
    """What verdicts depend on; also the record of who judged and with which prompt."""
    texts = "\x1f".join(f"{place}{answers[place].text}" for place in sorted(answers))
    return {
        "judge": str(model),
        "prompt": judge.prompt or PROMPT,
        "max_tokens": judge.max_tokens,
        "answers": hashlib.sha256(texts.encode("utf-8", "replace")).hexdigest(),
    }


def judge_text(judge: Judge, item: Item, response: str) -> str:
    """The prompt of the judge for one answer."""
    question = "\n".join(part for part in (item.question, show_choices(item.choices)) if part)
    reference = " or ".join(item.answers)
    if item.choice is not None:
        reference += f" ({item.choices[item.choice]})"
    said = after_thought(response).strip()[-LONGEST_RESPONSE:]
    parts = {"question": question, "reference": reference, "response": said}
    return re.sub(r"\{(question|reference|response)\}", lambda found: parts[found[1]], judge.prompt or PROMPT)


def outcome(
    suite: Suite,
    items: Sequence[Item],
    answers: Mapping[tuple[int, int], Answer],
    asked: Cases,
    said: Mapping[tuple[int, int], Answer],
    name: str,
) -> dict[str, Any]:
    """decided: (item, sample) -> verdict where the judge decides. record: numbers and the verdicts to show.

    Args:
        name: of the judge's model.
    """
    judging = {one.name: one.judging for one in suite.benchmarks}
    rules = [
        judge_by_rules(answers[place].text, items[place[0]], judging[items[place[0]].benchmark], suite.prompt).content
        for place in asked.check
    ]
    pairs = [(rule, verdict_of(said[place].text) is True) for place, rule in zip(asked.check, rules, strict=True)]
    shown = sorted(said, key=lambda place: seed_of(f"show {items[place[0]].id} {place[1]}"))
    return {
        "decided": {place: verdict_of(said[place].text) is True for place in asked.open},
        "record": {
            "judge": name,
            "address": suite.judge.address,
            "decided": len(asked.open),
            "unreadable": sum(verdict_of(one.text) is None for one in said.values()),
            "agreement": agreement(pairs),
            "shown": [
                {
                    "item": f"{items[place[0]].benchmark} {items[place[0]].id}",
                    "reference": " or ".join(items[place[0]].answers),
                    "response": " ".join(after_thought(answers[place].text).split())[-SHOWN_CHARS:],
                    "judge": " ".join(said[place].text.split())[:SHOWN_CHARS],
                }
                for place in shown[: math.ceil(SHOWN_SHARE * len(said))]
            ],
        },
    }


def verdict_of(said: str) -> bool | None:
    """yes, no, or None for a reply that is neither.

    >>> verdict_of("\\nYes."), verdict_of("no, because"), verdict_of("I think it is right")
    (True, False, None)
    """
    found = SAID.match(after_thought(said).strip())
    return found[1].lower() == "yes" if found else None
