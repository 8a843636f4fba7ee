"""Which questions each data set can answer, and how much of them two cores can afford."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cold_start.limits import EVERYWHERE, IDS, META, Limit
from muslin.data.dataset import Dataset
from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.data.sources.registry import source
from muslin.evaluate.leaks import shared_buyers

ITEMS = ("item-cold", "mixed")
NEW = ("user-cold", "both-cold", "k-shot")
DOMAINS = ("cross-domain", "cross-domain-disjoint")
FEW, MANY = (0, 1, 3), (0, 1, 2, 3, 5, 10, 20)


@dataclass(frozen=True, kw_only=True)
class Round:
    """Protocols evaluated together, with the same ks and cuts: `seeds` of them, the first with the seed `first`."""

    protocols: tuple[str, ...]
    ks: tuple[int, ...] = FEW
    seeds: int = 3
    first: int = 0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A data set: how it is made (`make` takes the research data's folder and an empty place), and what it is asked.

    `pictures`: encoders of its pictures. `limits`: entrants that are not asked everything.
    """

    make: Callable[[Path, Path], None]
    rounds: tuple[Round, ...]
    max_users: int = 1000
    pictures: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = EVERYWHERE

    def asked(self, names: Sequence[str], protocols: Sequence[str]) -> list[str]:
        """Those of `names` who are asked all of `protocols`."""
        return [n for n in names if all(set(protocols) <= set(one.protocols) for one in self.limits if n in one.names)]

    def spared(self, protocol: str) -> dict[str, str]:
        """Who is not asked `protocol`, and the reason."""
        return {n: one.reason for one in self.limits if protocol not in one.protocols for n in sorted(one.names)}


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
IDS_ONLY = (Round(protocols=("cross-domain",), seeds=1), Round(protocols=("user-cold", "warm"), seeds=1))

PLANS = {
    "boutique": Plan(
        make=planted(BoutiqueConfig(n_users=3000, n_events=30_000)),
        rounds=(
            Round(protocols=ITEMS),
            Round(protocols=("k-shot",), ks=(0, 1, 3, 5, 10)),
            Round(protocols=DOMAINS),
            Round(protocols=("user-cold", "both-cold", "warm", "time")),
        ),
    ),
    "hm_week": Plan(
        make=imported("hm", "hm_week"),
        rounds=(
            Round(protocols=ITEMS, seeds=2),
            Round(protocols=("k-shot",), ks=(0, 1, 3, 5, 10), seeds=1),
            Round(protocols=DOMAINS, seeds=1),
            Round(protocols=("user-cold", "warm", "time"), seeds=1),
            Round(protocols=("both-cold",), ks=(0, 1), seeds=1),
        ),
        limits=(*EVERYWHERE, META),
    ),
    "rtr": Plan(
        make=imported("rtr", "rtr"),
        rounds=(
            Round(protocols=ITEMS, ks=(0, 1)),
            Round(protocols=("k-shot",), ks=(0, 1, 3, 5), seeds=1),
            Round(protocols=DOMAINS, seeds=1),
            Round(protocols=("user-cold", "warm", "time"), ks=(0, 1), seeds=1),
        ),
        limits=(*EVERYWHERE, META),
    ),
    "citeulike": Plan(
        make=imported("citeulike", "citeulike"),
        rounds=(
            Round(protocols=ITEMS),
            Round(protocols=("k-shot",), ks=MANY, seeds=1),
            Round(protocols=("user-cold", "both-cold", "warm"), seeds=1),
        ),
        limits=(*EVERYWHERE, META),
    ),
    "ml100k": Plan(
        make=imported("recbole", "ml100k"),
        rounds=(
            Round(protocols=ITEMS),
            Round(protocols=("k-shot",), ks=MANY),
            Round(protocols=("user-cold", "both-cold", "warm")),
        ),
    ),
    "sport_cloth": Plan(make=imported("sport_cloth", SPORT_CLOTH), rounds=IDS_ONLY, limits=(*EVERYWHERE, META, IDS)),
    "sport_cloth_clean": Plan(
        make=without_twins("sport_cloth", SPORT_CLOTH), rounds=IDS_ONLY, limits=(*EVERYWHERE, META, IDS)
    ),
}
