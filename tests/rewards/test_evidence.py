"""Drawings and votes: each distinct thing once, model failures as values, infrastructure failures as errors."""

import asyncio
from types import SimpleNamespace

import pytest

from mmzero_env import RenderEnvError
from mmzero_rewards import evidence
from mmzero_rewards.evidence import Drawn, Judge, draw, judge
from mmzero_rewards.parsing.responses import Proposal
from mmzero_rewards.peers.client import PeerClient, PeerError
from mmzero_rewards.peers.seeds import request_seed
from mmzero_rewards.prompting import PromptTemplates
from tests.support.fault_server import FaultServer, has_picture, picture_in, png, question_of, serve

PROPOSAL = Proposal("geometry", "a red square", "What colour?", "red", "How many corners?", "4")
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="{}" height="9"/></svg>'


def fenced(width: int) -> str:
    return f"```svg\n{SVG.format(width)}\n```"


class FakeEnv:
    """A renderer that draws everything but `bad` code and loses its workers the first `losses` times."""

    def __init__(self, losses: int = 0):
        self.calls, self.losses = [], losses

    async def render_async(self, request):
        self.calls.append(request.code)
        if self.losses:
            self.losses -= 1
            raise RenderEnvError("workers lost")
        ok = "bad" not in request.code
        status = SimpleNamespace(name="OK" if ok else "SYNTAX_ERROR")
        # The picture depends on the first digit only: different codes may draw the same picture.
        shade = int(request.code.split('width="')[2][0]) * 20 if ok else 0
        picture = png((shade, 0, 0)) if ok else None
        return SimpleNamespace(
            status=status, ok=ok, png=picture, text=("7",), message="" if ok else "unclosed", answers=()
        )


def answer_by_picture(body: dict) -> list[str]:
    """\\boxed{...} around question kind and picture; the last roll-out does not answer."""
    kind = "easy" if question_of(body).startswith("What colour?") else "hard"
    seen = evidence.digest(picture_in(body))[:6] if has_picture(body) else "blind"
    return [rf"\boxed{{{kind}-{seen}}}"] * (body["n"] - 1) + ["no idea"]


async def judged(server: FaultServer, drawn, votes: int = 3):
    async with serve(server), PeerClient([server.url], "m", backoff_base_s=0.0) as client:
        return await judge(drawn, PROPOSAL, Judge(client, PromptTemplates.default(), votes=votes))


def test_each_code_is_rendered_once_and_order_is_kept():
    env = FakeEnv()
    drawn = asyncio.run(draw([fenced(5), "no code at all", fenced(6), fenced(5)], env))
    assert [one.status for one in drawn] == ["ok", "no_code", "ok", "ok"]
    assert len(env.calls) == 2 and drawn[0] == drawn[3] != drawn[2]
    assert drawn[1].png is None and drawn[0].drawn_text == ("7",)


def test_code_that_does_not_draw_is_a_value():
    (one,) = asyncio.run(draw(["```svg\n<svg>bad</svg>\n```"], FakeEnv()))
    assert one.status == "syntax_error" and one.png is None and one.message == "unclosed"


def test_python_needs_permission():
    text = "```python\nbad\n```"
    assert asyncio.run(draw([text], FakeEnv()))[0].status == "no_code"
    (one,) = asyncio.run(draw([text], FakeEnv(), ("svg", "python")))
    assert one.language == "python" and one.status == "syntax_error"


def test_lost_workers_are_retried_then_raised(monkeypatch):
    monkeypatch.setattr(evidence, "RENDER_BACKOFF_S", 0.0)
    assert asyncio.run(draw([fenced(5)], FakeEnv(losses=2), max_retries=2))[0].status == "ok"
    with pytest.raises(RenderEnvError):
        asyncio.run(draw([fenced(5)], FakeEnv(losses=3), max_retries=2))


def test_same_picture_is_judged_once_with_both_questions():
    server = FaultServer(answer_by_picture)
    drawn = asyncio.run(draw([fenced(50), fenced(51), fenced(60), "none"], FakeEnv()))
    assert drawn[0].png == drawn[1].png and drawn[0].code != drawn[1].code
    drawings = asyncio.run(judged(server, drawn))
    assert len(server.bodies) == 4, "two distinct pictures x two questions"
    assert drawings[0].easy_votes == drawings[1].easy_votes != drawings[2].easy_votes
    first = evidence.digest(drawn[0].png)[:6]
    assert drawings[0].easy_votes == (f"easy-{first}", f"easy-{first}", None)
    assert drawings[0].hard_votes == (f"hard-{first}", f"hard-{first}", None)
    assert not drawings[3].rendered and drawings[3].easy_votes == () and drawings[3].status == "no_code"


def test_each_request_carries_its_picture_once():
    server = FaultServer(answer_by_picture)
    asyncio.run(judged(server, [Drawn("ok", "c", "svg", png())], votes=5))
    for body in server.bodies:
        assert body["n"] == 5 and str(body["messages"]).count("data:image/png;base64,") == 1
        assert picture_in(body) == png()


def test_nothing_drawn_asks_nobody():
    server = FaultServer(answer_by_picture)
    assert [one.rendered for one in asyncio.run(judged(server, [Drawn("no_code"), Drawn("blank")]))] == [False, False]
    assert not server.bodies


def test_unreachable_solver_raises_and_invents_nothing():
    with pytest.raises(PeerError, match="peer peer at http://127"):
        asyncio.run(judged(FaultServer(answer_by_picture, error=1.0), [Drawn("ok", "c", "svg", png())]))


def test_already_rendered(tmp_path):
    (tmp_path / "x.png").write_bytes(png())
    one = Drawn.from_fields({"status": "OK", "image": str(tmp_path / "x.png"), "drawn_text": ["a"]})
    assert one.png == png() and one.status == "ok" and one.drawn_text == ("a",)
    assert Drawn.from_fields({"status": "TIMEOUT", "image": None}).png is None


def test_seeds_depend_on_everything_and_on_nothing_else():
    seeds = {request_seed(*key) for key in [(0, "a"), (1, "a"), (0, "b"), (0, "a", "b"), (0, "ab")]}
    assert len(seeds) == 5 and all(0 <= seed < 2**31 for seed in seeds)
    assert request_seed(0, "a\ud800") == request_seed(0, "a\ud800")  # lone surrogates do not raise
