"""How repetitive a batch of proposals is: clusters of their texts and the batch terms r_ct and r_div (method.md §2.1).

Each text field is clustered on its own: average linkage on the distances of distances.py, merged below the threshold.
A text of an earlier iteration counts like one more copy in the batch. True cluster counts and distances are metrics.

Not covered: meaning. A template with swapped topics is at .4 to .7 in n-gram cosine and passes a threshold of .25.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmzero_rewards.config import CONTENT_TYPES, RewardConfig
from mmzero_rewards.parsing.responses import Proposal
from mmzero_rewards.scoring import TOLERANCE
from mmzero_rewards.scoring.distances import distances, distinct_n

FIELDS = ("caption", "easy_question", "hard_question")
SHARE_NAMES = {"caption": "cap_share", "easy_question": "easyq_share", "hard_question": "hardq_share"}
R_DIV_LIMIT = 0.5
"""r_div is clipped to this range on both sides (docs/method.md §2.1)."""


def clusters(matrix: np.ndarray, threshold: float) -> np.ndarray:
    """(n,) cluster number of each text: average linkage, merged while the distance is below `threshold`."""
    # scipy takes a second to import and most processes never cluster
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(matrix) < 2:
        return np.arange(len(matrix))
    tree = linkage(squareform(matrix, checks=False), method="average")
    return fcluster(tree, threshold - TOLERANCE, criterion="distance")


def cluster_shares(texts: Sequence[str], measure: str = "ngram_cosine", threshold: float = 0.25) -> list[float]:
    """Share of the batch in the same cluster as each text, at least 1/n.

    >>> cluster_shares(["How many bars?", "How many bars?", "Which bar is tallest?"])
    [0.6666666666666666, 0.6666666666666666, 0.3333333333333333]
    """
    if not texts:
        return []
    labels = clusters(distances(texts, measure), threshold)
    sizes = np.bincount(labels)
    return [float(sizes[label]) / len(texts) for label in labels]


@dataclass(frozen=True)
class BatchTerms:
    """rows: per proposal r_ct, r_div and the four shares (NaN for a format error). metrics: of the whole batch."""

    rows: list[dict[str, float]]
    metrics: dict[str, float]


def batch_terms(
    proposals: Sequence[Proposal | None],
    config: RewardConfig | None = None,
    memory: Sequence[Proposal] = (),
) -> BatchTerms:
    """Content-type and diversity terms over all roll-outs of a step.

    Args:
        proposals: one per roll-out, None for a format error: it is not part of M and its terms are 0.
        memory: proposals of earlier iterations; ignored while proposer.diversity.memory is 0.
    """
    rules = (config or RewardConfig()).proposer
    valid = [p for p in proposals if p is not None]
    m = len(valid)
    past = list(memory) if rules.diversity.memory else []
    types = Counter(p.content_type for p in valid)
    metrics = {"batch/valid": float(m), "batch/content_types": float(len(types))}
    metrics["batch/content_entropy"] = _entropy(types)
    metrics["batch/largest_content_share"] = max(types.values()) / m if m else math.nan
    shares = {name: [1.0 / m] * m for name in FIELDS} if m else {}
    if m and rules.diversity.measure != "off":
        for name in FIELDS:
            shares[name] = _field_shares(name, valid, past, rules.diversity, metrics)
    rows = []
    position = 0
    for proposal in proposals:
        if proposal is None:
            rows.append(
                {"r_ct": 0.0, "r_div": 0.0, "content_share": math.nan} | dict.fromkeys(SHARE_NAMES.values(), math.nan)
            )
            continue
        content_share = types[proposal.content_type] / m
        own = {name: shares[name][position] for name in FIELDS}
        position += 1
        rows.append(
            {
                "r_ct": _r_ct(content_share, len(types), m, rules.content_type),
                "r_div": _r_div(own, m, rules.diversity),
                "content_share": content_share,
                **{SHARE_NAMES[name]: own[name] for name in FIELDS},
            }
        )
    return BatchTerms(rows, metrics)


def _r_ct(share: float, observed: int, m: int, rules) -> float:
    if m < 2 or share <= rules.threshold + TOLERANCE or (observed == 1 and rules.single_type == "skip"):
        return 0.0
    return -rules.penalty * (share - rules.threshold) / (1.0 - rules.threshold)


def _r_div(shares: dict[str, float], m: int, rules) -> float:
    if m < 2 and all(share * m <= 1.0 for share in shares.values()):
        return 0.0
    excess = sum(getattr(rules.weights, name) * (share - 1.0 / m) for name, share in shares.items())
    penalty = min(max(excess * m * rules.lambda_, -R_DIV_LIMIT), R_DIV_LIMIT)
    return -penalty if penalty else 0.0


def _field_shares(name: str, valid: Sequence[Proposal], past: Sequence[Proposal], rules, metrics: dict) -> list[float]:
    """Cluster shares of one field in the batch (copies in memory count too), and the field's metrics."""
    m = len(valid)
    texts = [getattr(p, name) for p in (*valid, *past)]
    matrix = distances(texts, rules.measure)
    labels = clusters(matrix, rules.threshold)
    sizes = np.bincount(labels)
    batch = matrix[:m, :m]
    prefix = f"diversity/{name}"
    metrics[f"{prefix}/clusters"] = float(len(set(labels[:m])))
    metrics[f"{prefix}/largest_share"] = float(np.bincount(labels[:m]).max()) / m
    if m > 1:
        metrics[f"{prefix}/mean_distance"] = float(batch.sum()) / (m * (m - 1))
        metrics[f"{prefix}/nearest_distance"] = float((batch + 2.0 * np.eye(m)).min(axis=1).mean())
    if past:
        metrics[f"{prefix}/nearest_memory_distance"] = float(matrix[:m, m:].min(axis=1).mean())
    metrics[f"{prefix}/distinct_2"] = distinct_n([getattr(p, name) for p in valid], 2)
    return [float(sizes[label]) / m for label in labels[:m]]


def _entropy(counts: Counter) -> float:
    """Entropy over the fixed class list, 1.0 when all seven are equally frequent."""
    total = sum(counts.values())
    terms = (count / total * math.log(count / total) for count in counts.values())
    return abs(sum(terms)) / math.log(len(CONTENT_TYPES)) if total else math.nan
