"""What one row asks of the three roles and the renderer; every answer is plain data for a shard.

A *model failure* (bad format, code that does not draw, no boxed answer) is a value. A prompt that a working server
refuses is one too: it raises PeerError with `refused`, and whoever asked names the outcome `refused_prompt`. An
*infrastructure failure* (any other PeerError, or RenderEnvError, both after retries) becomes `Dropped`: the row is left
out, counted, and asked again when the step is resumed. Anything else is a programming error and raises as it is.
"""

import asyncio
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from mmzero_env import RenderEnvError
from mmzero_env.process.replace import remove_parts, write
from mmzero_rewards.evidence import Drawn, Judge, digest, draw
from mmzero_rewards.parsing.responses import FormatError, Proposal, parse_proposal
from mmzero_rewards.peers.client import PeerError, Sampling
from recipe.mmzero.engine.collect.flow.progress import Progress
from recipe.mmzero.engine.collect.settings import Settings
from recipe.mmzero.settings.folder import StepFolder
from recipe.mmzero.settings.seeds import derive_seed


class ChatClient(Protocol):
    """mmzero_rewards.peers.client.PeerClient, or anything that answers like it."""

    async def chat(self, messages: list[dict[str, Any]], n: int, sampling: Sampling, seed: int) -> list[str]:
        """n texts; PeerError after its own retries."""
        ...


class Counting(Protocol):
    """recipe.mmzero.engine.lengths.PromptLengths, or anything that counts like it."""

    def count(self, prompt: Sequence[Mapping[str, str]], images: Sequence[str | Path] = ()) -> int:
        """Tokens of a training row's prompt."""
        ...


class Dropped(Exception):
    """An infrastructure failure took this row; the message names what failed."""


@dataclass(frozen=True)
class CountedClient:
    """A role's client that reports finished samples and names the role when it fails."""

    client: ChatClient
    role: str
    progress: Progress

    async def chat(self, messages: list[dict[str, Any]], n: int, sampling: Sampling, seed: int) -> list[str]:
        try:
            texts = await self.client.chat(messages, n, sampling, seed)
        except PeerError as error:
            if error.refused and self.role != "proposer":  # its prompts are ours, not a model's
                raise
            raise Dropped(f"{self.role}: {error}") from error
        if len(texts) != n:
            raise Dropped(f"{self.role}: {len(texts)} answers to a request for {n}")
        self.progress.count({"proposer": "proposed", "coder": "coded", "solver": "answered"}[self.role], n)
        return [_storable(text) for text in texts]


class Roles:
    """The pipeline's stages for one row.

    Args:
        clients: role -> ChatClient; only the roles that a step needs.
        render_env: mmzero_env.RenderEnv, or anything with its `render_async`.
        out_dir: pictures go to `out_dir/images`, named by content.
        lengths: counts the tokens of training prompts; None: they are not counted.
    """

    def __init__(
        self,
        stage: str,
        settings: Settings,
        clients: Mapping[str, ChatClient],
        render_env: Any,
        out_dir: Path,
        seed: int,
        iteration: int,
        progress: Progress,
        lengths: Counting | None = None,
    ):
        self.lengths = lengths
        self.stage, self.settings, self.render_env = stage, settings, render_env
        self.out_dir, self.seed, self.iteration, self.progress = out_dir, seed, iteration, progress
        self.clients = {role: CountedClient(client, role, progress) for role, client in clients.items()}
        pictures = StepFolder(out_dir).pictures
        pictures.mkdir(parents=True, exist_ok=True)
        remove_parts(pictures)  # of a killed attempt

    def derive(self, use: str, index: int) -> int:
        return derive_seed(self.seed, self.iteration, f"{self.stage}/{use}", index)

    async def propose(self, index: int) -> dict[str, Any]:
        """A fresh proposal: the row's record, with `reject` set if it cannot be used."""
        settings = self.settings
        topic, seed = settings.topics[index % len(settings.topics)], self.derive("propose", index)
        messages = settings.templates.proposer_messages(topic)
        (text,) = await self.clients["proposer"].chat(messages, 1, settings.propose, seed)
        record: dict[str, Any] = {
            "index": index,
            "proposal_id": f"{self.iteration:02d}-{self.stage.removeprefix('collect_')}-{index:06d}",
            "topic": topic,
            "seed": seed,
            "raw_text": text,
            "proposal": None,
            "reject": "",
            "drawings": [],
        }
        try:
            record["proposal"] = asdict(parse_proposal(text, settings.rewards.proposer))
        except FormatError as error:
            record["reject"] = format_reason(error)
        return record

    async def code(self, record: Mapping[str, Any], samples: int) -> list[dict[str, Any]]:
        """`samples` codes for a proposal, each drawn; `status` is a RenderStatus in lower case, or no_code."""
        settings, seed = self.settings, self.derive("code", record["index"])
        messages = settings.templates.coder_messages(Proposal(**record["proposal"]), settings.prompt_fields)
        responses = await self.clients["coder"].chat(messages, samples, settings.code, seed)
        languages = tuple(settings.rewards.coder.languages)
        try:
            drawn = await draw(responses, self.render_env, languages, settings.max_retries)
        except RenderEnvError as error:
            raise Dropped(f"renderer: {error}") from error
        self.progress.count("drawn", len(drawn))
        return await asyncio.to_thread(self._drawings, record["proposal_id"], responses, drawn)

    async def prompt_tokens(self, prompt: list[dict[str, str]], images: Sequence[Path] = ()) -> int | None:
        """Length of a training row's prompt, None where it is not counted."""
        return None if self.lengths is None else await asyncio.to_thread(self.lengths.count, prompt, images)

    def judge(self, index: int, votes: int, sampling: Sampling) -> Judge:
        """The Solver with this row's seed."""
        return Judge(
            client=self.clients["solver"],
            templates=self.settings.templates,
            votes=votes,
            sampling=sampling,
            seed=self.derive("judge", index),
            non_answers=tuple(self.settings.rewards.solver.non_answers),
            text_votes=self.settings.rewards.verify.votes,
            text_tokens=self.settings.rewards.verify.max_tokens,
        )

    def _drawings(self, proposal_id: str, responses: Sequence[str], drawn: Sequence[Drawn]) -> list[dict[str, Any]]:
        entries = []
        for sample, (response, one) in enumerate(zip(responses, drawn, strict=True)):
            width, height = png_size(one.png) if one.png else (0, 0)
            entries.append(
                {
                    "code_id": f"{proposal_id}-{sample}",
                    "response": response,
                    "language": one.language,
                    "status": one.status,
                    "width": width,
                    "height": height,
                    "image": self._save(one.png) if one.png else None,
                    "image_bytes": len(one.png) if one.png else 0,
                    "drawn_text": [_storable(text) for text in one.drawn_text],
                    "answers": [_storable(text) for text in one.answers],
                }
            )
        return entries

    def _save(self, png: bytes) -> str:
        """Store a picture once; returns its path relative to the step."""
        name = f"images/{digest(png)}.png"
        target = self.out_dir / name
        if not target.exists() or target.stat().st_size != len(png):
            write(target, png, shared=True)  # two rows may draw the same picture at the same time
        return name


def too_long(record: Mapping[str, Any], settings: Settings) -> str:
    """`prompt_too_long` for a row whose training prompt has more tokens than its role may read, else ""."""
    tokens, limit = record.get("prompt_tokens"), settings.max_prompt_tokens
    return "prompt_too_long" if tokens and limit and tokens > limit else ""


def pictures_exist(out_dir: Path, record: Mapping[str, Any]) -> bool:
    """Are all pictures of a stored row still there, whole? (Pictures are not synced; a power cut may empty them.)"""
    for drawing in record["drawings"]:
        if drawing["image"] is not None:
            try:
                if (out_dir / drawing["image"]).stat().st_size != drawing["image_bytes"]:
                    return False
            except FileNotFoundError:
                return False
    return True


def png_size(png: bytes) -> tuple[int, int]:
    """(width, height) in pixels, from the header."""
    return struct.unpack(">II", png[16:24])


def format_reason(error: FormatError) -> str:
    """Countable name of a format error.

    >>> format_reason(FormatError("<hard_answer> is missing"))
    'format_hard_answer_is_missing'
    """
    return "format_" + re.sub(r"[^a-z0-9]+", "_", str(error).lower()).strip("_")[:60]


def _storable(text: str) -> str:
    """Text that UTF-8 and parquet can hold: lone surrogates, which a JSON reply may carry, become "?"."""
    return text.encode("utf-8", "replace").decode()
