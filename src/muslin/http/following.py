"""Ties the online state to the served model: its weights, and the numbers an operator sees."""

import time
from pathlib import Path

from muslin.engine.metrics import Metrics
from muslin.engine.model import Model
from muslin.engine.online.online import Online
from muslin.engine.online.rules import Rules
from muslin.http.log import report


def following(online: Online | None, directory: Path, model: Model, metrics: Metrics) -> Online:
    """The state in `directory`, opened unless it is already; of garments the shop tells it (`engine.shop`).

    Event weights are those of the first model; raises as `Online.open` does.
    """
    if online is None:
        rules = Rules(weights=model.world.dataset.schema.weights)
        online = Online.open(
            directory,
            rules,
            timed=lambda s: metrics.observe("event_commit_duration_seconds", s),
            failed=lambda error: report("writer_failed", error, {}),
        )
        metrics.before_reading(_Reader(online, metrics).read)
        metrics.gauge("recovery_seconds", online.stats().recovery_seconds)
    return online


class _Reader:
    """Copies the state's counters into the metrics whenever these are read."""

    def __init__(self, online: Online, metrics: Metrics) -> None:
        self._online, self._metrics = online, metrics
        self._quarantined: dict[str, int] = {}
        self._events: dict[tuple[str, str], int] = {}
        self._evictions = 0

    def read(self) -> None:
        """Called before each reading."""
        stats, metrics = self._online.stats(), self._metrics
        metrics.gauge("ingest_queue_depth", stats.queue_depth)
        metrics.gauge("wal_bytes", stats.wal_bytes)
        metrics.gauge("state_slots", stats.items_in_memory, "item")
        metrics.gauge("state_slots", stats.users_in_memory, "user")
        metrics.count("state_evictions_total", by=stats.evictions - self._evictions)
        self._evictions = stats.evictions
        if stats.snapshot_at:
            metrics.gauge("snapshot_age_seconds", max(0.0, time.time() - stats.snapshot_at / 1e6))
        for (kind, outcome), count in stats.events.items():
            metrics.count("events_total", kind, outcome, by=count - self._events.get((kind, outcome), 0))
        self._events = stats.events
        for code, count in stats.quarantined.items():
            metrics.count("quarantine_total", code, by=count - self._quarantined.get(code, 0))
        self._quarantined = stats.quarantined
