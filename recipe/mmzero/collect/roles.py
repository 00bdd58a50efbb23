"""What one row asks of the three roles and the renderer; every answer is plain data for a shard.

A *model failure* (bad format, code that does not draw, no boxed answer) is a value. An *infrastructure failure*
(PeerError after the client's retries, RenderEnvError after ours) raises `Dropped`: the row is left out, counted, and
asked again when the step is resumed. Anything else is a programming error and raises as it is.
"""

import asyncio
import base64
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from mmzero_env import RenderEnvError
from mmzero_rewards.parsing import FormatError, Proposal, extract_answer, extract_code, parse_proposal
from mmzero_rewards.peers import PeerError, Sampling
from recipe.mmzero.collect.progress import Progress
from recipe.mmzero.collect.settings import Settings
from recipe.mmzero.seeds import derive_seed

RENDER_BACKOFF_S = 0.5


class ChatClient(Protocol):
    """mmzero_rewards.peers.PeerClient, or anything that answers like it."""

    async def chat(self, messages: list[dict[str, Any]], n: int, sampling: Sampling, seed: int) -> list[str]:
        """n texts; PeerError after its own retries."""
        ...


class Dropped(Exception):
    """An infrastructure failure took this row; the message names what failed."""


class Roles:
    """The pipeline's stages for one row.

    Args:
        clients: role -> ChatClient; only the roles that a step needs.
        render_env: mmzero_env.RenderEnv, or anything with its `render_async`.
        out_dir: pictures go to `out_dir/images`, named by content.
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
    ):
        self.stage, self.settings, self.clients, self.render_env = stage, settings, clients, render_env
        self.out_dir, self.seed, self.iteration, self.progress = out_dir, seed, iteration, progress
        (out_dir / "images").mkdir(parents=True, exist_ok=True)

    def derive(self, use: str, index: int, sample: int = 0) -> int:
        return derive_seed(self.seed, self.iteration, f"{self.stage}/{use}", index, sample)

    async def propose(self, index: int) -> dict[str, Any]:
        """A fresh proposal: the row's record with `reject` set if it cannot be used."""
        settings = self.settings
        topic, seed = settings.topics[index % len(settings.topics)], self.derive("propose", index)
        (text,) = await self._chat("proposer", settings.templates.proposer_messages(topic), 1, settings.propose, seed)
        record: dict[str, Any] = {
            "index": index,
            "proposal_id": f"{self.iteration:02d}-{self.stage.removeprefix('collect_')}-{index:06d}",
            "topic": topic,
            "seed": seed,
            "raw_text": _storable(text),
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
        """`samples` codes for a proposal, each drawn; every entry has `status` (a RenderStatus name or NO_CODE)."""
        settings, index = self.settings, record["index"]
        messages = settings.templates.coder_messages(Proposal(**record["proposal"]), settings.prompt_fields)
        responses = await self._chat("coder", messages, samples, settings.code, self.derive("code", index))
        drawings = [self._draw(record, sample, response) for sample, response in enumerate(responses)]
        return list(await gather_or_cancel(drawings))

    async def answers(
        self, question: str, image: Path | None, votes: int, sampling: Sampling, seed: int
    ) -> list[str | None]:
        """Boxed answers of `votes` roll-outs, None where there is none; without `image` the Solver answers blind."""
        url = await asyncio.to_thread(_data_url, image) if image is not None else None
        messages = self.settings.templates.solver_messages(question, url)
        texts = await self._chat("solver", messages, votes, sampling, seed)
        answers = [extract_answer(text, self.settings.rewards.solver.non_answers) for text in texts]
        return [answer if answer is None else _storable(answer) for answer in answers]

    async def _draw(self, record: Mapping[str, Any], sample: int, response: str) -> dict[str, Any]:
        drawing: dict[str, Any] = {
            "code_id": f"{record['proposal_id']}-{sample}",
            "response": _storable(response),
            "language": None,
            "status": "NO_CODE",
            "width": 0,
            "height": 0,
            "image": None,
            "image_bytes": 0,
            "drawn_text": [],
        }
        try:
            request = extract_code(response, tuple(self.settings.rewards.coder.languages))
        except FormatError:
            return drawing
        result = await self._render(request)
        drawing |= {
            "language": request.language,
            "status": result.status.name,
            "drawn_text": [_storable(text) for text in result.text],
        }
        if result.ok:
            image = await asyncio.to_thread(self._save, result.png)
            drawing |= {
                "width": result.width,
                "height": result.height,
                "image": image,
                "image_bytes": len(result.png),
            }
        return drawing

    async def _render(self, request: Any) -> Any:
        attempts = self.settings.max_retries + 1
        for attempt in range(attempts):
            try:
                result = await self.render_env.render_async(request)
                self.progress.count("drawn")
                return result
            except RenderEnvError as error:
                if attempt + 1 == attempts:
                    raise Dropped(f"renderer: {error}") from error
                await asyncio.sleep(RENDER_BACKOFF_S * 2**attempt)
        raise AssertionError("unreachable")

    async def _chat(self, role: str, messages: Any, n: int, sampling: Sampling, seed: int) -> list[str]:
        try:
            texts = await self.clients[role].chat(messages, n, sampling, seed)
        except PeerError as error:
            raise Dropped(f"{role}: {error}") from error
        if len(texts) != n:
            raise Dropped(f"{role}: {len(texts)} answers for a request of {n}")
        self.progress.count({"proposer": "proposed", "coder": "coded", "solver": "answered"}[role], n)
        return list(texts)

    def _save(self, png: bytes) -> str:
        """Store a picture once; returns its path relative to the step."""
        name = f"images/{hashlib.sha256(png).hexdigest()[:32]}.png"
        target = self.out_dir / name
        if not target.exists() or target.stat().st_size != len(png):
            # Two rows may draw the same picture at the same time: each has its own temporary file.
            temporary = target.with_name(f"{target.stem}.{os.getpid()}.{id(png):x}.part")
            temporary.write_bytes(png)
            os.replace(temporary, target)
        return name


def pictures_exist(out_dir: Path, record: Mapping[str, Any]) -> bool:
    """Are all pictures of a stored row still there, whole? (Pictures are not synced; a power cut may empty them.)"""
    for drawing in record.get("drawings", ()):
        if drawing["image"] is not None:
            try:
                if (out_dir / drawing["image"]).stat().st_size != drawing["image_bytes"]:
                    return False
            except FileNotFoundError:
                return False
    return True


def format_reason(error: FormatError) -> str:
    """Countable name of a format error.

    >>> format_reason(FormatError("<hard_answer> is missing"))
    'format_hard_answer_is_missing'
    """
    return "format_" + re.sub(r"[^a-z0-9]+", "_", str(error).lower()).strip("_")[:60]


async def gather_or_cancel(work: Sequence[Any]) -> list[Any]:
    """Like asyncio.gather, but the first failure ends the others before it is raised."""
    tasks = [asyncio.ensure_future(item) for item in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _data_url(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _storable(text: str) -> str:
    """Text that UTF-8 and parquet can hold: lone surrogates, which a JSON reply may carry, become "?"."""
    return text.encode("utf-8", "replace").decode() if any("\ud800" <= c <= "\udfff" for c in text) else text
