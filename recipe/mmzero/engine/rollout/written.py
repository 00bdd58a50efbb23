"""Tells the trainer that a roll-out is written, before it is rewarded (proposer.overlap, engine/train/overlap.py)."""

import transfer_queue as tq

PARTITION = "written"
"""Of verl's queue: one key per written roll-out. In a tag of their prompt two of them would overwrite each other."""


async def announce(uid: str, session: int, step: int) -> None:
    """Of roll-out `session` of prompt `uid`, which step `step` is trained on."""
    await tq.async_kv_put(key=f"{uid}_{session}", partition_id=PARTITION, tag={"global_steps": step})
