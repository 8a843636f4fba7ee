"""The numbers as Prometheus reads them."""

import threading

import pytest

from muslin.engine.metrics import METRICS, Metrics


def test_text() -> None:
    metrics = Metrics()
    metrics.count("events_total", "click", "accepted", by=3)
    metrics.count("events_total", "click", "accepted")
    metrics.gauge("model_info", 1, 'a"b\\c\nd')
    for seconds in (0.0005, 0.001, 0.02, 99):
        metrics.observe("event_commit_duration_seconds", seconds)
    lines = metrics.text().splitlines()
    assert 'muslin_events_total{type="click",outcome="accepted"} 4' in lines
    assert r'muslin_model_info{version="a\"b\\c\nd"} 1' in lines
    assert 'muslin_event_commit_duration_seconds_bucket{le="0.001"} 2' in lines
    assert 'muslin_event_commit_duration_seconds_bucket{le="0.025"} 3' in lines
    assert 'muslin_event_commit_duration_seconds_bucket{le="10.0"} 3' in lines
    assert 'muslin_event_commit_duration_seconds_bucket{le="+Inf"} 4' in lines
    assert "muslin_event_commit_duration_seconds_sum 99.0215" in lines
    assert "muslin_event_commit_duration_seconds_count 4" in lines


def test_every_metric_says_what_it_is() -> None:
    text = Metrics().text()
    for name, metric in METRICS.items():
        assert f"# HELP muslin_{name} {metric.help}\n# TYPE muslin_{name} {metric.kind}\n" in text
    assert not {"user", "user_id", "item", "item_id"} & {
        label for metric in METRICS.values() for label in metric.labels
    }


def test_wrong_use_is_an_error() -> None:
    metrics = Metrics()
    with pytest.raises(KeyError):
        metrics.count("nothing")
    with pytest.raises(ValueError, match="is a counter with labels"):
        metrics.count("events_total", "click")
    with pytest.raises(ValueError, match="is a gauge"):
        metrics.count("wal_bytes")


def test_series_are_bounded() -> None:
    metrics = Metrics()
    for n in range(5000):
        metrics.count("quarantine_total", f"code{n}")
        metrics.observe("http_request_duration_seconds", 1, f"route{n}", "GET", "2xx")
    assert metrics.text().count("muslin_quarantine_total{") == 1000
    assert metrics.text().count("muslin_http_request_duration_seconds_count{") == 1000


def test_nothing_is_lost_between_threads() -> None:
    metrics = Metrics()

    def work() -> None:
        for _ in range(2000):
            metrics.count("state_evictions_total")
            metrics.observe("event_to_visible_seconds", 0.5)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.value("state_evictions_total") == 8000
    assert metrics.value("event_to_visible_seconds") == 4000


def test_gauges_are_measured_when_read() -> None:
    metrics, size = Metrics(), [1]
    metrics.before_reading(lambda: metrics.gauge("wal_bytes", size[0]))
    assert "muslin_wal_bytes 1\n" in metrics.text()
    size[0] = 7
    assert "muslin_wal_bytes 7\n" in metrics.text()
