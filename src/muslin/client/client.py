"""The client: one method for each thing the service does."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import msgspec

from muslin.client import shapes
from muslin.client.shapes import Event, Recommendations, Wish
from muslin.client.transport import Patience, Transport
from muslin.errors import UsageError

BATCH = 500
"""Events in one request."""
_KINDS = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".parquet": "application/vnd.apache.parquet",
    ".zip": "application/zip",
}
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
BATCH_BYTES = 900_000
"""Bytes of events in one request; the service takes one megabyte."""


class Client:
    """Speaks to one service, with one key. Every method raises `ServiceError`.

    Requests that were turned away because of their number (429, 503) are sent again when the service says so; so are
    those whose connection broke, where that does no harm: events carry ids, and looking, putting and removing may be
    repeated. After a broken connection nobody knows whether `import_items`, `confirm_import`, `load_model`, `activate`,
    `roll_back`, or a POST or PATCH by `raw` was done; these are not sent again.
    """

    def __init__(
        self, url: str, key: str | None = None, *, timeout: float = 10.0, patience: Patience | None = None
    ) -> None:
        """Raises `UsageError` (`bad_url`). `timeout`: seconds of silence after which a connection counts as broken."""
        self._transport = Transport(url, key, timeout, patience or Patience())

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def send(self, events: Sequence[Event], *, atomic: bool = False) -> shapes.Receipt:
        """Tell what shoppers did; returns when it is on the service's disk. Long lists go in several requests.

        `atomic`: all or none, which takes one request: raises `UsageError` (`too_many_events`) for more than fit.
        """
        parts = list(_batches(events))
        if atomic and len(parts) > 1:
            fix = f"send up to {BATCH} events and {BATCH_BYTES} bytes at once, or not atomically"
            raise UsageError("these are too many events to be taken all or none", code="too_many_events", fix=fix)
        path = "/v1/events?atomic=true" if atomic else "/v1/events"
        total = shapes.Receipt(0, 0, (), 0)
        for start, part in parts:
            # Made for each attempt: the service corrects the clocks of shoppers by when a request was sent.
            total = _sum(total, self._transport.call("POST", path, partial(_told, part), shapes.Receipt), start)
        return total

    def recommend(self, user_id: str | None = None, *, n: int = 20, wish: Wish | None = None) -> Recommendations:
        """Garments for a shopper, known or not; `wish` says more about who asks and what is wanted."""
        body = {**msgspec.to_builtins(wish or Wish()), "n": n} | ({} if user_id is None else {"user_id": user_id})
        return self._transport.call("POST", "/v1/recommendations", body, Recommendations)

    def next_page(self, page: Recommendations, n: int = 20) -> Recommendations | None:
        """The garments after those of `page`, None where there are none."""
        if page.next_cursor is None:
            return None
        body = {"cursor": page.next_cursor, "n": n}
        return self._transport.call("POST", "/v1/recommendations", body, Recommendations)

    def audience(self, item_id: str, n: int = 20) -> shapes.Audience:
        """The shoppers a garment should be shown to."""
        return self._transport.call("GET", f"/v1/items/{_part(item_id)}/audience?n={n:d}", None, shapes.Audience)

    def similar(self, item_id: str, n: int = 20) -> shapes.Similar:
        """The garments most like a garment."""
        return self._transport.call("GET", f"/v1/items/{_part(item_id)}/similar?n={n:d}", None, shapes.Similar)

    def put_items(self, garments: Sequence[Mapping[str, Any]]) -> shapes.Changes:
        """Add or replace up to 500 garments: `item_id` and columns of the catalogue; the newest `updated_at` counts."""
        return self._transport.call("PUT", "/v1/items", {"items": list(garments)}, shapes.Changes)

    def change_item(self, item_id: str, columns: Mapping[str, Any]) -> shapes.Changes:
        """Change some columns of a garment; None takes a value away."""
        return self._transport.call("PATCH", f"/v1/items/{_part(item_id)}", dict(columns), shapes.Changes)

    def remove_item(self, item_id: str) -> shapes.Changes:
        """Show a garment to nobody any more."""
        return self._transport.call("DELETE", f"/v1/items/{_part(item_id)}", None, shapes.Changes)

    def set_stock(self, counts: Sequence[shapes.StockCount]) -> shapes.Changes:
        """Say how many there are of up to 500 garments."""
        return self._transport.call("PATCH", "/v1/items:stock", {"items": counts}, shapes.Changes)

    def import_items(self, file: Path, *, full: bool = False) -> shapes.ImportJob:
        """Send a CSV, TSV, Parquet or zip file of garments; `full`: those it does not have leave the catalogue.

        Raises `UsageError` (`unknown_file`) for another ending, and `OSError`.
        """
        kind = _KINDS.get(file.suffix.lower())
        if kind is None:
            fix = f"name it with one of {', '.join(_KINDS)}"
            raise UsageError("this is no file of garments", code="unknown_file", where=str(file), fix=fix)
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
            size = opened.tell()
            opened.seek(0)
            path = f"/v1/imports?mode={'full' if full else 'upsert'}&sha256={digest}"
            return self._transport.upload(path, opened, size, kind, shapes.ImportJob)

    def import_job(self, job_id: str) -> shapes.ImportJob:
        """How an import stands."""
        return self._transport.call("GET", f"/v1/imports/{_part(job_id)}", None, shapes.ImportJob)

    def import_rejects(self, job_id: str, cursor: str | None = None) -> shapes.Rejects:
        """Rows of an import that were not taken; `cursor`: `next_cursor` of the page before."""
        more = "" if cursor is None else f"?cursor={_part(cursor)}"
        return self._transport.call("GET", f"/v1/imports/{_part(job_id)}/rejects{more}", None, shapes.Rejects)

    def confirm_import(self, job_id: str) -> shapes.ImportJob:
        """Let an import go on that takes much of the catalogue away."""
        path = f"/v1/imports/{_part(job_id)}/confirm"
        return self._transport.call("POST", path, None, shapes.ImportJob, again=False)

    def put_users(self, profiles: Sequence[shapes.Profile]) -> shapes.Kept:
        """Keep profiles of up to 500 users, the newest of each."""
        return self._transport.call("PUT", "/v1/users", {"users": profiles}, shapes.Kept)

    def erase_user(self, user_id: str) -> Mapping[str, Any]:
        """Remove all that is known of a user; the answer is a job."""
        return self._transport.call("DELETE", f"/v1/users/{_part(user_id)}", None, dict[str, Any])

    def erasure(self, job_id: str) -> Mapping[str, Any]:
        """How a job of `erase_user` stands."""
        return self._transport.call("GET", f"/v1/erasures/{_part(job_id)}", None, dict[str, Any])

    def export_user(self, user_id: str) -> Mapping[str, Any]:
        """All that is known of a user."""
        return self._transport.call("GET", f"/v1/users/{_part(user_id)}/export", None, dict[str, Any])

    def models(self) -> tuple[shapes.ModelInfo, ...]:
        """The models in memory, the active one first."""
        return self._transport.call("GET", "/v1/models", None, shapes.Models).models

    def load_model(self, name: str, *, accept_worse: bool = False) -> shapes.ModelInfo:
        """Load the model directory `name` beside the serving one; see `activate`. Needs a `timeout` to match."""
        body = {"name": name, "accept_worse": accept_worse}
        return self._transport.call("POST", "/v1/models", body, shapes.ModelInfo, again=False)

    def activate(self, model_id: str) -> shapes.ModelInfo:
        """Serve a model that is ready."""
        path = f"/v1/models/{_part(model_id)}:activate"
        return self._transport.call("POST", path, None, shapes.ModelInfo, again=False)

    def roll_back(self, model_id: str) -> shapes.ModelInfo:
        """Serve the previous model again instead of the active `model_id`."""
        path = f"/v1/models/{_part(model_id)}:rollback"
        return self._transport.call("POST", path, None, shapes.ModelInfo, again=False)

    def raw(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer to any request, for what this client has no method for.

        Only GET, HEAD, PUT and DELETE are sent again after a broken connection.
        """
        return self._transport.call(method, path, body, object, again=method.upper() in _REPEATABLE)

    def ready(self) -> bool:
        """Whether the service answers with a model; False where it says not yet."""
        from muslin.client.failures import ServiceError

        try:
            self._transport.call("GET", "/readyz", None, dict[str, Any])
        except ServiceError as error:
            if error.status == 503:
                return False
            raise
        return True


def _part(text: str) -> str:
    """One step of a path, whatever is in it."""
    return quote(text, safe="")


def _told(events: list[msgspec.Raw]) -> dict[str, Any]:
    """The body of a request that is sent now."""
    return {"events": events, "sent_at": shapes.now()}


def _batches(events: Sequence[Event]) -> Iterator[tuple[int, list[msgspec.Raw]]]:
    """Encoded events in parts that fit a request, each with the place of its first."""
    part: list[msgspec.Raw] = []
    start = size = 0
    for place, event in enumerate(events):
        encoded = msgspec.json.encode(event)
        if part and (len(part) == BATCH or size + len(encoded) > BATCH_BYTES):
            yield start, part
            part, start, size = [], place, 0
        part.append(msgspec.Raw(encoded))
        size += len(encoded) + 1
    if part:
        yield start, part


def _sum(total: shapes.Receipt, part: shapes.Receipt, start: int) -> shapes.Receipt:
    moved = tuple(msgspec.structs.replace(one, index=one.index + start) for one in part.rejected)
    return shapes.Receipt(
        total.accepted + part.accepted,
        total.duplicates + part.duplicates,
        total.rejected + moved,
        max(total.committed_seq, part.committed_seq),
        total.dropped + part.dropped,
        total.pending + part.pending,
    )
