"""The loop with stages that are a script: it writes the files that a stage writes, in milliseconds.

`FAKE_iter_01_coder=fail` (fail_once, unusable, sleep) in the environment plants what the step of that name does.
"""

import os
import sys
from pathlib import Path

from recipe.mmzero.run.services import Services

FAKE_STAGE = """
import hashlib, json, os, re, struct, sys, time
from pathlib import Path

def model(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    body = hashlib.sha256(text.encode()).digest()
    head = json.dumps({"w": {"dtype": "U8", "shape": [32], "data_offsets": [0, 32]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + body)
    (folder / "config.json").write_text("{}")

text = Path(sys.argv[1]).read_text()  # YAML without a YAML library: this script starts a hundred times
step = {name: re.search(f"^{name}: (.*)$", text, re.M)[1] for name in ("id", "attempt", "step_dir")}
seed = re.search("^  seed: (.*)$", text, re.M)[1]
inputs = re.findall("^  [a-z]+: (.*)$", text[text.index("inputs:") : text.index("config:")], re.M)
out = Path(step["step_dir"])
with (out.parent.parent / "ran.txt").open("a") as log:
    log.write(step["id"] + "\\n")
behaviour = os.environ.get("FAKE_" + step["id"].replace("/", "_"), "")
if behaviour == "fail" or (behaviour == "fail_once" and step["attempt"] == "1"):
    print("ValueError: planted failure")
    sys.exit(1)
if behaviour == "unusable":
    print(f"error: {step['id']}: planted bad input")
    sys.exit(2)
if behaviour == "sleep":
    time.sleep(600)
content = [Path(p, "model.safetensors").read_bytes().hex() if Path(p).is_dir() else "" for p in inputs]
if "--collect" in sys.argv:
    (out / "train.parquet").write_bytes(Path(__file__).with_name("rows.parquet").read_bytes())
    (out / "images").mkdir(exist_ok=True)
else:
    model(out / "hf", step["id"] + seed + "".join(content))
    (out / "metrics.jsonl").write_text(json.dumps({"step": 1, "data": {"a": 1.0}}) + "\\n")
(out / "summary.json").write_text(json.dumps({"role": "x"}) + "\\n")
"""


class Scripts(Services):
    """`FAKE_STAGE` in place of the stages; the base is the folder that `model.path` names."""

    def __init__(self, script: Path):
        self.script = script

    def require(self, config) -> None:
        pass

    def command(self, step, description: Path) -> list[str]:
        return [sys.executable, str(self.script), str(description), *(["--collect"] if step.kind == "collect" else [])]

    def environment(self, config, run_dir: Path) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}

    def truth(self, *args) -> bool:
        return False

    def report(self, run_dir: Path) -> None:
        pass
