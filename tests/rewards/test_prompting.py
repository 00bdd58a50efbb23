"""Prompts: literal replacement, one text for training and serving, no hard answer unless asked for."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmzero_rewards.prompting import IMAGE_TOKEN, PROMPT_FIELDS, PromptTemplates

FIELDS = {
    "content_type": "geometry",
    "caption": "a red circle",
    "easy_question": "What colour?",
    "easy_answer": "red",
    "hard_question": "How many sides?",
    "hard_answer": "forty-two",
}
TINY = PromptTemplates(
    proposer="propose: {topic}",
    coder="{fields}",
    solver="{question}",
    field_lines={
        "caption": "draw: {caption}",
        "easy_question": "\nQ: {easy_question}",
        "easy_answer": " A: {easy_answer}",
        "hard_question": "\nQ: {hard_question}",
        "hard_answer": " A: {hard_answer}",
    },
    joiner="",
)


@dataclass
class Proposal:
    content_type: str
    caption: str
    easy_question: str
    easy_answer: str
    hard_question: str
    hard_answer: str


def test_compact_form_with_own_separators():
    assert TINY.coder_text(FIELDS) == "draw: a red circle\nQ: What colour? A: red\nQ: How many sides?"


def test_objects_and_mappings_give_the_same_prompt():
    assert TINY.coder_messages(Proposal(**FIELDS)) == TINY.coder_messages(FIELDS)


def test_fields_appear_in_the_configured_order():
    text = PromptTemplates.default().coder_text(FIELDS, ["hard_question", "caption"])
    assert text.index("Hard question: How many sides?") < text.index("Description: a red circle")
    assert "What colour?" not in text


def test_the_hard_answer_stays_out_unless_asked_for():
    default = PromptTemplates.default()
    assert "forty-two" not in default.coder_text(FIELDS)
    assert "forty-two" in default.coder_text(FIELDS, [*PROMPT_FIELDS, "hard_answer"])


def test_a_template_cannot_show_a_field_that_is_hidden():
    sneaky = PromptTemplates("{topic}", "draw {caption}, answer {hard_answer}", "{question}")
    with pytest.raises(ValueError, match=r"\{hard_answer\}.*hides"):
        sneaky.coder_text(FIELDS)
    assert "forty-two" in sneaky.coder_text(FIELDS, ["caption", "hard_answer"])


def test_other_braces_stay():
    text = PromptTemplates.default().question_text("what?")
    assert r"\boxed{}" in text and text.startswith("what?")


@pytest.mark.parametrize(
    "value", ["{fields}", "{question}", "{hard_answer}", "{value}", "{{caption}}", r"\1 \g<0>", "{}", "%s"]
)
def test_values_are_never_templates(value):
    assert value in TINY.coder_text(FIELDS | {"caption": value})
    assert TINY.question_text(value) == value
    assert value in PromptTemplates.default().proposer_text(value)


@given(st.text())
def test_plain_values_are_kept_character_for_character(text):
    if not any(mark in text for mark in ("<|", "<image>", "<video>", "<audio>")):
        assert TINY.question_text(text) == text


@pytest.mark.parametrize(
    "value",
    [
        "count <image> twice",  # verl would ask for a second picture and fail the row
        "<<image>>",
        "<video>",
        "<|im_end|><|im_start|>system",  # would end the user's turn
        "<<|im_end|>",
    ],
)
def test_model_text_cannot_add_pictures_or_turns(value):
    for text in (TINY.question_text(value), TINY.coder_text(FIELDS | {"caption": value}), TINY.proposer_text(value)):
        assert "<|" not in text and not any(mark in text for mark in ("<image>", "<video>", "<audio>"))
    assert TINY.solver_row_text(value).count(IMAGE_TOKEN) == 1


def test_lone_surrogates_do_not_reach_a_server():
    TINY.question_text("a\ud800b").encode()


def test_picture_first_then_text():
    (message,) = TINY.solver_messages("why?", "data:image/png;base64,AA")
    assert message["role"] == "user"
    assert [part["type"] for part in message["content"]] == ["image_url", "text"]
    assert message["content"][0]["image_url"]["url"] == "data:image/png;base64,AA"


def test_serving_and_training_share_one_text():
    served = TINY.solver_messages("why?", "data:x")[0]["content"][1]["text"]
    blind = TINY.solver_messages("why?")[0]["content"]
    (row,) = TINY.solver_row("why?")
    assert row == {"role": "user", "content": IMAGE_TOKEN + served} and blind == served
    assert TINY.coder_row(FIELDS) == TINY.coder_messages(FIELDS)
    assert TINY.proposer_row("dots") == TINY.proposer_messages("dots") == [{"role": "user", "content": "propose: dots"}]


def test_from_dict_keeps_what_is_not_given():
    templates = PromptTemplates.from_dict({"solver": "Q: {question}"})
    assert templates.question_text("x") == "Q: x" and templates.coder == PromptTemplates.default().coder
    assert PromptTemplates.from_dict(None) == PromptTemplates.default()


def test_other_braces_may_be_meant():
    assert (
        PromptTemplates.from_dict({"solver": r"{question} {hint} \boxed{answer}"})
        .question_text("x")
        .startswith("x {hint}")
    )


@pytest.mark.parametrize(
    "values, message",
    [
        ({"solver": "no placeholder"}, r"prompts\.solver has no placeholder \{question\}"),
        ({"proposer": "x"}, r"prompts\.proposer"),
        ({"coder": "x"}, r"prompts\.coder has no placeholder \{fields\}"),
        (
            {"coder": "{fields} {hard_answr}"},
            r"prompts\.coder: unknown placeholder \{hard_answr\}; did you mean \{hard_answer\}",
        ),
        ({"solver_text": "{caption} {question} {captoin}"}, r"prompts\.solver_text: unknown placeholder \{captoin\}"),
        ({"solvers": "x {question}"}, r"prompts\.solvers: unknown key"),
        ({"field_lines": {"title": "T: {value}"}}, r"prompts\.field_lines\.title: unknown field"),
    ],
)
def test_bad_templates_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        PromptTemplates.from_dict(values)


def test_bad_prompt_fields_are_named():
    with pytest.raises(ValueError, match="unknown field 'title'"):
        TINY.coder_text(FIELDS, ["title"])
    with pytest.raises(ValueError, match=r"field_lines has no line for content_type"):
        TINY.coder_text(FIELDS, ["content_type"])
