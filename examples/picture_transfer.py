"""ImageNet to fashion categories to recommendations: what each step of a picture encoder's transfer is worth.

python examples/picture_transfer.py [DATASET]

Without DATASET a small boutique is made. Pictures alone rank garments that nobody took: by the backbone as ImageNet
left it; with a head that learned to tell the shop's categories; and with that head taught what shoppers take together,
pulled towards where it began (L2-SP).
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from muslin.data.dataset import Dataset
from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.evaluate.answers import answer, scores_of
from muslin.evaluate.exam import Exam, Terms
from muslin.evaluate.protocol import protocol
from muslin.evaluate.rows import contrasts
from muslin.features.encoders import efficientnet_lite0
from muslin.method import Fitted
from muslin.nets.picture_tuning import Config, PictureTuning
from muslin.nets.vector_cosine import VectorCosine
from muslin.recipes.pictured import pictured
from muslin.train.loop import Run, train

CATEGORIES = Config(taste_weight=0.0, category_weight=1.0, epochs=8)
TASTE = Config(strength=1.0, epochs=5)


def transferred(dataset: Dataset, cache: Path | None = None) -> dict[str, tuple[float, float, float]]:
    """NDCG@20 of each step on new garments, with its 95 % interval: one cut, what is asked was never learned from."""
    seen = pictured(dataset, efficientnet_lite0.load(), cache)
    exam = protocol("item-cold").build(seen.dataset, Terms(0, max_users=2000))
    data, ids = exam.world.data, exam.world.catalogue.ids
    frozen = torch.from_numpy(seen.pictures.inputs[seen.pictures.of(ids)])
    told = PictureTuning(CATEGORIES, seen.pictures)
    categories = train(told, data, Run("categories", 0, epochs=CATEGORIES.epochs)).params
    taught = PictureTuning(TASTE, seen.pictures, categories)
    taste = train(taught, data, Run("taste", 0, epochs=TASTE.epochs)).params
    steps = {
        "ImageNet, frozen": frozen,
        "told categories": told.vectors(categories, ids),
        "taught tastes": taught.vectors(taste, ids),
    }
    return judged(seen.dataset, exam, steps)


def judged(dataset: Dataset, exam: Exam, steps: dict[str, torch.Tensor]) -> dict[str, tuple[float, float, float]]:
    """NDCG@20 of cosines among new garments, by step."""
    within = replace(exam, asks=tuple(ask for ask in exam.asks if ask.view == "within"))
    fitted = {name: Fitted(VectorCosine(), {"vectors": vectors}) for name, vectors in steps.items()}
    answers = {name: [answer(within, name, scores_of(model, within), 0.0)] for name, model in fitted.items()}
    rows, _ = contrasts(dataset, protocol("item-cold"), answers, [])
    return {row.method: (row.value, row.ci_low or 0.0, row.ci_high or 1.0) for row in rows if row.metric == "ndcg@20"}


def main() -> None:
    """Print a line a step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", type=Path, metavar="DATASET")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.dataset is None:
            shape = BoutiqueConfig(n_items=300, n_users=600, n_events=9_000)
            shop = make(Path(folder) / "shop", shape, seed=0)
        else:
            shop = Dataset.load(asked.dataset)
        print("Pictures alone, garments that nobody took, ranked among themselves for shoppers who are known.")
        print("step               NDCG@20 (95 % interval)")
        for step, (value, low, high) in transferred(shop).items():
            print(f"{step:18} {value:.4f} ({low:.4f} to {high:.4f})")


if __name__ == "__main__":
    main()
