"""Asking the frozen peers: an async client for OpenAI-compatible servers, its retries, addresses and wire format."""

from mmzero_rewards.peers.address import PeerError
from mmzero_rewards.peers.client import PeerClient
from mmzero_rewards.peers.wire import Sampling

__all__ = ["PeerClient", "PeerError", "Sampling"]
