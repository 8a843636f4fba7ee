"""What a client is told when the online state takes nothing now: one answer for every route that writes."""

from muslin.engine.online.refused import RefusedError
from muslin.http.problems import ProblemError

_ANSWERS = {
    "queue_full": ("overloaded", "1"),
    "too_fast": ("too_fast", "60"),
    "storage_full": ("storage_full", "5"),
    "closed": ("not_ready", "1"),
}
"""By code of the refusal: the problem, and seconds after which to try again."""


def refused(error: RefusedError) -> ProblemError:
    """The problem that stands for `error`."""
    code, again = _ANSWERS[error.code]
    return ProblemError(code, headers={"Retry-After": again})
