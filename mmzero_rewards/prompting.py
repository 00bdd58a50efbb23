"""Prompts of the three roles: template texts in, chat messages out; the one place where a prompt is put together.

Training rows, questions to frozen peers and labelling all call these functions, so the same proposal always becomes
the same prompt (docs/method.md §6.1 `prompt_format`). A template is configuration: plain text with placeholders

    proposer  {topic}
    coder     {fields}, or single fields such as {caption}
    solver    {question}
    solver_text  {caption} and {question}: the question with the caption in place of the picture (docs/method.md §10)

Placeholders are replaced literally and in one pass: every other brace (`\\boxed{}`) stays, and a value that looks like
a placeholder is not replaced again. The chat template is the model's own; it is applied by whoever samples.

Not covered: several pictures per prompt; system prompts (docs/method.md §2: one user message).
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mmzero_rewards.parsing.proposal import PROPOSAL_FIELDS

# docs/method.md §6.1 `coder_prompt`: never the hard answer.
PROMPT_FIELDS = ("caption", "easy_question", "easy_answer", "hard_question")
PLACEHOLDERS = {"proposer": ("topic",), "coder": ("fields", *PROPOSAL_FIELDS), "solver": ("question",)}  # one of them
SOLVER_TEXT_PLACEHOLDERS = ("caption", "question")  # both
LIKE_A_PLACEHOLDER = 0.8  # difflib's ratio: {hard_answr} is {hard_answer}, {answer} may be what it says
IMAGE_TOKEN = "<image>"  # where verl's dataset puts the picture into a text prompt

# Values are written by models. verl splits prompts at these markers and tokenizers read `<|...|>` as control tokens.
_MARKER = re.compile(r"<(?=(?:image|video|audio)>|\|)")

_PROPOSER = """Topic: {topic}

You design data-dense pictures that can be drawn with vector graphics. Write exactly these six blocks and nothing else:
<content_type>data_chart, diagram, geometry, timeline, map, table or other</content_type>
<caption>everything needed to draw the picture: values, names, positions, colours</caption>
<easy_question>a question answered by reading one thing straight from the picture</easy_question>
<easy_answer>its answer</easy_answer>
<hard_question>a question that needs several steps and at least one value that only the picture shows</hard_question>
<hard_answer>its answer</hard_answer>
Each answer is a single number, word or very short phrase; numbers are written bare."""

_CODER = """Draw the following picture as one self-contained SVG document.

{fields}

Answer with raw SVG in one fenced block that starts with ```svg. Everything that the easy question asks about must be \
clearly readable. Label series, axes and values, keep every element inside the viewBox, use no external files, and do \
not write the answer to the hard question into the picture."""

_SOLVER = """{question}

Look carefully at the picture. Think step by step inside <think></think>. Then give the final answer inside \\boxed{} \
as a single number, word or short phrase: no units, no sentence."""

_SOLVER_TEXT = """A picture shows exactly this: {caption}

{question}

Answer from this description alone. If it does not say, the answer is unknown. Think in a few words inside \
<think></think>, then give the final answer inside \\boxed{} as a single number, word or short phrase: no units, no \
sentence."""

_LINES = {
    "content_type": "Kind: {value}",
    "caption": "Description: {value}",
    "easy_question": "Easy question: {value}",
    "easy_answer": "Answer to the easy question: {value}",
    "hard_question": "Hard question: {value}",
    "hard_answer": "Answer to the hard question: {value}",
}


@dataclass(frozen=True)
class PromptTemplates:
    """Template texts of one model family.

    Args:
        proposer: text with {topic}.
        coder: text with {fields}, or with placeholders of single fields ({caption}, {easy_question}, ...).
        solver: text with {question}.
        solver_text: text with {caption} and {question}, asked without a picture.
        field_lines: how one field is written inside {fields}; the value goes to {value} (or to the field's own name).
        joiner: between two field lines; "" lets the lines carry their own separators.
    Raises:
        ValueError: a template lacks or misspells its placeholder, or `field_lines` names a field that proposals do not
            have.
    """

    proposer: str
    coder: str
    solver: str
    solver_text: str = _SOLVER_TEXT
    field_lines: Mapping[str, str] = field(default_factory=lambda: dict(_LINES))
    joiner: str = "\n"

    def __post_init__(self):
        for role, names in PLACEHOLDERS.items():
            if not any("{" + name + "}" in getattr(self, role) for name in names):
                raise ValueError(f"prompts.{role} has no placeholder {{{names[0]}}}: the prompt would not depend on it")
        for name in SOLVER_TEXT_PLACEHOLDERS:
            if "{" + name + "}" not in self.solver_text:
                raise ValueError(
                    f"prompts.solver_text has no placeholder {{{name}}}: the prompt would not depend on it"
                )
        self._check_spelling()
        for name in self.field_lines:
            if name not in PROPOSAL_FIELDS:
                raise ValueError(f"prompts.field_lines.{name}: unknown field; choose from {', '.join(PROPOSAL_FIELDS)}")

    def _check_spelling(self) -> None:
        """Other braces may be meant (`\\boxed{answer}`); a name one slip away from a placeholder is not."""
        for role, names in (PLACEHOLDERS | {"solver_text": SOLVER_TEXT_PLACEHOLDERS}).items():
            for name in re.findall(r"\{(\w+)\}", getattr(self, role)):
                meant = difflib.get_close_matches(name, names, 1, LIKE_A_PLACEHOLDER)
                if meant and name not in names:
                    raise ValueError(f"prompts.{role}: unknown placeholder {{{name}}}; did you mean {{{meant[0]}}}?")

    @classmethod
    def default(cls) -> "PromptTemplates":
        """Short built-in templates for use outside MM-Zero's recipe."""
        return cls(_PROPOSER, _CODER, _SOLVER)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | None) -> "PromptTemplates":
        """Templates from plain configuration; a key that is left out keeps the built-in text.

        Raises:
            ValueError: unknown key, with the valid ones; a value that is no text.
        """
        texts = asdict(cls.default())
        for key, value in (values or {}).items():
            if key not in texts:
                raise ValueError(f"prompts.{key}: unknown key; valid keys: {', '.join(texts)}")
            lines = list(value.values()) if key == "field_lines" and isinstance(value, Mapping) else [value]
            if not all(isinstance(line, str) for line in lines) or (key == "field_lines" and lines == [value]):
                wanted = "a text for each field" if key == "field_lines" else "a text"
                raise ValueError(f"prompts.{key} must be {wanted}, got {value!r}")
            texts[key] = value
        return cls(**texts)

    def check_fields(self, prompt_fields: Sequence[str]) -> None:
        """Does the Coder's template fit the fields that it may show? Call it before anything starts.

        Raises:
            ValueError: a field is unknown or has no line, or the template itself names one that is not listed.
        """
        self.coder_text(dict.fromkeys(PROPOSAL_FIELDS, ""), prompt_fields)

    # -- texts -------------------------------------------------------------------------------------------------------

    def proposer_text(self, topic: str) -> str:
        """The Proposer's prompt for a topic."""
        return _fill(self.proposer, {"topic": topic})

    def coder_text(self, proposal: Any, prompt_fields: Sequence[str] = PROMPT_FIELDS) -> str:
        """The Coder's prompt: the listed fields of a proposal (an object or a mapping with the six fields), in order.

        Raises:
            ValueError: a field is unknown or has no line format, or the template itself names an unlisted field.
        """
        values = {name: _field(proposal, name) for name in prompt_fields}
        for name in PROPOSAL_FIELDS:
            if "{" + name + "}" in self.coder and name not in values:
                raise ValueError(
                    f"prompts.coder shows {{{name}}}, which coder.prompt_fields={list(prompt_fields)} hides"
                )
        lines = []
        if "{fields}" in self.coder:
            for name, value in values.items():
                if name not in self.field_lines:
                    raise ValueError(f"prompts.field_lines has no line for {name}, which coder.prompt_fields asks for")
                lines.append(_fill(self.field_lines[name], {"value": value, name: value}))
        return _fill(self.coder, values | {"fields": self.joiner.join(lines)}, safe=("fields",))

    def question_text(self, question: str) -> str:
        """The Solver's prompt for a question, without the picture."""
        return _fill(self.solver, {"question": question})

    def caption_text(self, caption: str, question: str) -> str:
        """The Solver's prompt for a question about a picture that it knows from its caption only."""
        return _fill(self.solver_text, {"caption": caption, "question": question})

    def solver_row_text(self, question: str) -> str:
        """The Solver's prompt as a verl row holds it: the picture's marker first, then the text."""
        return IMAGE_TOKEN + self.question_text(question)

    # -- chat messages -----------------------------------------------------------------------------------------------

    def proposer_messages(self, topic: str) -> list[dict[str, Any]]:
        """OpenAI chat messages (one user message) for the Proposer."""
        return _user(self.proposer_text(topic))

    def coder_messages(self, proposal: Any, prompt_fields: Sequence[str] = PROMPT_FIELDS) -> list[dict[str, Any]]:
        """OpenAI chat messages (one user message) for the Coder; errors as `coder_text`."""
        return _user(self.coder_text(proposal, prompt_fields))

    def solver_messages(self, question: str, image_url: str | None = None) -> list[dict[str, Any]]:
        """OpenAI chat messages for the Solver: picture first, then the text; text alone if `image_url` is None."""
        if image_url is None:
            return _user(self.question_text(question))
        picture = {"type": "image_url", "image_url": {"url": image_url}}
        return _user([picture, {"type": "text", "text": self.question_text(question)}])

    def caption_messages(self, caption: str, question: str) -> list[dict[str, Any]]:
        """OpenAI chat messages for the Solver without a picture; the caption stands in for it."""
        return _user(self.caption_text(caption, question))

    # -- verl rows ---------------------------------------------------------------------------------------------------

    def proposer_row(self, topic: str) -> list[dict[str, Any]]:
        """The `prompt` column of a Proposer row."""
        return self.proposer_messages(topic)

    def coder_row(self, proposal: Any, prompt_fields: Sequence[str] = PROMPT_FIELDS) -> list[dict[str, Any]]:
        """The `prompt` column of a Coder row; errors as `coder_text`."""
        return self.coder_messages(proposal, prompt_fields)

    def solver_row(self, question: str) -> list[dict[str, Any]]:
        """The `prompt` column of a Solver row; its `images` column holds exactly one picture."""
        return _user(self.solver_row_text(question))


def _user(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


def _field(proposal: Any, name: str) -> str:
    if name not in PROPOSAL_FIELDS:
        raise ValueError(f"coder.prompt_fields: unknown field {name!r}; choose from {', '.join(PROPOSAL_FIELDS)}")
    value = proposal[name] if isinstance(proposal, Mapping) else getattr(proposal, name)
    return str(value)


def _fill(template: str, values: Mapping[str, str], safe: Sequence[str] = ()) -> str:
    """Replace `{name}` for the names in `values`; values not in `safe` are made harmless first."""
    texts = {name: value if name in safe else _harmless(value) for name, value in values.items()}
    pattern = re.compile("|".join(re.escape("{" + name + "}") for name in texts))
    return pattern.sub(lambda found: texts[found.group()[1:-1]], template)


def _harmless(value: str) -> str:
    """Markers lose their meaning; lone surrogates, which no server takes, become "?"."""
    return _MARKER.sub("< ", value).encode("utf-8", "replace").decode()
