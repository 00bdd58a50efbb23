"""`reward.reward_kwargs` of somebody's own verl recipe: what is wrong is one line that names the key, before any row.

`WRONG` lists kwargs that were taken as they stood and failed in the middle of a step, as dropped samples or never.
"""

import pytest

from mmzero_rewards.managers.settings import ManagerConfig
from mmzero_rewards.peers.address import base_url


def solver(**settings):
    return {"peers": {"solver": {"addresses": ["judge:8000"]} | settings}}


WRONG = [
    (solver(votes=0), "peers.solver.votes must be a whole number of at least 1, got 0"),
    (solver(votes="5"), "peers.solver.votes must be a whole number of at least 1, got '5'"),
    (solver(votes=2.5), "peers.solver.votes must be a whole number"),
    (solver(samples=7), "peers.solver.samples is a coder's; a solver has reward.reward_kwargs.peers.solver.votes"),
    (solver(max_concurrency=0), "peers.solver.max_concurrency must be a whole number of at least 1"),
    (solver(model=""), "peers.solver.model must be a model's name, or null"),
    (solver(sampling={"temperature": -1}), "peers.solver.sampling.temperature must be a number from 0 to 10"),
    (solver(sampling={"temperature": "hot"}), "sampling.temperature must be a number"),
    (solver(sampling={"top_p": 2}), "sampling.top_p must be a number above 0 and at most 1"),
    (solver(sampling={"top_k": 1.5}), "sampling.top_k must be a whole number"),
    (solver(sampling={"max_tokens": 0}), "sampling.max_tokens must be a whole number of at least 1"),
    (solver(sampling=3), "peers.solver.sampling must be a mapping, got 3"),
    (solver(api_key_env="MMZERO_TEST_NO_KEY"), "api_key_env=MMZERO_TEST_NO_KEY: that variable is not set"),
    ({"peers": {"solver": "http://judge:8000/v1"}}, "peers.solver must be a mapping, got 'http://judge:8000/v1'"),
    ({"peers": {"solver": {"base_url": "ftp://judge"}}}, "peers.solver: peer address 'ftp://judge' is not host:port"),
    ({"peers": {"solver": {"base_url": "http://judge:99999/v1"}}}, "peer address 'http://judge:99999/v1'"),
    ({"peers": {"solver": {"base_url": 5}}}, "peers.solver: peer address 5 is not host:port"),
    ({"peers": {"solver": {"addresses": 5}}}, "peers.solver: peer address 5 is not host:port"),
    (solver() | {"failures": {"timeout_s": 0}}, "failures.timeout_s must be a number above 0, got 0"),
    (solver() | {"failures": {"timeout_s": None}}, "failures.timeout_s must be a number above 0, got None"),
    (solver() | {"failures": {"max_retries": "3"}}, "failures.max_retries must be a whole number from 0 to 100"),
    (solver() | {"image": {"min_pixels": -1}}, "image.min_pixels must be a whole number of at least 1, or null"),
    (solver() | {"image": {"min_pixels": 9, "max_pixels": 4}}, "image.min_pixels=9 is larger than image.max_pixels=4"),
    (solver() | {"seed": "x"}, "reward.reward_kwargs.seed must be a whole number"),
    (solver() | {"seed": 1.5}, "reward.reward_kwargs.seed must be a whole number"),
    (solver() | {"seed": -1}, "reward.reward_kwargs.seed must be a whole number"),
    (solver() | {"dump_dir": 5}, "reward.reward_kwargs.dump_dir must be a folder, got 5"),
    (solver() | {"prompt_fields": "caption"}, "prompt_fields must be a list of 1 or more different items"),
    (solver() | {"prompt_fields": ["caption", "caption"]}, "prompt_fields must be a list of 1 or more different items"),
    (solver() | {"prompt_fields": []}, "prompt_fields must be a list of 1 or more"),
    (solver() | {"prompts": {"solver": None}}, "prompts.solver must be a text, got None"),
    (solver() | {"prompts": {"joiner": 3}}, "prompts.joiner must be a text, got 3"),
    (solver() | {"prompts": {"field_lines": 3}}, "prompts.field_lines must be a text for each field, got 3"),
    (solver() | {"preset": "papr"}, "did you mean 'paper'?"),
    ([1], "reward.reward_kwargs must be a mapping, got [1]"),
]


@pytest.mark.parametrize(("kwargs", "line"), WRONG)
def test_wrong_setting_is_one_line(kwargs, line):
    with pytest.raises(ValueError) as caught:
        ManagerConfig.from_dict(kwargs, ("solver",))
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_right_settings_reach_the_manager(monkeypatch, tmp_path):
    monkeypatch.setenv("MMZERO_TEST_KEY", "secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    sampling = {"temperature": 0, "top_p": 1, "top_k": None, "max_tokens": 16, "priority": -1}
    own = {"votes": 3, "max_concurrency": 2, "model": None, "api_key_env": "MMZERO_TEST_KEY", "sampling": sampling}
    given = solver(**own) | {"seed": 2**63 - 1, "dump_dir": "~/samples", "image": {"max_pixels": 9}, "failures": None}
    read = ManagerConfig.from_dict(given | {"prompt_fields": None, "prompts": {"joiner": ""}}, ("solver",))
    peer = read.peers["solver"]
    assert (peer.votes, peer.max_concurrency, vars(peer.sampling)) == (3, 2, sampling)
    assert (read.seed, read.dump_dir, read.image.limits()) == (2**63 - 1, tmp_path / "samples", {"max_pixels": 9})


def test_an_address_may_name_the_whole_path_of_a_request():
    """Was asked at /v1/chat/completions/chat/completions, a 404 for every row."""
    assert base_url("http://judge:8000/v1/chat/completions") == "http://judge:8000/v1"
