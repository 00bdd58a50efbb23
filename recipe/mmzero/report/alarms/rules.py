"""The alarm rules: which number of a step means trouble, its threshold, and the sentence for a person.

Measures: measures.py, falls.py. Thresholds: settings/types/alarms.py.
"""

from dataclasses import dataclass

from recipe.mmzero.report.alarms.falls import fell
from recipe.mmzero.report.alarms.measures import (
    Measure,
    acceptance,
    collected,
    collected_blank,
    collected_render_rate,
    correlation,
    difference,
    dropped,
    either,
    policy_entropy,
    recent,
    target_share,
    too_easy,
    worst,
)


@dataclass(frozen=True)
class Rule:
    """`measure` gives the number (None: does not apply); it is wrong above (or below) the threshold `key`."""

    name: str
    key: str
    measure: Measure
    sentence: str
    above: bool = True


RULES = (
    Rule(
        "leak",
        "leak_rate_max",
        either(recent("mmzero/{role}/leak/mean"), collected("leak")),
        "{value:.0%} of the pictures have an answer written into them: the Coder gives answers away instead of drawing "
        "data; look at the leaks in the gallery, raise coder.leak_penalty or shorten coder.prompt_fields",
    ),
    Rule(
        "blind",
        "blind_rate_max",
        either(recent("mmzero/{role}/blind_rate/mean"), collected("blind_rate", of="blind_rows")),
        "{value:.0%} of the hard answers come out the same without the picture: the questions do not need it; set "
        "proposer.blind_penalty",
    ),
    Rule(
        "blank",
        "blank_rate_max",
        either(recent("mmzero/{role}/pictures/blank"), collected_blank),
        "{value:.0%} of the drawings are blank pictures: code that runs but shows nothing",
    ),
    Rule(
        "render_collapse",
        "render_rate_min",
        either(recent("mmzero/{role}/render_rate"), collected_render_rate),
        "only {value:.0%} of the codes draw: the Solver and the difficulty terms see almost no pictures",
        above=False,
    ),
    Rule(
        "starvation",
        "acceptance_min",
        acceptance,
        "only {value:.1%} of the proposals passed the filter: the next stage trains on few rows; see the reasons for "
        "rejection, widen the window or raise attempt_budget",
        above=False,
    ),
    Rule(
        "below_target",
        "target_share_min",
        target_share,
        "the budget ended at {value:.0%} of the wanted rows; raise attempt_budget or lower target_rows",
        above=False,
    ),
    Rule(
        "too_easy",
        "hard_consistency_max",
        recent("mmzero/{role}/mean_hard_consistency/mean", "mmzero/{role}/hard_consistency/mean"),
        "the Solver agrees with itself on {value:.0%} of the answers to hard questions: they have become easy",
    ),
    Rule(
        "too_hard",
        "hard_consistency_min",
        recent("mmzero/{role}/mean_hard_consistency/mean", "mmzero/{role}/hard_consistency/mean"),
        "the Solver agrees with itself on only {value:.0%} of the answers to hard questions: it guesses, labels are "
        "noise",
        above=False,
    ),
    Rule(
        "labels_too_easy",
        "too_easy_max",
        too_easy,
        "{value:.0%} of the labelled rows were refused as too easy: difficulty drifts towards what the Solver can do",
    ),
    Rule(
        "content_collapse",
        "content_entropy_min",
        recent("mmzero/{role}/batch/content_entropy"),
        "content-type entropy is {value:.2f} of 1 over the fixed list: the Proposer writes almost only one kind of "
        "picture; raise proposer.content_type.penalty",
        above=False,
    ),
    Rule(
        "policy_collapse",
        "policy_entropy_share_min",
        policy_entropy,
        "policy entropy fell to {value:.0%} of its start: roll-outs of one prompt become copies; raise kl.coef or the "
        "sampling temperature",
        above=False,
    ),
    Rule(
        "label_disagreement",
        "label_agreement_min",
        collected("label_agrees"),
        "the Solver's silver label equals the Proposer's own hard answer in only {value:.0%} of the rows: one of the "
        "two is wrong most of the time",
        above=False,
    ),
    Rule(
        "kl",
        "kl_max",
        worst("actor/kl_loss"),
        "KL to the stage's start reached {value:.2f} nat per token: the policy ran away; lower optim.lr, raise kl.coef",
    ),
    Rule(
        "engine_mismatch",
        "probs_corr_min",
        correlation,
        "log-probabilities of rollout engine and trainer correlate only {value:.3f}: weights are stale or the engines "
        "compute different things",
        above=False,
    ),
    Rule(
        "engine_difference",
        "probs_diff_max",
        difference,
        "token probabilities of rollout engine and trainer differ by {value:.3f} on average, more than top_p explains",
    ),
    Rule(
        "clipping",
        "clip_ratio_max",
        recent("mmzero/{role}/cut_off"),
        "{value:.0%} of the responses hit the length limit and are scored as cut off; raise max_response_tokens",
    ),
    Rule(
        "peer_failures",
        "dropped_max",
        dropped,
        "{value:.1%} of the samples were lost to failures of peers or renderer; the log has the first one",
    ),
    Rule(
        "no_signal",
        "zero_variance_max",
        recent("mmzero/{role}/zero_variance_groups"),
        "{value:.0%} of the groups have equal rewards: almost nothing is learned from them",
    ),
    Rule(
        "well_posed",
        "truth_fall_max",
        fell("well_posed"),
        "the share of hard questions that have an answer at all in the scene of their caption fell by {value:.2f} "
        "since the start: what nobody can answer is paid as difficult; rewards=verified asks for evidence",
    ),
    Rule(
        "faithful",
        "truth_fall_max",
        fell("faithful"),
        "the share of pictures that show their caption fell by {value:.2f} since the start: the Coder is paid for "
        "confusing the Solver; lower coder.difficulty_weight, or look whether the Solver still answers easy questions",
    ),
    Rule(
        "label_true",
        "truth_fall_max",
        fell("label_true"),
        "the share of silver labels that are true of the caption fell by {value:.2f} since the start: the Solver is "
        "taught errors; `mmzero lab run verified` compares what helps",
    ),
)
