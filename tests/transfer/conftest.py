"""Small boutiques in which taste is loud, and what a transfer finds in them."""

import io
from collections.abc import Callable
from functools import cache

import polars as pl
import pytest
from rich.console import Console

from muslin.data.crossing import crossing
from muslin.data.dataset import Dataset
from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.random import stream
from muslin.transfer.forms import Form, Ground, forms, ground
from muslin.transfer.guard import Gain, Verdict
from muslin.transfer.matrix import Matrix
from muslin.transfer.plan import Plan
from muslin.transfer.result import CurvePoint, FormRow, TransferResult
from muslin.transfer.run import transfer

PLAN = Plan(
    source="accessories",
    target="apparel",
    strengths=(0.0, 5.0, float("inf")),
    betas=(0.5, 1.0),
    shares=(0.2, 1.0),
    learner={"dimensions": 32, "epochs": 4, "negatives": 128, "batch_size": 256},
)
EVIL = "<script>alert('x')</script>[bold red]\x1b[31m[/]"


@pytest.fixture(scope="session")
def plan() -> Plan:
    return PLAN


@pytest.fixture(scope="session")
def boutique(tmp_path_factory) -> Callable[[float], Dataset]:
    """The boutique by its dial: everything in a taste is told by columns, nothing by profiles or by popularity."""

    @cache
    def made(dial: float) -> Dataset:
        config = BoutiqueConfig(
            n_items=200,
            n_users=700,
            n_events=9000,
            shared_taste=dial,
            pictures=False,
            taste_strength=4.0,
            residual=0.0,
            popularity_spread=0.1,
            exposure_bias=0.0,
            profile_signal=0.0,
            season_strength=0.0,
        )
        return make(tmp_path_factory.mktemp("boutique") / "shop", config, seed=0)

    return made


@pytest.fixture(scope="session")
def shared(boutique) -> Dataset:
    """Shoppers have one taste in both domains."""
    return boutique(1.0)


@pytest.fixture(scope="session")
def shuffled(shared) -> Dataset:
    """The same, but each shopper's accessories are those of somebody else."""
    source = shared.items.filter(pl.col("domain") == "accessories")["item_id"]
    inside = pl.col("item_id").is_in(source.implode())
    taught, rest = shared.events.filter(inside), shared.events.filter(~inside)
    users = taught["user_id"].unique().sort()
    others = users.gather(stream(0, "shuffled").permutation(len(users)))
    taught = taught.with_columns(pl.col("user_id").replace_strict(users, others))
    return shared.with_events(pl.concat([taught, rest]).sort("timestamp", maintain_order=True))


@pytest.fixture(scope="session")
def found(shared) -> TransferResult:
    return transfer(shared, PLAN, 0)


@pytest.fixture(scope="session")
def crossed(shared) -> Ground:
    return ground(crossing(shared, "accessories", "apparel", 0), PLAN, 0)


@pytest.fixture(scope="session")
def tried(crossed) -> dict[str, Form]:
    return {form.name: form for form in forms(crossed)}


def gain_of(value: float, low: float, high: float, segment: str = "new", null: float = 0.2) -> Gain:
    return Gain(segment, "popularity, target only", null, null + value, value, low, high)


def row(form: str, kind: str, gain: Gain, **more) -> FormRow:
    rest = {"popularity": None, "strength": None, "beta": None, "epochs": None} | more
    return FormRow(
        form, kind, gain.segment, 0.3, gain.form, gain.form - 0.1, gain.form + 0.1, gain, 120, **rest, cpu_s=1.0
    )


@pytest.fixture(scope="session")
def shown() -> Callable[..., str]:
    """What a result prints."""

    def print_(found: TransferResult | Matrix, width: int = 300) -> str:
        console = Console(width=width, record=True, file=io.StringIO())
        found.print(console)
        return console.export_text()

    return print_


@pytest.fixture
def written() -> TransferResult:
    """A result written by hand, of domains with hostile names."""
    null, good, bad = gain_of(0, 0, 0), gain_of(0.05, 0.01, 0.09), gain_of(-0.04, -0.06, -0.02)
    best = "lambda inf"
    rows = (
        row("popularity, target only", "null", null),
        row("source, frozen", "frozen", bad, strength=float("inf")),
        row(best, "transferred", good, popularity=0.5, strength=float("inf"), beta=1.0, epochs=2.5),
        row("ease", "beside", bad),
    )
    curve = tuple(CurvePoint(share, 10, best, good) for share in (0.01, 1.0))
    verdict = Verdict("popularity, target only", best, best, (good,))
    carried = {"item": (3, 1234), "bias": (5, 5), "sold": (0, 7)}
    return TransferResult(EVIL, f"s{EVIL}", f"t{EVIL}", 1200, carried, rows, verdict, curve, 2)
