"""Which questions each data set can answer, and how much of them two cores can afford."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from muslin.data.dataset import Dataset
from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.data.sources.registry import source
from muslin.evaluate.leaks import shared_buyers

ITEMS = ("item-cold", "mixed")
NEW = ("user-cold", "both-cold", "k-shot")
DOMAINS = ("cross-domain", "cross-domain-disjoint")
SLOW = frozenset({"clcrec", "vbpr", "cornac-amr", "cornac-vbpr"})
"""Entrants that take longer to fit than all others together: new garments are their question, and no other."""
FEW, MANY = (0, 1, 3), (0, 1, 2, 3, 5, 10, 20)


@dataclass(frozen=True, kw_only=True)
class Round:
    """Protocols evaluated together, with the same ks and cuts."""

    protocols: tuple[str, ...]
    ks: tuple[int, ...] = FEW
    seeds: int = 3
    slow: bool = True
    """Whether entrants take part that cost minutes of processor time a fit."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A data set: how it is made (`make` takes the research data's folder and an empty place), and what it is asked.

    `pictures`: encoders of its pictures. `without`: methods it has nothing for.
    """

    make: Callable[[Path, Path], None]
    rounds: tuple[Round, ...]
    max_users: int = 1000
    pictures: tuple[str, ...] = ()
    without: frozenset[str] = field(default_factory=frozenset)


def imported(name: str, folder: str) -> Callable[[Path, Path], None]:
    """Maker that imports `folder` of the research data with source `name`."""

    def run(data: Path, place: Path) -> None:
        source(name)(data / folder, place)

    return run


def planted(config: BoutiqueConfig) -> Callable[[Path, Path], None]:
    """Maker of a boutique."""

    def run(_data: Path, place: Path) -> None:
        make(place, config, seed=0)

    return run


def without_twins(name: str, folder: str) -> Callable[[Path, Path], None]:
    """Maker like `imported` that leaves out listings of one product in both domains, which give answers away."""

    def run(data: Path, place: Path) -> None:
        source(name)(data / folder, place)
        dataset = Dataset.load(place)
        events = dataset.events.join(dataset.items.select("item_id", "domain"), on="item_id")
        shared_buyers.without_twins(dataset.events, shared_buyers.twin_items(events)).write_parquet(
            place / "events.parquet"
        )

    return run


SPORT_CLOTH = "amazon_sport_cloth"
IDS_ONLY = (Round(protocols=("cross-domain", "user-cold", "warm"), seeds=1, slow=False),)

PLANS = {
    "boutique": Plan(
        make=planted(BoutiqueConfig(n_users=3000, n_events=30_000)),
        rounds=(
            Round(protocols=ITEMS),
            Round(protocols=("k-shot",), ks=(0, 1, 3, 5, 10), slow=False),
            Round(protocols=("user-cold", "both-cold", *DOMAINS, "warm", "time"), slow=False),
        ),
    ),
    "hm_week": Plan(
        make=imported("hm", "hm_week"),
        rounds=(
            Round(protocols=ITEMS),
            Round(protocols=("user-cold", *DOMAINS, "warm", "time"), seeds=2, slow=False),
            Round(protocols=("k-shot",), ks=(0, 1, 3, 5, 10), seeds=2, slow=False),
            Round(protocols=("both-cold",), ks=(0, 1), seeds=2, slow=False),
        ),
    ),
    "rtr": Plan(
        make=imported("rtr", "rtr"),
        rounds=(
            Round(protocols=ITEMS, ks=(0, 1)),
            Round(protocols=("user-cold", "warm", "time"), ks=(0, 1), seeds=2, slow=False),
            Round(protocols=("k-shot",), ks=(0, 1, 3, 5), seeds=2, slow=False),
            Round(protocols=DOMAINS, seeds=2, slow=False),
        ),
    ),
    "citeulike": Plan(
        make=imported("citeulike", "citeulike"),
        rounds=(
            Round(protocols=ITEMS),
            Round(protocols=("k-shot",), ks=MANY, slow=False),
            Round(protocols=("user-cold", "both-cold", "warm"), slow=False),
        ),
    ),
    "ml100k": Plan(
        make=imported("recbole", "ml100k"),
        rounds=(
            Round(protocols=ITEMS),
            Round(protocols=("k-shot",), ks=MANY, slow=False),
            Round(protocols=("user-cold", "both-cold", "warm"), slow=False),
        ),
    ),
    "sport_cloth": Plan(make=imported("sport_cloth", SPORT_CLOTH), rounds=IDS_ONLY),
    "sport_cloth_clean": Plan(make=without_twins("sport_cloth", SPORT_CLOTH), rounds=IDS_ONLY),
}
