"""What the service counts and times, as Prometheus reads it.

One table names every metric with its labels, so a label can hold a route, a code or a path and never a shopper or a
garment: their number is not bounded, and they are nobody's business.

Source: the Prometheus text exposition format, version 0.0.4.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Literal, NamedTuple

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MOST_SERIES = 1000
"""Combinations of labels kept of one metric; more are not counted apart but dropped."""


class Metric(NamedTuple):
    """Kind, labels and meaning of one metric."""

    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


METRICS: dict[str, Metric] = {
    "http_request_duration_seconds": Metric(
        "histogram", ("route", "method", "status_class"), "Time from routing to the first byte of the answer."
    ),
    "events_total": Metric("counter", ("type", "outcome"), "Events received, by what became of them."),
    "event_commit_duration_seconds": Metric("histogram", (), "Time of one group commit."),
    "ingest_queue_depth": Metric("gauge", (), "Batches waiting for the writer."),
    "event_to_visible_seconds": Metric("histogram", (), "Time from receipt of an event until answers know of it."),
    "wal_bytes": Metric("gauge", (), "Size of the write-ahead log."),
    "state_slots": Metric("gauge", ("kind",), "Entities held in memory."),
    "state_evictions_total": Metric("counter", (), "Entities that made room for others."),
    "snapshot_age_seconds": Metric("gauge", (), "Age of the newest snapshot."),
    "recovery_seconds": Metric("gauge", (), "Time the last start took to recover the state."),
    "model_info": Metric("gauge", ("version",), "1 for the model that answers."),
    "model_swap_total": Metric("counter", ("outcome",), "Models loaded, activated, rolled back or refused."),
    "fallback_total": Metric("counter", ("reason",), "Answers that were empty or not personal."),
    "path_total": Metric("counter", ("path",), "Garments recommended, by what their place rests on."),
    "explored_exposures_total": Metric("counter", (), "Garments shown to learn about them."),
    "exposure_gini": Metric("gauge", (), "How unevenly garments were shown lately: 0 all alike, near 1 a few only."),
    "quarantine_total": Metric("counter", ("code",), "Rows and events set aside."),
    "nonfinite_total": Metric("counter", ("where",), "Numbers that were not finite and were caught."),
    "auth_failures_total": Metric("counter", ("reason",), "Requests refused for their key."),
    "requests_shed_total": Metric("counter", ("code",), "Requests refused because of their number."),
}
"""Name without `muslin_` -> what it is."""

Labels = tuple[str, ...]


class Metrics:
    """The numbers. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, dict[Labels, float]] = {name: {} for name in METRICS}
        self._buckets: dict[str, dict[Labels, list[int]]] = {name: {} for name in METRICS}
        self._before: list[Callable[[], None]] = []

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Add to a counter."""
        with self._lock:
            if self._room(name, labels, "counter"):
                self._values[name][labels] = self._values[name].get(labels, 0) + by

    def gauge(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge."""
        with self._lock:
            if self._room(name, labels, "gauge"):
                self._values[name][labels] = value

    def observe(self, name: str, value: float, *labels: str) -> None:
        """Add a value, in seconds, to a histogram."""
        with self._lock:
            if self._room(name, labels, "histogram"):
                held = self._buckets[name].setdefault(labels, [0] * (len(_SECONDS) + 1))
                held[bisect_left(_SECONDS, value)] += 1
                self._values[name][labels] = self._values[name].get(labels, 0) + value

    def forget(self, name: str) -> None:
        """Drop all series of a metric, such as the version of a model that no longer answers."""
        with self._lock:
            self._values[name].clear()

    def value(self, name: str, *labels: str) -> float:
        """Current value, the sum of a histogram; 0 where nothing was recorded."""
        with self._lock:
            return self._values[name].get(labels, 0)

    def before_reading(self, measure: Callable[[], None]) -> None:
        """Call `measure` before each reading: it sets the gauges nobody sets by themselves."""
        self._before.append(measure)

    def text(self) -> str:
        """All of it, as Prometheus reads it."""
        for measure in self._before:
            measure()
        with self._lock:
            return "".join(f"{line}\n" for name, metric in METRICS.items() for line in self._lines(name, metric))

    def _room(self, name: str, labels: Labels, kind: str) -> bool:
        metric = METRICS[name]
        if metric.kind != kind or len(labels) != len(metric.labels):
            raise ValueError(f"{name} is a {metric.kind} with labels {metric.labels}")
        return labels in self._values[name] or len(self._values[name]) < MOST_SERIES

    def _lines(self, name: str, metric: Metric) -> Iterator[str]:
        full = f"muslin_{name}"
        yield f"# HELP {full} {metric.help}"
        yield f"# TYPE {full} {metric.kind}"
        for labels, value in sorted(self._values[name].items()):
            given = list(zip(metric.labels, labels, strict=True))
            if metric.kind == "histogram":
                yield from _histogram(full, given, self._buckets[name][labels], value)
            else:
                yield f"{full}{_braces(given)} {_number(value)}"


def _histogram(full: str, given: list[tuple[str, str]], buckets: list[int], total: float) -> Iterator[str]:
    for edge, below in zip((*map(str, _SECONDS), "+Inf"), accumulate(buckets), strict=True):
        yield f"{full}_bucket{_braces([*given, ('le', edge)])} {below}"
    yield f"{full}_sum{_braces(given)} {_number(total)}"
    yield f"{full}_count{_braces(given)} {sum(buckets)}"


def _braces(given: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in given) + "}" if given else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return repr(int(value)) if float(value).is_integer() else repr(float(value))
