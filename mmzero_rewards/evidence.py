"""Evidence for rewards: responses become pictures, pictures become votes.

`draw` renders what Coders wrote, `judge` asks a frozen Solver about the pictures. Both do each distinct thing once: the
same code is rendered once, the same picture is judged once. Pictures travel as data URLs inside HTTP requests only.

A model failure (no code, code that does not draw, no boxed answer) is a value. So is a prompt that a working server
refuses, usually because a model wrote something too long: its status is `refused_prompt`, a code that was never written
does not draw, and a question that cannot be asked has no answer. An infrastructure failure raises, after retries,
`PeerError` or `RenderEnvError`; whoever calls drops the sample (docs/method.md §2.0 "infrastructure failure").

Not covered: scores (scoring/), and pictures larger than the policy: the peers' processors resize them (peers/).
"""

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from mmzero_env import RenderEnv, RenderEnvError, RenderRequest
from mmzero_rewards.config import NON_ANSWERS
from mmzero_rewards.parsing.responses import FormatError, Proposal, extract_answer, extract_code
from mmzero_rewards.peers.client import PeerClient, PeerError, Sampling
from mmzero_rewards.peers.seeds import request_seed
from mmzero_rewards.prompting import PromptTemplates
from mmzero_rewards.scoring.inputs import Drawing
from mmzero_rewards.scoring.verified import TextView

NO_CODE = "no_code"
REFUSED_PROMPT = "refused_prompt"
RENDER_BACKOFF_S = 0.5
Result = TypeVar("Result")


@dataclass(frozen=True)
class Drawn:
    """What became of one response: `png` is None unless it drew.

    `status`: a RenderStatus in lower case, no_code, or refused_prompt where no response could be had.
    """

    status: str
    code: str | None = None
    language: str = ""
    png: bytes | None = field(default=None, repr=False)
    drawn_text: tuple[str, ...] = ()
    message: str = ""
    answers: tuple[str, ...] = ()  # RenderResult.answers

    @property
    def program(self) -> tuple[str, str] | None:
        """The easy and the hard answer that drawn Python code left, "" for one that it did not leave."""
        if self.png is None or self.language != "python":
            return None
        easy, hard = (*self.answers, "", "")[:2]
        return easy, hard

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> "Drawn":
        """What a rollout worker already rendered: {status, image (path), drawn_text[, code, language, answers]}."""
        image, status = fields.get("image"), str(fields["status"]).lower()
        return cls(
            status=status,
            code=fields.get("code"),
            language=str(fields.get("language") or ""),
            png=Path(image).read_bytes() if image and status == "ok" else None,
            drawn_text=tuple(str(text) for text in fields.get("drawn_text", ())),
            answers=tuple(str(text) for text in fields.get("answers") or ()),
        )


@dataclass(frozen=True)
class Judge:
    """A frozen Solver and how it is asked. `votes` is K; seeds derive from `seed` and what is asked about.

    `text_votes` and `text_tokens`: how often, and how long, it answers from a caption (verify.votes, .max_tokens).
    """

    client: PeerClient
    templates: PromptTemplates
    votes: int = 5
    sampling: Sampling = field(default_factory=lambda: Sampling(1.0, 1.0, 40))
    seed: int = 0
    non_answers: tuple[str, ...] = NON_ANSWERS
    text_votes: int = 5
    text_tokens: int = 512

    async def answers(self, question: str, png: bytes | None = None) -> tuple[str | None, ...]:
        """Boxed answers of K roll-outs, None where there is none; without a picture the Solver answers blind.

        Raises:
            PeerError: the Solver could not be asked, or refuses this question.
        """
        url = None if png is None else data_url(png)
        messages = self.templates.solver_messages(question, url)
        seed = request_seed(self.seed, "judge", question, "" if png is None else digest(png))
        texts = await self.client.chat(messages, self.votes, self.sampling, seed)
        return tuple(extract_answer(text, self.non_answers) for text in texts)

    async def from_caption(self, caption: str, question: str) -> tuple[str | None, ...]:
        """Boxed answers of `text_votes` short roll-outs with the caption in place of the picture.

        All None where the server refuses the prompt, usually because the caption is too long.

        Raises:
            PeerError: the Solver could not be asked.
        """
        sampling = replace(self.sampling, max_tokens=min(self.sampling.max_tokens, self.text_tokens))
        messages = self.templates.caption_messages(caption, question)
        seed = request_seed(self.seed, "caption", caption, question)
        texts = await unless_refused(self.client.chat(messages, self.text_votes, sampling, seed))
        if texts is None:
            return (None,) * self.text_votes
        return tuple(extract_answer(text, self.non_answers) for text in texts)

    async def text_view(self, proposal: Proposal) -> TextView:
        """Both questions of a proposal, asked from its caption at the same time; errors as `from_caption`."""
        questions = (proposal.easy_question, proposal.hard_question)
        easy, hard = await gather_or_cancel(self.from_caption(proposal.caption, question) for question in questions)
        return TextView(easy, hard)


async def draw(
    responses: Sequence[str], env: RenderEnv, languages: Sequence[str] = ("svg",), max_retries: int = 3
) -> list[Drawn]:
    """Render the code in each response; the same code is rendered once.

    Returns:
        One entry per response, in order.
    Raises:
        RenderEnvError: the renderer failed `max_retries` + 1 times.
    """
    requests = [_request(response, languages) for response in responses]
    distinct = {(r.code, r.language): r for r in requests if r is not None}
    results = await gather_or_cancel(_render(request, env, max_retries) for request in distinct.values())
    drawn = dict(zip(distinct, results, strict=True))
    return [Drawn(NO_CODE) if r is None else drawn[r.code, r.language] for r in requests]


async def judge(drawn: Sequence[Drawn], proposal: Proposal, solver: Judge) -> list[Drawing]:
    """Easy and hard votes for each drawing; the same picture is judged once, both questions at the same time.

    Returns:
        One scoring entry per drawing, in order; without votes where nothing was drawn. Where the Solver's server
        refuses a question, all its votes are None and the drawing's status is refused_prompt.
    Raises:
        PeerError: the Solver could not be asked.
    """
    pictures = {digest(one.png): one.png for one in drawn if one.png is not None}
    questions = [(key, question) for key in pictures for question in (proposal.easy_question, proposal.hard_question)]
    asked = await gather_or_cancel(
        unless_refused(solver.answers(question, pictures[key])) for key, question in questions
    )
    votes = [(None,) * solver.votes if answers is None else answers for answers in asked]
    easy, hard = dict(zip(pictures, votes[0::2], strict=True)), dict(zip(pictures, votes[1::2], strict=True))
    refused = {key for (key, _), answers in zip(questions, asked, strict=True) if answers is None}
    drawings = []
    for one in drawn:
        if one.png is None:
            drawings.append(Drawing(rendered=False, status=one.status, drawn_text=one.drawn_text))
            continue
        key = digest(one.png)
        drawings.append(
            Drawing(
                rendered=True,
                easy_votes=easy[key],
                hard_votes=hard[key],
                status=REFUSED_PROMPT if key in refused else one.status,
                drawn_text=one.drawn_text,
                program=one.program,
            )
        )
    return drawings


async def unless_refused(asking: Awaitable[Result]) -> Result | None:
    """What a peer answers, or None where its server refuses the prompt.

    Raises:
        PeerError: the peer could not be asked.
    """
    try:
        return await asking
    except PeerError as error:
        if error.refused:
            return None
        raise


def data_url(png: bytes) -> str:
    """A picture inside a chat message."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def digest(data: bytes) -> str:
    """Content name of a picture."""
    return hashlib.sha256(data).hexdigest()[:32]


async def gather_or_cancel(work: Iterable[Awaitable[Result]]) -> list[Result]:
    """Like asyncio.gather, but the first failure ends the others before it is raised."""
    tasks = [asyncio.ensure_future(item) for item in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _request(response: str, languages: Sequence[str]) -> RenderRequest | None:
    try:
        return extract_code(response, tuple(languages))
    except FormatError:
        return None


async def _render(request: RenderRequest, env: RenderEnv, max_retries: int) -> Drawn:
    for attempt in range(max_retries + 1):
        try:
            result = await env.render_async(request)
            break
        except RenderEnvError:
            if attempt == max_retries:
                raise
            await asyncio.sleep(RENDER_BACKOFF_S * 2**attempt)
    return Drawn(
        status=result.status.name.lower(),
        code=request.code,
        language=request.language,
        png=result.png if result.ok else None,
        drawn_text=tuple(result.text),
        message=result.message,
        answers=tuple(result.answers),
    )
