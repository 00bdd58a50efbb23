"""Seeds derived from the run's one seed (docs/method.md §4 `Determinism`).

A derived seed depends only on what is being sampled, never on time, process, or order, so a request that is repeated
after a crash asks for the same sample. Not covered: engines whose output depends on the shape of the batch.
"""

from mmzero_rewards.peers.seeds import seed_of


def derive_seed(seed: int, iteration: int, stage: str, row: int, sample: int = 0) -> int:
    """Seed of one request.

    Args:
        seed: `seed` of the config.
        iteration: counted from 1.
        stage: any name that separates uses, such as "coder" or "collect_solver/label".
        row, sample: index of the row in its file or stream, and of the sample within the row.
    Returns:
        An integer in [0, 2**31): every sampler takes it, also as a signed 32-bit number.

    >>> derive_seed(0, 1, "collect_coder/propose", 7)
    1251946123
    """
    return seed_of(f"{int(seed)}/{int(iteration)}/{stage}/{int(row)}/{int(sample)}")
