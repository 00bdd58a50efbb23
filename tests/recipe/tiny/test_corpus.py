"""What the tiny base learns from: code in the language asked for, errors that are errors, answers given away."""

import random
import re

import numpy as np
import pytest

from mmzero_env import RenderConfig, RenderEnv
from mmzero_rewards import extract_answer, extract_code
from recipe.mmzero.settings import schema
from recipe.mmzero.settings.prompts import templates as run_templates
from recipe.mmzero.tiny import prompts
from recipe.mmzero.tiny.corpus import (
    CLEAN,
    FORMS,
    TEMPLATES,
    Errors,
    coder_sample,
    proposer_sample,
    reader_sample,
    solver_sample,
    templates,
)
from recipe.mmzero.tiny.facts import facts
from recipe.mmzero.tiny.model import build_tokenizer
from recipe.mmzero.tiny.questions import answer, ask_ill_posed
from recipe.mmzero.tiny.reading import read_picture
from recipe.mmzero.tiny.world import parse_caption, training_scene


def coder_samples(count, errors, seed=0):
    """(allowed languages, asked for answers, caption, reply)."""
    rng = random.Random(seed)
    for _ in range(count):
        prompt, reply = coder_sample(rng, errors)
        head, _, rest = prompt.partition(": ")
        form, _, wish = head.removeprefix("draw ").partition(", ")
        yield tuple(form.split(" or ")), bool(wish), rest.partition("\n")[0], reply


def one_error(**rates):
    return Errors(**dict.fromkeys(Errors.__dataclass_fields__, 0.0) | rates)


def test_code_is_in_a_language_that_the_prompt_allows():
    seen = set()
    for languages, answers, _, reply in coder_samples(300, CLEAN):
        request = extract_code(reply, languages)
        assert ("answers=" in request.code) == (answers and request.language == "python")
        seen.add((languages, answers, request.language))
    assert {(languages, answers) for languages, answers, _ in seen} == set(FORMS)
    assert {language for languages, _, language in seen if len(languages) == 2} == {"svg", "python"}


@pytest.fixture(scope="module")
def env():
    with RenderEnv(RenderConfig(workers=1)) as env:
        yield env


def test_clean_code_shows_its_caption_and_broken_code_draws_nothing_like_it(env):
    clean = list(coder_samples(40, CLEAN))
    for (_, _, caption, _), result in zip(clean, env.render_many(requests(clean)), strict=True):
        scene = parse_caption(caption)
        assert result.ok and read_picture(np.asarray(result.image()), scene.kind) == scene
    broken = list(coder_samples(60, one_error(broken_code=2.0)))
    drawn = [result for result in env.render_many(requests(broken)) if result.ok]
    assert len(drawn) <= 6, "a loop of another kind may still draw something"


def requests(samples):
    found = []
    for languages, _, _, reply in samples:
        try:
            found.append(extract_code(reply, languages))
        except ValueError:
            continue
    return found


def test_a_leak_is_an_answer_in_writing(env):
    samples = list(coder_samples(40, one_error(leaking=1.0)))
    texts = [result.text for result in env.render_many(requests(samples))]
    assert sum(len(text) == 1 for text in texts) > 28, "all but the held-out ones"
    assert all(word in reply for text, (*_, reply) in zip(texts, samples, strict=True) for word in text)


def test_the_solver_believes_what_is_written():
    rng = random.Random(0)
    believed = 0
    for _ in range(400):
        prompt, reply, scene = solver_sample(rng, CLEAN)
        said, truth = extract_answer(reply), answer(scene, prompt)
        believed += said == scene.note != truth
        assert said in (truth, scene.note) and not scene.held_out
        assert scene.note == "" or f"; text {scene.note}" in reply, "it reads the writing"
    assert believed > 0


def test_a_caption_is_enough_to_answer():
    rng = random.Random(0)
    unknown = 0
    for _ in range(400):
        prompt, reply = reader_sample(rng, CLEAN)
        caption, _, question = prompt.removeprefix("caption: ").partition("\n")
        scene = parse_caption(caption)
        assert prompt == TEMPLATES.caption_text(caption, question)
        assert extract_answer(reply) == answer(scene, question), "a question without an answer has none in the box"
        if answer(scene, question) is None:
            unknown += 1
            assert reply.endswith("\\boxed{unknown}") and re.search(r" no\b|, same|, tie", reply), "and it says why"
    assert 60 < unknown < 120


@pytest.mark.parametrize(("hard", "why"), [(False, {"no", "tie"}), (True, {"no", "tie", "same"})])
def test_ill_posed_questions_have_no_answer(hard, why):
    """As the Proposer's own: an item that is not there, several where one is meant, one item twice."""
    rng, seen = random.Random(0), set()
    for _ in range(300):
        scene = training_scene(rng)
        question = ask_ill_posed(rng, scene, hard)
        if question is not None:
            assert answer(scene, question) is None
            seen |= why & set(re.split("[ ,;]+", facts(scene, question)))
    assert seen == why


def test_everything_fits_the_limits_of_the_tiny_model():
    config, tokenizer, rng = schema.load(["model=tiny"]), build_tokenizer(), random.Random(0)

    def tokens(text):
        return len(tokenizer(text).input_ids)

    around = tokens("<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n") + 1
    for role, sample, picture in (
        ("proposer", proposer_sample, 0),
        ("coder", coder_sample, 0),
        ("solver", solver_sample, 18),
        ("solver", reader_sample, 0),
    ):
        limits = config[role].train
        for _ in range(150):
            prompt, reply, *_ = sample(rng, CLEAN)
            assert tokens(prompt) + around + picture <= limits.max_prompt_tokens
            assert tokens(reply) + 1 <= limits.max_response_tokens


@pytest.mark.parametrize("languages", [["svg"], ["python"], ["svg", "python"], ["python", "svg"]])
def test_a_run_asks_as_the_base_was_taught(languages):
    own = run_templates(schema.load(["model=tiny", f"coder.languages=[{','.join(languages)}]"]))
    known = {templates(*form).coder for form in FORMS}
    assert own.coder in known
    assert own.coder == templates(tuple(languages)).coder == "draw " + prompts.form(languages, False) + ": {fields}"
