"""Distances, clusters and the batch terms r_ct and r_div."""

import math
import random
from importlib.util import find_spec

import numpy as np
import pytest

from mmzero_rewards.config import RewardConfig
from mmzero_rewards.parsing.responses import Proposal
from mmzero_rewards.scoring.distances import distances
from mmzero_rewards.scoring.diversity import batch_terms, cluster_shares, clusters

TEXTS = [
    "",
    "a",
    "how many bars",
    "how many bars",
    "How many bars are red",
    "bars bars bars",
    "red bars bars",
    "a b c d e",
]


def proposal(kind="map", caption="one", easy="two", hard="three"):
    return Proposal(kind, caption, easy, "1", hard, "2")


UNIQUE = [
    proposal("data_chart" if i % 2 else "map", f"{w} cap", f"{w} easy", f"{w} hard") for i, w in enumerate("abcdefgh")
]


@pytest.mark.parametrize("measure", ["ngram_cosine", "bleu"])
def test_distances_are_a_symmetric_matrix_in_the_unit_interval(measure):
    matrix = distances(TEXTS, measure)
    assert np.array_equal(matrix, matrix.T) and (np.diag(matrix) == 0).all()
    assert (matrix >= 0).all() and (matrix <= 1).all()
    assert matrix[2, 6] > matrix[2, 4] or measure == "bleu"


def test_bleu_equals_nltk():
    if not find_spec("nltk"):
        pytest.skip("nltk is not installed: pip install mmzero[dev]")
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    dice = random.Random(0)
    words = ["the", "red", "blue", "bar", "shows", "four", "seven", "units", "of", "rain", "in", "june"]
    texts = [" ".join(dice.choices(words, k=dice.randint(1, 14))) for _ in range(60)]
    matrix = distances(texts, "bleu")
    smooth = SmoothingFunction().method1
    for i in range(len(texts)):
        for j in range(i + 1, len(texts)):
            bleu = sentence_bleu([texts[j].split()], texts[i].split(), smoothing_function=smooth)
            assert matrix[i, j] == pytest.approx(1 - bleu, abs=1e-9), (texts[i], texts[j])


def test_clusters_equal_scikit_learn():
    if not find_spec("sklearn"):
        pytest.skip("scikit-learn is not installed")
    from sklearn.cluster import AgglomerativeClustering

    dice = random.Random(1)
    texts = [" ".join(dice.choices(["a", "b", "c", "d"], k=6)) for _ in range(40)]
    matrix = distances(texts, "bleu")
    theirs = AgglomerativeClustering(None, metric="precomputed", linkage="average", distance_threshold=0.25)
    labels = theirs.fit_predict(matrix)
    ours = clusters(matrix, 0.25)
    assert len(set(zip(labels, ours, strict=True))) == len(set(labels)) == len(set(ours))


def test_merging_stops_at_the_threshold():
    matrix = np.array([[0.0, 0.1 + 0.15], [0.1 + 0.15, 0.0]])
    assert len(set(clusters(matrix, 0.25))) == 2  # equal to the threshold is not below it
    assert len(set(clusters(matrix, 0.26))) == 1


@pytest.mark.parametrize("texts, shares", [([], []), (["x"], [1.0]), (["x", "x", "y"], [2 / 3, 2 / 3, 1 / 3])])
def test_small_batches(texts, shares):
    assert cluster_shares(texts) == pytest.approx(shares)


def test_unknown_measure():
    with pytest.raises(ValueError, match=r"proposer\.diversity\.measure"):
        cluster_shares(["a", "b"], "levenshtein")


@pytest.mark.parametrize("charts, r_ct", [(8, -0.15), (7, -0.1125), (6, -0.075), (5, -0.0375), (4, 0.0)])
def test_content_type_term(charts, r_ct):
    batch = [
        proposal("data_chart" if i < charts else "map", p.caption, p.easy_question, p.hard_question)
        for i, p in enumerate(UNIQUE)
    ]
    terms = batch_terms(batch)
    assert terms.rows[0]["r_ct"] == pytest.approx(r_ct)
    assert charts == 8 or terms.rows[-1]["r_ct"] == 0.0


@pytest.mark.parametrize(
    "changes, r_div",
    [
        ({"caption": "a cap"}, -0.225),
        ({"easy": "a easy"}, -0.1),
        ({"hard": "a hard"}, -0.175),
        ({"caption": "a cap", "easy": "a easy", "hard": "a hard"}, -0.5),
    ],
)
def test_diversity_term_of_a_pair(changes, r_div):
    own = {"caption": "h cap", "easy": "h easy", "hard": "h hard"} | changes
    terms = batch_terms([*UNIQUE[:7], proposal("map", **own)])
    assert [row["r_div"] for row in terms.rows] == pytest.approx([r_div, 0, 0, 0, 0, 0, 0, r_div])


def test_format_errors_are_not_part_of_the_batch():
    terms = batch_terms([None, UNIQUE[0], None, UNIQUE[0]])
    assert terms.metrics["batch/valid"] == 2
    assert terms.rows[0] == pytest.approx(terms.rows[2], nan_ok=True)
    assert (terms.rows[0]["r_ct"], terms.rows[0]["r_div"]) == (0.0, 0.0)
    assert terms.rows[1]["r_div"] == -0.5 and terms.rows[1]["r_ct"] == -0.15


@pytest.mark.parametrize("batch", [[], [None], [UNIQUE[0]], [None, UNIQUE[0]]])
def test_fewer_than_two_valid_proposals_have_no_terms(batch):
    assert all((row["r_ct"], row["r_div"]) == (0.0, 0.0) for row in batch_terms(batch).rows)


def test_off():
    config = RewardConfig.from_dict({"proposer": {"diversity": {"measure": "off"}}})
    terms = batch_terms([UNIQUE[0]] * 4, config)
    assert [row["r_div"] for row in terms.rows] == [0.0] * 4 and terms.rows[0]["r_ct"] == -0.15


def test_memory_counts_like_one_more_copy():
    config = RewardConfig.from_dict({"proposer": {"diversity": {"memory": 1}}})
    repeated = batch_terms(UNIQUE, config, memory=[UNIQUE[0]])
    assert [row["r_div"] for row in repeated.rows] == pytest.approx([-0.5] + [0.0] * 7)
    assert repeated.metrics["diversity/caption/nearest_memory_distance"] < 1.0
    forgotten = batch_terms(UNIQUE, memory=[UNIQUE[0]])  # memory: 0
    assert [row["r_div"] for row in forgotten.rows] == pytest.approx([0.0] * 8)


def test_true_counts_and_entropy_are_logged():
    metrics = batch_terms([*UNIQUE[:6], UNIQUE[0], UNIQUE[0]]).metrics
    assert metrics["diversity/caption/clusters"] == 6
    assert metrics["diversity/caption/largest_share"] == 3 / 8
    assert metrics["batch/content_entropy"] == pytest.approx(
        -(3 / 8 * math.log(3 / 8) + 5 / 8 * math.log(5 / 8)) / math.log(7)  # over the fixed list of seven classes
    )
    assert batch_terms(UNIQUE[:1]).metrics["batch/content_entropy"] == 0.0
