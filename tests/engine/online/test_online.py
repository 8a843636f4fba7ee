"""The door to the online state: what is taken, what is not, and what the state then says."""

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pytest

from muslin.engine.online.event import Shopper
from muslin.engine.online.online import Online
from muslin.engine.online.refused import RefusedError
from muslin.engine.online.rules import Rules
from muslin.engine.online.stored import Put
from muslin.errors import DataError

NOW = 1_700_000_000_000_000
ANN, BOB = Shopper("user", "ann"), Shopper("user", "bob")
Make = Callable[..., dict[str, Any]]


def weights(online: Online, who: Shopper) -> dict[str, float]:
    return {taken.item: taken.weight for taken in online.history(who)}


def test_what_a_shopper_did_is_known_at_once(opened: Callable[..., Online], make: Make) -> None:
    online = opened()
    online.ingest([make(1), make(2, item="scarf1", type="purchase", ago=30), make(3, type="view"), make(4, "bob")])
    assert weights(online, ANN) == {"dress1": 2.0, "scarf1": 5.0}
    assert [taken.item for taken in online.history(ANN)] == ["dress1", "scarf1"]
    assert online.seen(BOB) == {"dress1"}
    assert online.seen(Shopper("session", "ann")) == frozenset()
    assert {told.shopper for told in online.revealed("dress1")} == {online.key(ANN), online.key(BOB)}
    assert online.revealed("nothing") == ()


def test_impressions_are_counted_and_say_nothing_of_taste(opened: Callable[..., Online], make: Make) -> None:
    online = opened()
    online.ingest([make(1, type="impression"), make(2, type="impression", item="scarf1"), make(3, type="remove")])
    assert online.history(ANN) == ()
    assert online.revealed("dress1") == ()
    assert online.counts("dress1") == {"impression": 1, "remove": 1}
    assert online.trend("dress1") == 0.0


def test_same_id_same_body_is_a_duplicate_and_another_body_a_conflict(
    opened: Callable[..., Online], make: Make
) -> None:
    online = opened()
    first = online.ingest([make(1), make(1), make(1, item="scarf1"), make(2)])
    assert (first.accepted, first.duplicates) == (2, 1)
    assert [(bad.index, bad.code, bad.event_id) for bad in first.rejected] == [(2, "id_conflict", "e1")]
    again = online.ingest([make(2), make(1), make(1, "bob")])
    assert (again.accepted, again.duplicates, [bad.index for bad in again.rejected]) == (0, 2, [2])
    assert again.committed_seq == first.committed_seq == 2
    assert weights(online, ANN) == {"dress1": 2.0}


def test_atomic_is_all_or_nothing(opened: Callable[..., Online], make: Make) -> None:
    online = opened()
    online.ingest([make(1)])
    before = online.state_hash()
    refused = online.ingest([make(2, item="scarf1"), make(1, item="hat")], atomic=True)
    assert (refused.accepted, [bad.code for bad in refused.rejected]) == (0, ["id_conflict"])
    assert online.state_hash() == before
    assert online.stats().quarantined == {}
    assert online.ingest([make(2, item="scarf1"), make(1)], atomic=True).accepted == 1
    online.ingest([make(1, item="hat")])
    assert online.stats().quarantined == {"id_conflict": 1}


class Growing(Counter[tuple[str, str]]):
    """Gets a new key whenever one is read, as if the writer came between."""

    def items(self) -> Any:
        for pair in super().items():
            yield pair
            self["more", str(len(self))] = 1


def test_counters_are_read_while_the_writer_adds_to_them(opened: Callable[..., Online]) -> None:
    online = opened()
    online._admission.events = Growing({("click", "accepted"): 1, ("view", "accepted"): 2})
    assert online.stats().events == {("click", "accepted"): 1, ("view", "accepted"): 2}


def test_one_shopper_counts_little_in_sums(opened: Callable[..., Online], make: Make) -> None:
    online = opened(rules=Rules(daily_cap=3))
    online.ingest([make(number) for number in range(50)])
    assert online.trend("dress1") == 3 * 2.0
    assert online.counts("dress1") == {"click": 50}


def test_what_is_long_ago_counts_less(opened: Callable[..., Online], make: Make) -> None:
    online = opened(rules=Rules(half_life_days=2.0, trend_days=4.0))
    online.ingest([make(1, ago=24 * 4), make(2, item="scarf1")])
    assert weights(online, ANN) == {"dress1": 0.5, "scarf1": 2.0}
    assert online.trend("dress1") == 1.0


def test_events_of_unknown_garments_wait_for_them(opened: Callable[..., Online], make: Make) -> None:
    time = [NOW]
    online = opened(now=lambda: time[0])
    online.know(["dress1"])
    told = online.ingest([make(1), make(2, item="hat"), make(3, item="cap")])
    assert (told.accepted, told.pending) == (3, 2)
    assert weights(online, ANN) == {"dress1": 2.0}
    assert online.ingest([make(2, item="hat")]).duplicates == 1
    assert online.know(["dress1", "hat"]) == 1
    assert weights(online, ANN) == {"dress1": 2.0, "hat": 2.0}
    time[0] += 8 * 86_400_000_000
    online.ingest([make(4, ago=-24)])
    assert online.know(["cap"]) == 0  # after the house-keeping, which follows the acknowledgement
    assert online.stats().quarantined == {"unknown_item": 1}


def test_restart_is_exact(opened: Callable[..., Online], make: Make) -> None:
    online = opened(rules=Rules(snapshot_events=7))
    for number in range(25):
        online.ingest([make(number, f"u{number % 5}", f"g{number % 3}")])
    expected, seq = online.state_hash(), online.seq
    assert online.stats().snapshot_seq == 21
    online.close()
    again = opened(rules=Rules(snapshot_events=7))
    assert (again.state_hash(), again.seq) == (expected, seq)
    again.close()
    # Other rules: nothing of the snapshot can be used.
    other = opened(rules=Rules(snapshot_events=7, support=2))
    assert other.state_hash() != expected
    assert len(other.revealed("g0")) == 2
    other.close()
    assert opened(rules=Rules(snapshot_events=7)).state_hash() == expected


def test_evicted_slots_answer_the_same(opened: Callable[..., Online], make: Make) -> None:
    small, large = opened("small", Rules(slots=4, snapshot_events=10)), opened("large")
    events = [make(number, f"u{number % 40}", f"g{number % 7}") for number in range(120)]
    for at in range(0, len(events), 5):
        small.ingest(events[at : at + 5])
        large.ingest(events[at : at + 5])
    assert small.stats().evictions > 50
    assert small.stats().users_in_memory + small.stats().items_in_memory < 30
    assert [weights(small, Shopper("user", f"u{n}")) for n in range(40)] == [
        weights(large, Shopper("user", f"u{n}")) for n in range(40)
    ]
    small.snapshot()
    assert small.stats().users_in_memory <= 4


def test_a_damaged_slot_is_made_anew(opened: Callable[..., Online], make: Make, tmp_path: Path) -> None:
    import sqlite3

    online = opened()
    online.ingest([make(n, f"u{n % 3}", f"g{n % 4}", type="cart" if n % 2 else "view") for n in range(60)])
    expected = online.state_hash()
    histories = [online.history(Shopper("user", f"u{n}")) for n in range(3)]
    online.close()
    db = sqlite3.connect(tmp_path / "state" / "state.db")
    assert db.execute("UPDATE slots SET body = substr(body, 1, 5)").rowcount == 7
    db.commit()
    db.close()
    again = opened()
    assert [again.history(Shopper("user", f"u{n}")) for n in range(3)] == histories
    again.ingest([make(1000, "u1", "g1")])
    other = opened("other", now=lambda: NOW)
    assert again.state_hash() != expected != other.state_hash()


def test_too_much_is_refused_and_nothing_of_it_kept(opened: Callable[..., Online], make: Make) -> None:
    online = opened(rules=Rules(queue_events=10))
    block, inside = threading.Event(), threading.Event()
    held = online._writer.call(lambda: (inside.set(), block.wait(10)))
    inside.wait(10)
    first = online.submit([make(n) for n in range(8)])
    with pytest.raises(RefusedError) as caught:
        online.submit([make(n) for n in range(8, 16)])
    assert caught.value.code == "queue_full"
    block.set()
    wait([held, first])
    assert online.ingest([make(n) for n in range(16)]).accepted == 8


def test_a_flood_of_one_shopper_is_refused_alone(opened: Callable[..., Online], make: Make) -> None:
    online = opened(rules=Rules(shopper_rate=10))
    mixed = online.ingest([make(n) for n in range(15)] + [make(99, "bob")])
    assert mixed.accepted == 11
    assert {bad.code for bad in mixed.rejected} == {"rate_limited"}
    with pytest.raises(RefusedError) as caught:
        online.ingest([make(200)])
    assert caught.value.code == "too_fast"
    assert online.ingest([make(201, "bob")]).accepted == 1


def test_a_full_disk_refuses_events_and_goes_on_reading(opened: Callable[..., Online], make: Make) -> None:
    online = opened(rules=Rules(low_disk_bytes=1 << 60))
    with pytest.raises(RefusedError) as caught:
        online.ingest([make(1)])
    assert caught.value.code == "storage_full"
    for put in (online.put_items, online.put_users):
        with pytest.raises(RefusedError) as caught:
            put([Put("ann", 1, {"club": "gold"})])
        assert caught.value.code == "storage_full"
    assert (online.history(ANN), online.items(), online.profile("ann")) == ((), [], None)


def small(online: Online) -> None:
    """From now on the database has no room for another page."""
    online._do(lambda: online._db.execute(f"PRAGMA max_page_count={_pages(online)}").fetchone())


def _pages(online: Online) -> int:
    return int(online._db.execute("PRAGMA page_count").fetchone()[0])


def test_a_disk_that_fills_up_within_a_write_is_told_alike(opened: Callable[..., Online]) -> None:
    online = opened()
    small(online)
    many = [Put(f"u{n}", 1, {"about": "x" * 500}) for n in range(100)]
    for put in (online.put_items, online.put_users):
        with pytest.raises(RefusedError) as caught:
            put(many)
        assert caught.value.code == "storage_full"
    assert online.items() == []


def test_an_erasure_that_finds_no_room_is_told_alike(
    opened: Callable[..., Online], make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = opened()
    online.ingest([make(n, "ann", f"dress{n}") for n in range(4)])

    def full(_db: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("muslin.engine.online.erase.empty_log", full)
        with pytest.raises(RefusedError) as caught:
            online.erase("ann")
    assert caught.value.code == "storage_full"
    assert online.erase("ann").events == 0  # the rest of it, once there is room
    assert online.history(ANN) == ()


def test_the_newest_events_that_say_a_liking(opened: Callable[..., Online], make: Make) -> None:
    online = opened()
    online.ingest([make(n, "ann", f"dress{n}", ago=9 - n) for n in range(5)] + [make(9, "bob", type="impression")])
    found = online.latest(3)
    assert [item for _, item, _ in found] == ["dress2", "dress3", "dress4"]
    assert [at for _, _, at in found] == sorted(at for _, _, at in found)
    assert {who for who, _, _ in found} == {online.key(ANN).hex().upper()}


def test_waiting_for_a_number(opened: Callable[..., Online], make: Make) -> None:
    online = opened()
    assert online.wait(0, 0.0)
    assert not online.wait(1, 0.01)
    waiting = threading.Thread(target=online.wait, args=(1, 10))
    waiting.start()
    online.ingest([make(1)])
    waiting.join(5)
    assert not waiting.is_alive()


def test_changes_are_told_to_those_who_follow(opened: Callable[..., Online], make: Make) -> None:
    online = opened()
    version, every = online.changes(0)
    assert (version, every) == (0, frozenset())
    online.ingest([make(1), make(2, item="scarf1"), make(3, item="hat", type="impression")])
    version, items = online.changes(version)
    assert items == {"dress1", "scarf1"}
    assert online.changes(version) == (version, frozenset())
    assert online.changes(version + 5)[1] is None


def test_rows_of_the_catalogue_and_profiles_are_kept(opened: Callable[..., Online]) -> None:
    online = opened()
    first = online.put_items([Put("a", 5, {"price": 1}), Put("b", 5, {"price": 2})])
    second = online.put_items([Put("a", 4, {"price": 3}), Put("b", 6, None)])
    assert (first.kept, second.kept, second.stale) == (2, 1, 1)
    assert second.seq > first.seq
    online.put_users([Put("ann", 1, {"club": "gold"})])
    online.close()
    again = opened()
    assert [(row.id, row.body) for row in again.items()] == [("a", {"price": 1}), ("b", None)]
    assert again.profile("ann") == {"club": "gold"}
    assert again.profile("bob") is None
    assert again.seq >= second.seq


def test_one_owner_at_a_time(opened: Callable[..., Online], tmp_path: Path) -> None:
    opened()
    with pytest.raises(DataError) as caught:
        Online.open(tmp_path / "state")
    assert caught.value.code == "state_in_use"


def test_a_lost_secret_is_named(opened: Callable[..., Online], tmp_path: Path) -> None:
    opened().close()
    (tmp_path / "state" / "secret.key").unlink()
    with pytest.raises(DataError) as caught:
        opened()
    assert caught.value.code == "no_secret"


def test_nothing_is_taken_after_the_end(opened: Callable[..., Online], make: Make) -> None:
    online = opened()
    online.close()
    with pytest.raises(RefusedError) as caught:
        online.submit([make(1)])
    assert caught.value.code == "closed"
