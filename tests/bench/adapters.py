"""An update of the tiny base with adapters beside full tuning, by turns in one process: MiB of state, and CPU time.

    python tests/bench/adapters.py [--rank 16] [--updates 12]

Both in fp32, as on a CPU; forward, backward and AdamW of 8 x 160 tokens of text on one thread. Prints what is held per
kind and the ratio of CPU seconds, adapters / full. Without the engine, whose processes are larger than this model.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForImageTextToText

from recipe.mmzero.engine.train import adapter
from recipe.mmzero.settings import schema
from recipe.mmzero.tiny.cache import base_folder


def prepared(folder: Path | None):
    """(model, optimiser, trained parameters); `folder`: the adapter that is trained, None: everything is."""
    model = AutoModelForImageTextToText.from_pretrained(base_folder(), dtype=torch.float32)
    if folder is not None:
        model.enable_input_require_grads()
        model = PeftModel.from_pretrained(model, folder, is_trainable=True)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return model, torch.optim.AdamW(trained, lr=1e-5), trained


def update(model, optimiser, ids) -> float:
    """CPU seconds of one."""
    began = time.process_time()
    model(input_ids=ids).logits.logsumexp(-1).mean().backward()
    optimiser.step()
    optimiser.zero_grad()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--updates", type=int, default=12)
    options = parser.parse_args()
    torch.set_num_threads(1)
    ids = torch.randint(5, 200, (8, 160))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "adapter"
        adapter.make(base_folder(), folder, schema.load(["tuning=lora", f"adapter.rank={options.rank}"]).adapter, 0)
        kinds = {"full": prepared(None), "adapters": prepared(folder)}
    ratios = []
    for number in range(options.updates + 2):  # the first two make buffers and moments
        seconds = {kind: update(model, optimiser, ids) for kind, (model, optimiser, _) in kinds.items()}
        if number > 1:
            ratios.append(seconds["adapters"] / seconds["full"])
    for kind, (model, _, trained) in kinds.items():
        whole, part = (sum(each.numel() for each in group) * 4 / 2**20 for group in (model.parameters(), trained))
        reference = whole if kind == "full" else 0.0
        print(f"{kind}: weights {whole:.2f} gradients {part:.2f} moments {2 * part:.2f} reference {reference:.2f} MiB")
    print(f"update, adapters / full: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
