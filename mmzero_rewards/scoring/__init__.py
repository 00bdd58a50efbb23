"""The reward arithmetic: terms per role, labels, checks, diversity of a batch, replay of recorded cases."""

TOLERANCE = 1e-9
"""Shares are compared with thresholds up to this, so that "equal" does not depend on binary rounding."""
