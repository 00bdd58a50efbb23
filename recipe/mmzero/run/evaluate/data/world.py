"""Held-out scenes of the tiny world as a suite: `mmzero eval --export-world DIR`.

    DIR/easy.parquet hard.parquet    id, question, answer, image (PNG bytes)
    DIR/world.yaml                   the suite, for `mmzero eval CHECKPOINT --suite DIR/world.yaml`
    DIR/lmms_eval/                   the same as tasks of lmms-eval, for `--with lmms-eval`

The scenes are those that `mmzero lab rates` asks about; the warm-up of the tiny base never draws them.
"""

import io
from importlib import resources
from pathlib import Path

from mmzero_env.process import replace
from recipe.mmzero.tiny.pixels import draw
from recipe.mmzero.tiny.rates import held_out_items


def export(folder: Path, items: int) -> Path:
    """Write the suite; returns its YAML file.

    Args:
        items: questions of each kind, easy and hard.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for name, hard in (("easy", False), ("hard", True)):
        rows = []
        for number, (scene, question, answer) in enumerate(held_out_items(items, hard)):
            content = io.BytesIO()
            Image.fromarray(draw(scene)).save(content, "PNG")
            picture = {"bytes": content.getvalue(), "path": None}
            rows.append({"id": f"{name}-{number:05d}", "question": question, "answer": answer, "image": picture})
        with replace.replacing(folder / f"{name}.parquet") as part:
            pq.write_table(pa.Table.from_pylist(rows), part)
    template = resources.files("recipe.mmzero.config").joinpath("eval", "world")
    for file in template.iterdir():
        target = folder / file.name
        if file.name != "world.yaml":
            target = folder / "lmms_eval" / file.name.removeprefix("lmms_").replace(".txt", ".py")
        target.parent.mkdir(exist_ok=True)
        replace.write(target, file.read_text("utf-8").replace("@FOLDER@", str(folder.absolute())))
    return folder / "world.yaml"
