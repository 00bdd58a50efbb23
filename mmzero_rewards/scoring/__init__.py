"""The reward arithmetic: terms per role, labels, checks, diversity of a batch, replay of recorded cases."""
