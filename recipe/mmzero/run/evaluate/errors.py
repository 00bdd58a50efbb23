"""The one error of this room that a user sees."""


class EvaluationError(RuntimeError):
    """The evaluation cannot go on; the message is one line: what, where, remedy. Stored answers stay."""
