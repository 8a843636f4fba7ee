"""What goes wrong between a program and the service."""

from typing import NamedTuple

from muslin.errors import MuslinError


class Fault(NamedTuple):
    """One thing that was wrong in a request: JSON pointer and code."""

    pointer: str
    code: str


class ServiceError(MuslinError):
    """The service refused, or could not be reached (`status` 0, code `unreachable`)."""

    def __init__(
        self, message: str, *, code: str, status: int = 0, request_id: str = "", faults: tuple[Fault, ...] = ()
    ) -> None:
        """`request_id` finds the request in the service's log."""
        where = ", ".join(f"{fault.pointer} ({fault.code})" for fault in faults)
        super().__init__(message, code=code, where=where)
        self.status, self.request_id, self.faults = status, request_id, faults
