"""How code inside a snippet's process says that the snippet failed."""

from mmzero_env.results import RenderStatus


class Refused(Exception):
    """Ends a snippet with a status and one line."""

    def __init__(self, status: RenderStatus, message: str):
        super().__init__(message)
        self.status = status
        self.message = message
