"""What tuning the picture encoder is worth: NDCG@20 of pictures alone on garments nobody took, H&M week.

    python -m benchmarks.picture_tuning [FOLDER [STAGE ...]]

`FOLDER` keeps the imported data, the vectors and whatever is unfinished (default: `out/picture_tuning`). One cut of
`item-cold` among the garments that have a picture; the encoder is tuned on its training events alone.
"""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from muslin.data.dataset import Dataset
from muslin.data.sources.registry import source
from muslin.evaluate.exam import Terms
from muslin.evaluate.protocol import protocol
from muslin.features.encoders import efficientnet_lite0
from muslin.features.encoders.tuned import Stage
from muslin.recipes.pictured import pictured
from muslin.recipes.tune_pictures import Plan, Task, finished, judged, searched

SEED, SHOPPERS = 0, 2000


def main() -> None:
    """Print a row a stage: figures of the frozen and the tuned vectors, and the processor seconds that tuning took."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out/picture_tuning")
    data = os.environ.get("MUSLIN_DATA")
    if not data:
        print("skipped: MUSLIN_DATA names no research data")
        return
    if not (folder / "hm" / "dataset.toml").is_file():
        source("hm")(Path(data) / "hm_week", folder / "hm")
    backbone = efficientnet_lite0.load()
    whole = pictured(Dataset.load(folder / "hm"), backbone, folder / "embeddings")
    exam = protocol("item-cold").build(whole.dataset, Terms(SEED, max_users=SHOPPERS))
    print(f"{len(exam.split.cold_items):,} new garments, {len(exam.world.data.events):,} events to learn from")
    print("stage       frozen   tuned   difference (95 %)    judged inside   epochs               CPU s")
    stages: list[Stage] = [stage for stage in ("head", "adapter", "top") if stage in sys.argv[2:] or not sys.argv[2:]]
    for stage in stages:
        started = time.process_time()
        task = Task(Plan(stage=stage), backbone, replace(whole, dataset=exam.split.train), folder)
        search = searched(task)
        learned = finished(task, search)
        spent = time.process_time() - started
        inside, found = search.validation, judged(task, exam, learned.params)
        print(
            f"{stage:10} {found.frozen:7.4f} {found.tuned:7.4f}   {found.low:+.4f} to {found.high:+.4f}"
            f"   {inside.frozen:.4f} {inside.tuned:.4f}   {dict(learned.epochs)}   {spent:,.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
