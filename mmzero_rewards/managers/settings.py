"""What the reward managers read from verl's config, `reward.reward_kwargs`, typed; an unknown key fails by name.

    preset: default | paper | verified
    scoring: {proposer: .., coder: .., solver: .., grading: .., checks: .., verify: ..}
    peers:
      coder:  {addresses: [host:port], model: null, samples: 4, sampling: {temperature, top_p, top_k, max_tokens}}
      solver: {base_url: http://host:port/v1, model: null, votes: 5, sampling: {..}, max_concurrency: 64}
    render: {..RenderConfig keys..}  prompts: {..PromptTemplates keys..}  prompt_fields: [caption, ..]
    image: {min_pixels, max_pixels}  failures: {max_retries, timeout_s}   seed: 0   dump_dir: null

Every key is optional. Units: seconds, pixels, tokens. Sampling defaults are the method's (docs/method.md §2.2, §2.3).
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mmzero_env import RenderConfig
from mmzero_env.config.hints import nearest
from mmzero_env.config.ranges import RULE, items_rule, number, number_rule, text, text_rule, whole
from mmzero_rewards.config import RewardConfig
from mmzero_rewards.peers.address import no_address
from mmzero_rewards.peers.client import PeerClient, Sampling
from mmzero_rewards.prompting import PROMPT_FIELDS, PromptTemplates

WHERE = "reward.reward_kwargs"
# Settings that are no block of their own; null, and a key that is left out, is the default.
SINGLE = {
    "prompt_fields": items_rule(text_rule(), 1, distinct=True),
    "seed": number_rule(0, 2**63 - 1, whole=True),
    "dump_dir": text_rule("a folder", path=True),
}
COUNT = {"coder": "samples", "solver": "votes"}  # how often a peer is asked; the other one's count says nothing of it


@dataclass(frozen=True)
class PeerConfig:
    """One frozen peer. `samples` (N) is a coder's, `votes` (K) a solver's.

    `addresses_file` holds one address a line, in place of `addresses`, and is read at the first request: for servers
    that start after the reward workers. `api_key_env` names the environment variable that holds a bearer token.
    `sampling.top_k: null` keeps vLLM's extensions out of the requests, for servers that refuse them.
    """

    addresses: tuple[str, ...]
    model: str | None = text("a model's name", null=True, default=None)
    sampling: Sampling = field(default_factory=Sampling)
    samples: int = whole(1, default=4)
    votes: int = whole(1, default=5)
    max_concurrency: int = whole(1, default=64)
    api_key_env: str | None = text("the name of an environment variable", null=True, default=None)
    addresses_file: str | None = text("a file of addresses", null=True, path=True, default=None)


@dataclass(frozen=True)
class FailureConfig:
    """`max_retries` per request; `timeout_s` bounds one request with all its retries."""

    max_retries: int = whole(0, 100, default=3)
    timeout_s: float = number(above=0, default=600.0)


@dataclass(frozen=True)
class ImageConfig:
    """Picture size policy; None leaves it to the serving engine."""

    min_pixels: int | None = whole(1, also=(None,), default=None)
    max_pixels: int | None = whole(1, also=(None,), default=None)

    def __post_init__(self):
        if self.min_pixels and self.max_pixels and self.min_pixels > self.max_pixels:
            raise ValueError(
                f"{WHERE}.image.min_pixels={self.min_pixels} is larger than image.max_pixels={self.max_pixels}"
            )

    def limits(self) -> dict[str, int]:
        return {item.name: int(getattr(self, item.name)) for item in fields(self) if getattr(self, item.name)}


DEFAULT_SAMPLING = {"coder": Sampling(0.7, 0.95, 40), "solver": Sampling(1.0, 1.0, 40)}


@dataclass(frozen=True)
class ManagerConfig:
    """Everything a manager needs besides the row."""

    rewards: RewardConfig = field(default_factory=RewardConfig)
    render: RenderConfig = field(default_factory=RenderConfig)
    peers: Mapping[str, PeerConfig] = field(default_factory=dict)
    prompts: PromptTemplates = field(default_factory=PromptTemplates.default)
    prompt_fields: tuple[str, ...] = PROMPT_FIELDS
    image: ImageConfig = field(default_factory=ImageConfig)
    failures: FailureConfig = field(default_factory=FailureConfig)
    seed: int = 0
    dump_dir: Path | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | None, needs: Sequence[str] = ()) -> "ManagerConfig":
        """Parse plain configuration.

        Args:
            values: `reward.reward_kwargs` as a plain mapping, or None.
            needs: peers that this manager asks ("coder", "solver").
        Raises:
            ValueError: unknown key (with the nearest valid one), bad value, a needed peer without an address, or a
                Coder's template that does not fit `prompt_fields`.
        """
        values = _mapping(values, WHERE)
        known = (
            "preset",
            "scoring",
            "render",
            "peers",
            "prompts",
            "prompt_fields",
            "image",
            "failures",
            "seed",
            "dump_dir",
        )
        _check_keys(values, known, WHERE)
        peers = _section(values, "peers")
        _check_keys(peers, tuple(DEFAULT_SAMPLING), f"{WHERE}.peers")
        for key, rule in SINGLE.items():
            if values.get(key) is not None and (problem := rule.problem(f"{WHERE}.{key}", values[key])):
                raise ValueError(problem)
        parsed = {role: _peer(role, peers[role]) for role in needs if role in peers}
        for role in needs:
            if role not in parsed or not (parsed[role].addresses or parsed[role].addresses_file):
                raise ValueError(
                    f"{WHERE}.peers.{role} has no address; set {WHERE}.peers.{role}.base_url=http://HOST:PORT/v1 "
                    "(or .addresses=[HOST:PORT,...])"
                )
        dump_dir = values.get("dump_dir")
        prompts = PromptTemplates.from_dict(_section(values, "prompts"))
        prompt_fields = tuple(values.get("prompt_fields") or PROMPT_FIELDS)
        if "coder" in needs:
            prompts.check_fields(prompt_fields)
        return cls(
            rewards=RewardConfig.preset(str(values.get("preset") or "default"), _section(values, "scoring")),
            render=_typed(RenderConfig, _section(values, "render"), f"{WHERE}.render"),
            peers=parsed,
            prompts=prompts,
            prompt_fields=prompt_fields,
            image=_typed(ImageConfig, _section(values, "image"), f"{WHERE}.image"),
            failures=_typed(FailureConfig, _section(values, "failures"), f"{WHERE}.failures"),
            seed=int(values.get("seed") or 0),
            dump_dir=Path(dump_dir).expanduser() if dump_dir else None,
        )

    def client(self, role: str) -> PeerClient:
        """The HTTP client of one peer."""
        peer = self.peers[role]
        return PeerClient(
            Path(peer.addresses_file).expanduser().read_text(encoding="utf-8").split()
            if peer.addresses_file
            else peer.addresses,
            peer.model,
            timeout_s=float(self.failures.timeout_s),
            max_retries=int(self.failures.max_retries),
            max_concurrency=int(peer.max_concurrency),
            name=role,
            api_key=os.environ.get(peer.api_key_env) if peer.api_key_env else None,
            image=self.image.limits(),
        )


def _peer(role: str, given: Any) -> PeerConfig:
    where = f"{WHERE}.peers.{role}"
    values = _mapping(given, where)
    _check_keys(values, ("base_url", *(item.name for item in fields(PeerConfig))), where)
    for other, count in COUNT.items():
        if other != role and count in values:
            raise ValueError(f"{where}.{count} is a {other}'s; a {role} has {where}.{COUNT[role]}")
    base_url = values.pop("base_url", None)
    addresses = values.pop("addresses", None) or ()
    if base_url and addresses:
        raise ValueError(f"{where}: give base_url or addresses, not both")
    if (base_url or addresses) and values.get("addresses_file"):
        raise ValueError(f"{where}: addresses_file stands in place of base_url and addresses; give one")
    base = DEFAULT_SAMPLING[role]
    sampling = {item.name: getattr(base, item.name) for item in fields(Sampling)}
    sampling |= _mapping(values.pop("sampling", None), f"{where}.sampling")
    texts = (base_url,) if base_url else addresses if isinstance(addresses, list | tuple) else (addresses,)
    for address in texts:
        if problem := no_address(address):
            raise ValueError(f"{where}: {problem}")
    peer = _typed(
        PeerConfig,
        values | {"addresses": tuple(map(str, texts)), "sampling": _typed(Sampling, sampling, f"{where}.sampling")},
        where,
    )
    if peer.api_key_env and not os.environ.get(peer.api_key_env):
        raise ValueError(f"{where}.api_key_env={peer.api_key_env}: that variable is not set")
    return peer


def _mapping(value: Any, where: str) -> dict[str, Any]:
    """A block of settings; null is an empty one."""
    if value is not None and not isinstance(value, Mapping):
        raise ValueError(f"{where} must be a mapping, got {value!r}")
    return dict(value or {})


def _section(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    return _mapping(values.get(key), f"{WHERE}.{key}")


def _typed(cls: type, values: Mapping[str, Any], where: str) -> Any:
    """`cls` of these values, each of which is what its field declares."""
    _check_keys(values, tuple(item.name for item in fields(cls)), where)
    for item in fields(cls):
        rule = item.metadata.get(RULE)
        if rule and item.name in values and (problem := rule.problem(f"{where}.{item.name}", values[item.name])):
            raise ValueError(problem)
    return cls(**values)


def _check_keys(values: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in values:
        if key not in known:
            found = nearest(f"{where}.{key}", [f"{where}.{name}" for name in known])
            hint = f"did you mean '{found}'?" if found else f"valid keys: {', '.join(known)}"
            raise ValueError(f"unknown key '{where}.{key}'; {hint}")
