"""What a transfer found, as plain data, and the ways to show it."""

import json
import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from muslin.transfer.forms import Kind
from muslin.transfer.guard import Gain, Verdict


@dataclass(frozen=True)
class FormRow:
    """NDCG@20 of one form in one segment, among the shoppers that prove (95 % interval), and of those that choose.

    `gain`: over the target's own model, paired, with its interval. `popularity`: the learner's weight of what sells.
    `strength`, `beta`, `epochs`: of a transferred form.
    """

    form: str
    kind: Kind
    segment: str
    choose: float
    value: float
    low: float
    high: float
    gain: Gain
    n_users: int
    popularity: float | None
    strength: float | None
    beta: float | None
    epochs: float | None
    cpu_s: float


@dataclass(frozen=True)
class CurvePoint:
    """Gain of the form chosen with `share` of the target's shoppers, `n_events` events of theirs."""

    share: float
    n_events: int
    form: str
    gain: Gain


@dataclass(frozen=True)
class TransferResult:
    """Everything a transfer found.

    `shared`: training shoppers in both domains. `carried`: by parameter, how many rows came from the source, and how
    many it has.
    """

    dataset: str
    source: str
    target: str
    shared: int
    carried: dict[str, tuple[int, int]]
    rows: tuple[FormRow, ...]
    verdict: Verdict
    curve: tuple[CurvePoint, ...]
    seeds: int

    @property
    def way(self) -> str:
        """What the transfer goes through: encoders and priors of features, bridges over shoppers, both or neither."""
        if not self.shared and not self.carried:
            return "no shopper is in both domains and garments have no features: there is nothing to transfer through"
        if not self.shared:
            through = "what the network learned of features: encoders and priors apply, bridges do not"
            return f"no shopper is in both domains: the transfer goes through {through}"
        features = "them and the features: bridges, encoders and priors apply"
        alone = "them alone, for garments have no features: bridges apply, encoders and priors do not"
        through = features if self.carried else alone
        return f"{self.shared:,} training shoppers are in both domains: the transfer goes through {through}"

    def segments(self) -> tuple[str, ...]:
        """Segments asked about."""
        return tuple(dict.fromkeys(row.segment for row in self.rows))

    def negative(self) -> tuple[FormRow, ...]:
        """Forms that are shown to be worse than the target's own model."""
        return tuple(row for row in self.rows if row.kind not in ("null", "beside") and row.gain.negative)

    def facts(self) -> dict[str, Any]:
        """JSON-ready; an infinite lambda is the string `inf`."""
        found: dict[str, Any] = _plain({**asdict(self), "way": self.way})
        return found

    def to_json(self, target: Path | str) -> None:
        """Write `facts` to a file, or to standard output for `-`."""
        text = json.dumps(self.facts(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        if str(target) == "-":
            sys.stdout.write(text)
        else:
            Path(target).write_text(text, encoding="utf-8")

    def print(self, console: Console | None = None) -> None:
        """Show the tables in the terminal."""
        from muslin.transfer.terminal import render

        (console or Console()).print(render(self))

    def to_html(self, path: Path | str) -> None:
        """Write a self-contained report."""
        from muslin.transfer.report import write

        write(self, Path(path))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return "inf" if isinstance(value, float) and math.isinf(value) else value
