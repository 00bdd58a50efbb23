"""The environment of a stage: nothing of another Ray, loopback, the user's own variables win."""

import pytest

from recipe.mmzero.settings import schema
from recipe.mmzero.settings.environment import inherited, stage_environment

LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"


@pytest.fixture(scope="module")
def cpu():
    return schema.load(["model=tiny", "hardware=cpu"])


@pytest.fixture(scope="module")
def cluster():
    return schema.load(["model=qwen2_5_vl_7b", "hardware=multinode", "hardware.ray_address=10.0.0.1:6379"])


def test_a_running_ray_is_not_joined(cpu, cluster, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.9.9.9:6379")
    assert "RAY_ADDRESS" not in inherited(cpu)
    assert inherited(cluster)["RAY_ADDRESS"] == "10.9.9.9:6379"  # with a cluster the address is configured anyway


def test_servers_bind_to_loopback_unless_the_run_spans_nodes(cpu, cluster):
    assert stage_environment(cpu)[LOOPBACK] == "0"
    assert LOOPBACK not in stage_environment(cluster)


def test_hidden_gpus_do_not_stop_logical_ones(cpu, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "CUDA_VISIBLE_DEVICES" not in inherited(cpu)


def test_users_variables_win(cpu, monkeypatch):
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "3")
    assert stage_environment(cpu)["VLLM_CPU_KVCACHE_SPACE"] == "3"


def test_tiny_run_is_offline(cpu, tmp_path):
    environment = stage_environment(cpu, tmp_path / "m.jsonl")
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["VERL_FILE_LOGGER_PATH"] == str(tmp_path / "m.jsonl")
