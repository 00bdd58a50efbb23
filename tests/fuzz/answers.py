"""Fuzz the readers of answers and responses: `python tests/fuzz/answers.py --minutes 30 [--seed N]`.

Rounds of two kinds until the time is over: examples of Hypothesis (it shrinks what fails), and texts of a plain seeded
generator over the same pieces, which makes a hundred times as many. Checked for every text:

* no exception but FormatError from the two parsers that document it;
* no input over its time bound in CPU seconds (measured again twice before it counts);
* grading is symmetric, and reflexive but for blanks; texts with one key read as one answer.

Exit code 1 and the texts if anything failed. Not covered: the SVG pass; the graders in child processes.
"""

import argparse
import random
import sys
import time
from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from mmzero_rewards.answers.grading import grade  # noqa: E402
from mmzero_rewards.answers.reading import read_answer  # noqa: E402
from mmzero_rewards.parsing.responses import (  # noqa: E402
    FormatError,
    extract_answer,
    extract_code,
    has_answer_format,
    parse_proposal,
)
from tests.support.answer_texts import ANSWERS, FRAGMENTS, KNOWN, MARKUP, RESPONSE_TEXTS, RESPONSES  # noqa: E402

ANSWER_BOUND_S = 0.02
RESPONSE_BOUND_S = 0.1
KEPT_KEYS = 200_000
SECONDS_PER_ROUND = 20.0
EXAMPLES_PER_ROUND = 200


class Failure(AssertionError):
    """One input and what is wrong with it."""


def cpu_s(run) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def in_time(run, bound_s: float, text: str) -> None:
    if cpu_s(run) > bound_s and min(cpu_s(run), cpu_s(run)) > bound_s:
        raise Failure(f"slower than {bound_s} s: {text[:200]!r} ({len(text)} characters)")


def check_answer(text: str, other: str, keys: dict) -> None:
    in_time(lambda: read_answer(text), ANSWER_BOUND_S, text)
    reading = read_answer(text)
    if grade(text, text) is not bool(text.strip()):
        raise Failure(f"not reflexive: {text!r}")
    if grade(text, other) is not grade(other, text):
        raise Failure(f"not symmetric: {text!r} and {other!r}")
    if text.strip() and len(text) < 100 and len(keys) < KEPT_KEYS:
        first, known = keys.setdefault(reading.key, (text, reading))
        if known != reading:
            raise Failure(f"one key, two answers: {text!r} and {first!r}")


def check_response(text: str) -> None:
    def parse() -> None:
        for parser in (parse_proposal, extract_code, lambda said: extract_code(said, ("python",))):
            try:
                parser(text)
            except FormatError:
                continue
        extract_answer(text)
        has_answer_format(text)

    in_time(parse, RESPONSE_BOUND_S, text)


def answer_text(dice: random.Random) -> str:
    way = dice.random()
    if way < 0.3:
        return "".join(dice.choice(FRAGMENTS) for _ in range(dice.randint(1, 10)))
    if way < 0.5:
        one, other = dice.choice(KNOWN), dice.choice(KNOWN)
        return one[: dice.randint(0, len(one))] + other[dice.randint(0, len(other)) :]
    if way < 0.55:
        return dice.choice(FRAGMENTS + KNOWN) * dice.randint(2, 400) + dice.choice(KNOWN)
    if way < 0.6:
        return " ".join(dice.choice(KNOWN) for _ in range(dice.randint(1, 4)))
    letters = list(dice.choice(KNOWN))
    for _ in range(dice.randint(1, 3)):
        at = dice.randint(0, len(letters))
        letters[at : at + dice.randint(0, 1)] = [dice.choice(FRAGMENTS)] if dice.random() < 0.7 else []
    return "".join(letters)


def response_text(dice: random.Random) -> str:
    if dice.random() < 0.5:
        return "".join(dice.choice(MARKUP + FRAGMENTS) for _ in range(dice.randint(1, 40)))
    if dice.random() < 0.02:
        return dice.choice(MARKUP) * dice.randint(1_000, 50_000)
    text = dice.choice(RESPONSE_TEXTS)
    at = dice.randint(0, len(text))
    return text[:at] + dice.choice(MARKUP) + text[at + dice.randint(0, 3) :]


def random_round(dice: random.Random, keys: dict, until: float) -> int:
    count = 0
    other = "5"
    while time.monotonic() < until:
        text = answer_text(dice)
        check_answer(text, other, keys)
        if count % 4 == 0:
            check_response(response_text(dice))
        other, count = text, count + 1
    return count


def hypothesis_round(number: int, keys: dict) -> int:
    quiet = settings(
        max_examples=EXAMPLES_PER_ROUND,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    seed(number)(quiet(given(ANSWERS, ANSWERS)(lambda a, b: check_answer(a, b, keys))))()
    seed(number)(quiet(given(RESPONSES)(check_response)))()
    return 2 * EXAMPLES_PER_ROUND


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    keys: dict = {}
    failures: list[str] = []
    tried = number = 0
    while time.monotonic() < end:
        number += 1
        this = options.seed * 100_000 + number
        until = min(end, time.monotonic() + SECONDS_PER_ROUND)
        for run in (partial(random_round, random.Random(this), keys, until), partial(hypothesis_round, this, keys)):
            try:
                tried += run()
            except Exception as error:  # the run goes on: one bad text must not hide the next
                failures.append(f"{type(error).__name__}: {error}")
                print(failures[-1][:500], flush=True)
    print(
        f"{options.minutes:g} minutes, {number} rounds, {tried:,} texts, {len(keys):,} keys, {len(failures)} failures"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
