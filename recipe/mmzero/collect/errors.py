"""The one error of this package that a user sees."""


class CollectError(RuntimeError):
    """The step cannot go on; the message is one line: what, where, remedy. Finished rows stay in the shards."""
