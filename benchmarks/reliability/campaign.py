"""What a campaign is: a promise, an attempt to break it, and mutants that the same attempt must catch."""

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

UNTIL = "MUSLIN_CAMPAIGN_UNTIL"
"""Variable with the time (seconds since 1970) at which long campaigns stop; processes they start see it too."""
RESULTS = Path(__file__).parents[1] / "results" / "reliability"


@dataclass
class Found:
    """What a campaign did and saw.

    `done`: how far it went, in the words of the target. `failures`: each a broken promise. `controls`: by mutant,
    whether it was caught. `notes`: what else a reader must know. `share`: how much was done of what was asked.
    """

    done: dict[str, float | int | str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    controls: dict[str, bool] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    share: float = 1.0

    @property
    def kept(self) -> bool:
        """The promise held, and the campaign would have seen it broken."""
        return not self.failures and bool(self.controls) and all(self.controls.values())


@dataclass(frozen=True)
class Campaign:
    """A row of the promises. `run(scale)`: 1 is the target, 0.01 a hundredth of it."""

    row: int
    name: str
    promise: str
    target: str
    run: Callable[[float], Found]


def write(campaign: Campaign, scale: float) -> Found:
    """Run a campaign and write what it found to `RESULTS`."""
    started, cpu = time.time(), _cpu()
    found = campaign.run(scale)
    saw = asdict(found)
    done = scale * saw.pop("share")
    told = {
        "row": campaign.row,
        "name": campaign.name,
        "promise": campaign.promise,
        "target": campaign.target,
        **saw,
        "scale": round(done, 6),
        "kept": found.kept,
        "wall_seconds": round(time.time() - started, 1),
        "cpu_seconds": round(_cpu() - cpu, 1),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "day": time.strftime("%Y-%m-%d", time.gmtime(started)),
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{campaign.name}.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return found


def _cpu() -> float:
    """Seconds of processor time, those of children that ended among them."""
    return sum(os.times()[:4])


class Steps:
    """Says on standard error how far a long run is, every fiftieth of `whole`, and what it saw."""

    def __init__(self, name: str, whole: int) -> None:
        self._name, self._whole, self._told, self._started = name, whole, 0, time.monotonic()
        self._until, self._done = float(os.environ.get(UNTIL, "inf")), 0

    def at(self, done: int, saw: object = "") -> bool:
        """`done` of the whole; whether there is time for more."""
        self._done = done
        if done * 50 // self._whole > self._told:
            self._told = done * 50 // self._whole
            seconds = time.monotonic() - self._started
            print(f"   {self._name}: {done:,} of {self._whole:,} in {seconds:.0f} s {saw}", file=sys.stderr, flush=True)
        return time.time() < self._until

    @property
    def share(self) -> float:
        """Of the whole that is done."""
        return self._done / self._whole


def unhurried() -> None:
    """From here on take the time that is needed: a control that is cut short is missed."""
    os.environ.pop(UNTIL, None)


def sized(target: int, scale: float, least: int = 1) -> int:
    """`scale` of `target`."""
    return max(least, round(target * scale))
