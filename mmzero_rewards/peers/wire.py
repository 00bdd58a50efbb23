"""What goes over the wire to a peer: sampling settings out, texts of a chat completion back.

Part of client.py, which has the contract. Not covered: streaming, tool calls, log-probabilities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmzero_env.config.ranges import declare, whole
from mmzero_rewards.config import TEMPERATURE, TOP_P
from mmzero_rewards.peers.address import REFUSALS, Address, Fault


@dataclass(frozen=True)
class Sampling:
    """How a peer samples. `top_k` None leaves vLLM's extensions out of the request (for strict OpenAI servers).

    priority: lower is served earlier, by a vLLM server that schedules by priority; 0 is not sent, others refuse it.
    """

    temperature: float = declare(TEMPERATURE, 1.0)
    top_p: float = declare(TOP_P, 1.0)
    top_k: int | None = whole(1, also=(-1, 0, None), default=None)
    max_tokens: int = whole(1, default=4096)
    priority: int = whole(default=0)

    def body(self) -> dict[str, Any]:
        """The sampling fields of a request."""
        fields = {"temperature": self.temperature, "top_p": self.top_p, "max_tokens": self.max_tokens}
        if self.top_k is not None:
            # A server otherwise fills these from the model's generation_config.json; roll-outs in training use these.
            fields |= {"top_k": self.top_k if self.top_k > 0 else -1, "min_p": 0.0, "repetition_penalty": 1.0}
        if self.priority:
            fields["priority"] = self.priority
        return fields


def has_picture(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Does any message carry a picture?"""
    contents = [message["content"] for message in messages if not isinstance(message["content"], str)]
    return any(part["type"] == "image_url" for parts in contents for part in parts)


def texts_of(answer: Any, n: int, address: Address) -> list[str] | Fault:
    """Texts of a chat completion; an answer of another shape is a fault of the server, not of the model."""
    try:
        choices = sorted(answer["choices"], key=lambda choice: choice.get("index", 0))
        texts = [choice["message"]["content"] or "" for choice in choices]
        aborted = any(choice.get("finish_reason") == "abort" for choice in choices)
    except (KeyError, TypeError, AttributeError) as error:
        return Fault("malformed", f"not a chat completion ({type(error).__name__}: {error})", address)
    if aborted:  # vLLM ends a request like this when it shuts down or pauses
        return Fault("aborted", "the server aborted the request", address)
    if len(texts) != n:
        return Fault("malformed", f"{len(texts)} answers instead of {n}", address)
    return texts


def choices_of(answer: Any, n: int, address: Address) -> list[tuple[str, str]] | Fault:
    """As `texts_of`, each text with why it ended: `stop`, or `length` where max_tokens cut it."""
    texts = texts_of(answer, n, address)
    if isinstance(texts, Fault):
        return texts
    choices = sorted(answer["choices"], key=lambda choice: choice.get("index", 0))
    return [(text, str(choice.get("finish_reason"))) for text, choice in zip(texts, choices, strict=True)]


def fault_of(status: int, said: str, retry_after: str, address: Address) -> Fault:
    """What an HTTP status other than 200 means: 5xx, 408, 425 and 429 may pass, anything else is final."""
    passing = status >= 500 or status in (408, 425, 429)
    return Fault(
        f"http_{status}",
        f"HTTP {status}: {said[:200]}".replace("\n", " "),
        address,
        final=not passing,
        refused=status in REFUSALS,
        after_s=min(60.0, float(retry_after)) if retry_after.isdigit() else 0.0,
    )
