"""What around the program makes a run fail or crawl."""

from pathlib import Path

import pytest

from mmzero_env.sandbox import paths
from recipe.mmzero.machine import surroundings, vision_speed


@pytest.mark.parametrize(
    ("environment", "level"),
    [
        ({}, "OK"),
        ({"PYTORCH_ALLOC_CONF": "max_split_size_mb:64,expandable_segments:True"}, "FAIL"),
        ({"PYTORCH_ALLOC_CONF": "expandable_segments:False"}, "OK"),
        ({"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}, "OK"),  # vLLM sees this one and works around it
    ],
)
def test_expandable_segments(environment, level):
    check = surroundings.allocator(environment)
    assert check.level == level and (level == "OK" or check.remedy == "unset PYTORCH_ALLOC_CONF")


def test_vllm_looks_only_at_the_older_variable():
    """If this fails, the check above can go or has to name another variable."""
    import importlib.util

    root = Path(importlib.util.find_spec("vllm").submodule_search_locations[0])
    source = (root / "device_allocator" / "cumem.py").read_text()
    assert '"PYTORCH_CUDA_ALLOC_CONF"' in source and '"PYTORCH_ALLOC_CONF"' not in source


def test_packages_of_this_environment_are_readable():
    assert surroundings.snippet_packages().level == "OK"


def test_packages_outside_of_site_packages_are_named(tmp_path):
    """`pip install --target`: the folder has another name."""
    target = tmp_path / "extra"
    (target / "thing-1.0.dist-info").mkdir(parents=True)
    check = surroundings.snippet_packages([str(target), str(tmp_path / "own_code"), ""])
    assert check.level == "WARN" and str(target) in check.text and "site-packages" in check.remedy


def test_drawing_package_outside_of_site_packages_fails(monkeypatch):
    monkeypatch.setattr(paths, "readable", lambda: ["/nowhere"])
    check = surroundings.snippet_packages([])
    assert check.level == "FAIL" and "numpy" in check.text


def test_a_convolution_is_the_same_as_a_product():
    """On a CPU with few patches; the times are those of the two ways to compute one thing."""
    found = vision_speed.measure("cpu", patches=16, repeats=1)
    assert found["difference"] < 1e-3 and min(found["conv3d_s"], found["product_s"]) > 0


@pytest.mark.parametrize(
    ("convolution", "product", "level"),
    [
        (0.002, 0.00005, "OK"),  # slower by 40, but not noticeable
        (0.120, 0.0005, "WARN"),
        (0.120, 0.0500, "OK"),  # a slow GPU
    ],
)
def test_slow_convolution_is_named(convolution, product, level):
    check = surroundings.vision_verdict({"conv3d_s": convolution, "product_s": product, "difference": 0.0})
    assert check.level == level and "Conv3d" in check.text
