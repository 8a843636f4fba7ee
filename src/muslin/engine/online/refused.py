"""Why the online state takes nothing now."""

from muslin.errors import MuslinError


class RefusedError(MuslinError):
    """Nothing was taken, and sending it again later is safe.

    Codes: `queue_full` (too much is waiting), `too_fast` (one shopper sends too much), `storage_full` (no disk space;
    reading goes on), `closed`.
    """


def queue_full() -> RefusedError:
    """More events wait than may."""
    return RefusedError("too many events are waiting", code="queue_full", fix="send them again in a second")


def storage_full() -> RefusedError:
    """The disk is full, or nearly."""
    return RefusedError("no disk space is left for events", code="storage_full", fix="free some, and send them again")


def closed() -> RefusedError:
    """The state is being closed."""
    return RefusedError("the service is stopping", code="closed", fix="send them again once it is back")
