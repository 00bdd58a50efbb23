"""A small OpenAI-compatible server on loopback that drops, fails and hangs on purpose. Used by tests and the bench."""

import asyncio
import base64
import hashlib
import io
import random
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from PIL import Image


@dataclass
class FaultServer:
    """Answers `reply(body) -> n texts` after `latency_s`, except for the given shares of requests."""

    reply: Callable[[dict], list[str]]
    drop: float = 0.0
    error: float = 0.0
    hang: float = 0.0
    latency_s: float = 0.0
    model: str = "tiny"
    seed: int = 0
    seen: Counter = field(default_factory=Counter)
    bodies: list = field(default_factory=list)
    most_at_once: int = 0
    url: str = ""

    def __post_init__(self):
        self.rng = random.Random(self.seed)
        self.at_once = 0

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            dice = self.rng.random()
            if dice < self.drop:
                self.seen["drop"] += 1
                request.transport.abort()
                return web.Response()
            if dice < self.drop + self.error:
                self.seen["error"] += 1
                return web.Response(status=500, text="injected")
            if dice < self.drop + self.error + self.hang:
                self.seen["hang"] += 1
                await asyncio.sleep(3600)
            await asyncio.sleep(self.latency_s)
            self.seen["ok"] += 1
            choices = [
                {"index": index, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
                for index, text in enumerate(self.reply(body))
            ]
            return web.json_response({"object": "chat.completion", "choices": choices})
        finally:
            self.at_once -= 1

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": self.model}]})


@asynccontextmanager
async def serve(server: FaultServer, port: int = 0):
    """Run the server on `port`, 0: one of the system's choice; sets `server.url`."""
    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/v1/chat/completions", server.chat)
    app.router.add_get("/v1/models", server.models)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    server.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def dead_address() -> str:
    """An address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def question_of(body: dict) -> str:
    """The text of the last user message."""
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else next(part["text"] for part in content if part["type"] == "text")


def has_picture(body: dict) -> bool:
    content = body["messages"][-1]["content"]
    return not isinstance(content, str) and any(part["type"] == "image_url" for part in content)


def echo(body: dict) -> list[str]:
    """n texts that depend on everything in the request: what a judge says can be recomputed from what it was asked."""
    mark = hashlib.sha256(f"{body['messages']}{body.get('seed')}".encode()).hexdigest()[:12]
    return [f"{mark}-{index}" for index in range(body.get("n", 1))]


def png(colour=(255, 0, 0), size=(64, 64)) -> bytes:
    out = io.BytesIO()
    image = Image.new("RGB", size, "white")
    image.paste(colour, (8, 8, size[0] // 2, size[1] // 2))
    image.save(out, "PNG")
    return out.getvalue()


def picture_in(body: dict) -> bytes:
    url = next(part["image_url"]["url"] for part in body["messages"][-1]["content"] if part["type"] == "image_url")
    return base64.b64decode(url.split(",", 1)[1])
