"""The `alarms` block of a configuration: when a number of a finished step means trouble.

The rules are in report/alarms/rules.py. Thresholds are ours and untuned, chosen from docs/method.md §7 "Dynamics".
"""

from dataclasses import dataclass

from mmzero_env.config.ranges import choice, declare, number, number_rule, whole

SHARE = number_rule(0, 1)


@dataclass
class AlarmConfig:
    """Thresholds; shares are in [0, 1]. `on_alarm`: warn | stop. `min_count`: shares of fewer items raise no alarm."""

    on_alarm: str = choice("warn", "stop", default="warn")
    window: int = whole(1, default=3)
    min_count: int = whole(0, default=20)
    leak_rate_max: float = declare(SHARE, 0.1)
    blind_rate_max: float = declare(SHARE, 0.5)
    blank_rate_max: float = declare(SHARE, 0.1)
    render_rate_min: float = declare(SHARE, 0.2)
    acceptance_min: float = declare(SHARE, 0.05)
    target_share_min: float = declare(SHARE, 0.5)
    hard_consistency_max: float = declare(SHARE, 0.75)
    hard_consistency_min: float = declare(SHARE, 0.25)
    too_easy_max: float = declare(SHARE, 0.6)
    content_entropy_min: float = declare(SHARE, 0.25)
    policy_entropy_share_min: float = declare(SHARE, 0.1)
    label_agreement_min: float = declare(SHARE, 0.3)
    kl_max: float = number(0, default=0.5)
    probs_corr_min: float = number(-1, 1, default=0.95)
    probs_diff_max: float = declare(SHARE, 0.05)
    clip_ratio_max: float = declare(SHARE, 0.25)
    dropped_max: float = declare(SHARE, 0.02)
    zero_variance_max: float = declare(SHARE, 0.9)
    truth_fall_max: float = declare(SHARE, 0.1)
