"""Rules on tables of answers; the judge against a scripted OpenAI server."""

import asyncio
from dataclasses import replace

import pytest

from recipe.mmzero.run.evaluate.asking.store import Answer, AnswerStore
from recipe.mmzero.run.evaluate.data.items import Item
from recipe.mmzero.run.evaluate.errors import EvaluationError
from recipe.mmzero.run.evaluate.judging import judge as judging
from recipe.mmzero.run.evaluate.judging.options import chosen, named_option
from recipe.mmzero.run.evaluate.judging.rules import bare_answer, judge_by_rules
from recipe.mmzero.run.evaluate.suite import Benchmark, Judge, Suite
from tests.support.fault_server import FaultServer, dead_address, question_of, serve

CHOICES = ("red", "blue", "12", "no entry")


def item(*answers, choices=(), choice=None, name="b"):
    return Item(name, "1", "which?", choices, answers, choice, "c", ())


OPTION = item("B", choices=CHOICES, choice=1)


@pytest.mark.parametrize(
    "response, right, content",
    [
        ("<think>x</think>\\boxed{B}", True, True),
        ("\\boxed{blue}", True, True),
        ("\\boxed{B. blue}", True, True),
        ("\\boxed{B. red}", False, False),  # letter and text disagree
        ("\\boxed{A}", False, False),
        ("The answer is (B).", False, True),  # right content without a box
        ("I would say blue\n\nB", False, True),
        ("The answer is A.", False, False),
        ("<think>B</think>", False, False),  # a thought is no answer
        ("", False, False),
    ],
)
def test_options_under_the_training_prompt(response, right, content):
    verdict = judge_by_rules(response, OPTION, "option", "training")
    assert (verdict.right, verdict.content) == (right, content)


@pytest.mark.parametrize("response", ["B", "(b)", "B.", "Answer: B", "option B", "Blue.", "**B**", "\\boxed{B}"])
def test_a_bare_answer_counts_under_a_benchmarks_own_prompt(response):
    assert judge_by_rules(response, OPTION, "option", "own").right


@pytest.mark.parametrize("response", ["A", "Because the sky is blue", "red or blue", "E", "C"])
def test_what_is_not_the_right_option(response):
    assert not judge_by_rules(response, OPTION, "option", "own").right


@pytest.mark.parametrize(
    "answer, place",
    [("12", 2), ("C", 2), ("no entry", 3), ("No entry sign", None), ("D: no entry", 3), ("Z", None), ("both", None)],
)
def test_chosen(answer, place):
    assert chosen(answer, CHOICES) == place


@pytest.mark.parametrize(
    "answer, place",
    [
        ("\\text{B}", 1),  # how models box letters
        ("\\mathrm{(B)}", 1),
        ("**B**", 1),
        ("$B$", 1),
        ("Ｂ", 1),
        ("(B)blue", 1),
        ("Choice B", 1),
        ("The correct answer is B", 1),
        ("C. 12", 2),
        ("C. 5", 2),  # the text is no choice's: an explanation
        ("A. 12", None),
        ("A. red or B. blue", None),  # two options are none
        ("(A) or (B)", None),
        ("option A, option B", None),
        ("A, B", None),
        ("A and B", None),
    ],
)
def test_letters_in_other_dress(answer, place):
    assert chosen(answer, CHOICES) == place


@pytest.mark.parametrize(
    "answer",
    [
        "{B}",
        "**Final Answer:** B",
        "Letter B",
        "It's B",
        "So the answer is B.",
        "Therefore, (B)",
        "I would go with B",
        "it must be B",
        "Answer → B",
        "答案：B",
        "选B",
        "B, because the sky is blue",
        "B because the sky is blue",
        "The answer is B, since A is red",
        "(B) is correct",
        "B is the best choice",
        "B blue",
        "B, blue",
        "B – blue",
        "B/blue",
        "B.blue",
        "B (blue)",
        "blue (B)",
        "B (the sky)",
    ],
)
def test_a_letter_in_a_sentence(answer):
    assert chosen(answer, CHOICES) == 1


@pytest.mark.parametrize(
    "answer",
    [
        "A (blue)",  # letter and text disagree
        "blue (A)",
        "A, blue",
        "A - blue",
        "A: blue",
        "not B",
        "(B) is not correct",
        "B is wrong",
        "A, not B",
        "Both B and C",
        "B/C",
        "B; C",
        "blue, not red",
    ],
)
def test_a_letter_that_is_denied_or_not_alone(answer):
    assert chosen(answer, CHOICES) is None


def test_an_article_is_no_letter():
    pets = ("a big dog", "the cat", "A bird")
    answers = ("A cat", "A", "A because it barks", "A dog", "B the cat", "A: the cat")
    assert [chosen(answer, pets) for answer in answers] == [1, 0, 0, None, 1, None]
    assert named_option("A cat") is None and named_option("C major") is None  # the choices stand in the question


def test_a_long_answer_is_read_in_time():
    for part in ("so ", "the answer is ", "答案", "B ", "(", "**", "A,"):
        assert chosen(part * 20_000, CHOICES) is None
        assert len(bare_answer(part * 20_000) or "") < 10


def test_a_choice_that_is_a_letter():
    """Choices stand under letters, so a letter means the option, whatever the texts of the others are."""
    shuffled = ("B", "A", "D", "C")
    assert [chosen(letter, shuffled) for letter in "ABCD"] == [0, 1, 2, 3]
    assert chosen("E", (*"ABC", "E")) == 3 and chosen("IV", ("I", "II", "III", "IV")) == 3
    assert chosen("A. Smith", ("B. Miller", "A. Smith")) == 1  # begins like an option


def test_a_unit_may_be_missing_in_a_choice():
    assert chosen("12", ("12 cm", "15 cm")) == 0 and chosen("15 cm", ("12", "15")) == 1
    assert chosen("12", ("12 cm", "12 m")) is None
    assert chosen("12 cm", ("12 cm", "12")) == 0 and chosen("12", ("12 cm", "12")) == 1
    assert chosen("c. 12", ("12", "red", "blue")) is None  # as "C. 12": letter and text disagree


def test_a_letter_whose_choices_stand_in_the_question():
    for right in ("C. the tree", "C: 60", "\\text{C}", "option C"):
        assert judge_by_rules(f"\\boxed{{{right}}}", item("C"), "option", "training").right
    for wrong in ("D", "C. left or D. right", "sea"):
        assert not judge_by_rules(f"\\boxed{{{wrong}}}", item("C"), "option", "training").right
    assert judge_by_rules("\\boxed{C}", item("B", "C"), "option", "training").right  # each of several is right


@pytest.mark.parametrize("word", ["None", "unknown", "-", "N/A"])
def test_a_reference_that_says_nothing_can_be_met(word):
    assert judge_by_rules(f"\\boxed{{{word}}}", item(word), "exact", "training").right
    assert not judge_by_rules(f"\\boxed{{{word}}}", item("5"), "exact", "training").right


def test_open_items_of_an_option_benchmark_are_compared_as_values():
    assert judge_by_rules("\\boxed{12 cm}", item("12"), "option", "training").right


def test_relaxed_is_five_percent_of_the_reference():
    assert judge_by_rules("\\boxed{104}", item("100"), "relaxed", "training").right
    assert not judge_by_rules("\\boxed{106}", item("100"), "relaxed", "training").right
    assert not judge_by_rules("\\boxed{104}", item("100"), "exact", "training").right


def test_any_of_several_answers():
    assert judge_by_rules("\\boxed{4}", item("3", "4"), "exact", "training").right


@pytest.mark.parametrize(
    "response, answer",
    [
        ("So the final answer is **42**.", "42"),
        ("answer: x\nanswer: y", "y"),
        ("The answer: x, no wait, the answer is y", "y"),
        ("So the answer to 2 + 2 is 4.", "4"),
        ("The correct option is (B).", "(B)"),
        ("**Answer:** B", "B"),
        ("The answer is B.\n\nThe sky is blue in this picture.", "B"),  # an explanation follows
        ("The answer to the first part is 3.\nTogether:\n**12 cm**", "12 cm"),
        ("The answer must be 7.", "7"),
        ("The answer is equal to 7", "7"),
        ("**Answer**: 7", "7"),
        ("The answer is **7**: a prime", "7: a prime"),
        ("> **7**", "7"),
        ("Looking at the picture, I choose option (B).", "(B)"),
        ("Hence, option (B) is correct.", "(B)"),
        ("Answer: B\nConfidence: 90%", "B"),
        ("**Yes.** The line is longer.", "Yes. The line is longer"),
        ("B\n\nThe sky is blue because of the scattering.", "B"),  # prose explains what came first
        ("12 cm\nThis is the longest of the sides.", "12 cm"),
        ("Let me see.\nThere are five apples on the table", "There are five apples on the table"),
        ("-5", "-5"),
        ("2**3", "2**3"),
        ("w" * 300, None),
        ("<think>long</think>\nfive", "five"),
    ],
)
def test_bare_answers(response, answer):
    assert bare_answer(response) == answer


@pytest.mark.parametrize(
    "said, verdict",
    [
        ("Answer: yes", True),
        ("**Verdict:** No", False),
        ("The answer is yes.", True),
        ("\\boxed{no}", False),
        ("<answer>yes</answer>", True),
        ('{"verdict": "no"}', False),
        ("Yes, no difference.", True),
        ("yes or no", None),
        ("Yes/No", None),
        ("yes and no", None),
        ("Yes.\nNo.", None),
        ("Yesterday", None),
        ("None", None),
    ],
)
def test_verdicts_in_other_dress(said, verdict):
    assert judging.verdict_of(said) is verdict


# --- the judge ------------------------------------------------------------------------------------------------------

SUITE = Suite(
    name="s",
    benchmarks=[Benchmark("open", "x", judging="judge"), Benchmark("closed", "x", judging="exact")],
    judge=Judge(check_share=1.0),
)
ITEMS = [item("a red house", name="open"), item("5", name="closed")]


def answers(*texts):
    return {(k, 0): Answer(k, 0, 0, text, "stop") for k, text in enumerate(texts)}


def says_yes_to_red(body):
    return ["\nYes" if "crimson" in question_of(body) else "No."]


def judged(tmp_path, given, reply=says_yes_to_red, suite=SUITE, items=ITEMS, **server):
    store = AnswerStore(tmp_path / "verdicts")

    def work(url):
        asking = replace(suite, judge=replace(suite.judge, address=url))
        judging.judge_all(asking, items, given, judging.cases(asking, items, given), store)

    async def main():
        async with serve(FaultServer(reply, **server)) as fake:
            await asyncio.to_thread(work, fake.url)
            return fake

    return asyncio.run(main()), store


def test_the_judge_sees_only_what_rules_cannot_decide():
    given = answers("\\boxed{A red house}", "\\boxed{6}")
    assert judging.cases(SUITE, ITEMS, given) == judging.Cases([], [(0, 0), (1, 0)])
    given = answers("\\boxed{a crimson house}", "\\boxed{6}")
    assert judging.cases(SUITE, ITEMS, given) == judging.Cases([(0, 0)], [(1, 0)])
    none = replace(SUITE, judge=Judge(check_share=0.0))
    assert judging.cases(none, ITEMS, given).check == []


def test_verdicts_are_stored_with_the_judges_name_and_prompt(tmp_path):
    given = answers("<think>crimson?</think>\\boxed{a crimson house}", "\\boxed{6}")
    server, store = judged(tmp_path, given, error=0.4, seed=1)
    assert server.seen["error"] > 0  # and was retried
    assert (
        judging.verdict_of(store.answers[0, 0].text) is True and judging.verdict_of(store.answers[1, 0].text) is False
    )
    known = (tmp_path / "verdicts" / "identity.json").read_text()
    assert '"judge": "tiny"' in known and "Reply with one word" in known
    asked = question_of(server.bodies[0])
    assert "which?" in asked and "Reference answer: a red house" in asked and "<think>" not in asked
    assert "top_k" not in server.bodies[0]


def test_stored_verdicts_are_not_asked_again(tmp_path):
    given = answers("\\boxed{a crimson house}", "\\boxed{6}")
    judged(tmp_path, given)
    server, store = judged(tmp_path, given)
    assert not server.bodies and len(store.answers) == 2
    gone = replace(SUITE, judge=replace(SUITE.judge, address=dead_address()))
    again = AnswerStore(tmp_path / "verdicts")
    judging.judge_all(gone, ITEMS, given, judging.cases(gone, ITEMS, given), again)
    assert len(again.answers) == 2


def test_verdicts_on_other_answers_are_refused(tmp_path):
    judged(tmp_path, answers("\\boxed{a crimson house}", "\\boxed{6}"))
    with pytest.raises(EvaluationError, match="holds answers for another answers"):
        judged(tmp_path, answers("\\boxed{a blue house}", "\\boxed{6}"))


def test_more_verdicts_are_asked_for_later(tmp_path):
    """A larger check_share: what is there stays, also what a killed attempt stored beside the finished file."""
    given = answers("\\boxed{a crimson house}", "\\boxed{6}")
    few = replace(SUITE, judge=Judge(check_share=0.0))
    judged(tmp_path, given, suite=few)
    killed = AnswerStore(tmp_path / "verdicts")
    killed.add(Answer(1, 0, 0, "yes, stored", "stop"))
    killed.flush()
    server, store = judged(tmp_path, given)
    assert not server.bodies and store.answers[1, 0].text == "yes, stored"


def test_verdicts_that_came_before_a_failure_are_kept(tmp_path, monkeypatch):
    given = {(k, 0): Answer(k, 0, 0, f"\\boxed{{a crimson house, {k}}}", "stop") for k in range(40)}
    items = [item("a red house", name="open")] * 40
    monkeypatch.setattr(judging, "RETRIES", 0)

    def dies_at_ten(body):
        if len(seen) >= 10:
            raise OSError("planted")  # HTTP 500
        seen.append(body)
        return ["Yes"]

    seen = []
    with pytest.raises(EvaluationError, match="the answers are stored: run again with a judge that answers"):
        judged(tmp_path, given, dies_at_ten, items=items)
    server, store = judged(tmp_path, given, lambda body: ["Yes"], items=items)
    assert len(server.bodies) == 30 and len(store.answers) == 40


def test_a_judge_may_think_and_want_a_key(tmp_path, monkeypatch):
    monkeypatch.setenv(judging.KEY, "secret")
    keys = []

    async def models(self, request):
        from aiohttp import web

        keys.append(request.headers.get("Authorization"))
        return web.json_response({"data": [{"id": self.model}]})

    monkeypatch.setattr(FaultServer, "models", models)
    given = answers("\\boxed{a crimson house}", "\\boxed{6}")
    _, store = judged(tmp_path, given, lambda body: ["<think>No, wait: crimson is a red.</think>\n\nYes"])
    assert keys == ["Bearer secret"] and judging.verdict_of(store.answers[0, 0].text) is True
    asked = judging.cases(SUITE, ITEMS, given)
    record = judging.outcome(SUITE, ITEMS, given, asked, store.answers, "big")["record"]
    assert record["judge"] == "big" and record["unreadable"] == 0
    assert not any("secret" in path.read_text() for path in (tmp_path / "verdicts").glob("*.json"))


def test_an_unreachable_judge_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "READY_S", 0.5)
    suite = replace(SUITE, judge=Judge(address=dead_address()))
    given = answers("\\boxed{a crimson house}", "\\boxed{6}")
    with pytest.raises(EvaluationError, match=r"peer judge at .* was not ready") as error:
        judging.judge_all(suite, ITEMS, given, judging.cases(suite, ITEMS, given), AnswerStore(tmp_path / "v"))
    assert "\n" not in str(error.value)
