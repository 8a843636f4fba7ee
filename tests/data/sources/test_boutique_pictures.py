"""The drawn garments: real PNG pictures that show colour, pattern, shape, and what no column tells."""

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image

from muslin.data.dataset import Dataset
from muslin.data.sources.boutique import BoutiqueConfig, draw, make, words
from muslin.data.sources.boutique.shapes import SHAPES

Pixels = NDArray[np.uint8]
PLAIN_MARKS = np.array([1, 1, 0, 0])  # no shift


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make(tmp_path_factory.mktemp("pictures") / "w", BoutiqueConfig(n_items=400, n_users=10, n_events=10), seed=5)


@pytest.fixture(scope="module")
def shots(shop: Dataset) -> dict[str, bytes]:
    assert shop.root is not None
    assert shop.schema.images is not None
    table = pl.read_parquet(shop.root / shop.schema.images)
    assert table.schema == {"item_id": pl.String, "bytes": pl.Binary}
    return dict(table.iter_rows())


def decoded(png: bytes) -> Pixels:
    with Image.open(io.BytesIO(png)) as image:
        image.verify()
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def test_every_item_has_a_picture_that_decodes(shop: Dataset, shots: dict[str, bytes]) -> None:
    assert list(shots) == shop.items["item_id"].to_list()
    for png in shots.values():
        pixels = decoded(png)
        assert pixels.shape == (96, 64, 3)
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 4


def test_variants_are_one_drawing_in_two_colours(shop: Dataset, shots: dict[str, bytes]) -> None:
    families = shop.items.filter(pl.len().over("family") > 1).group_by("family", maintain_order=True).agg("item_id")
    assert families.height > 50
    for first, second in families.select(pl.col("item_id").list.head(2)).to_series().to_list():
        a, b = decoded(shots[first]), decoded(shots[second])
        assert (a != b).any(axis=2).sum() > 100
        paper = (a == a[0, 0]).all(axis=2)
        assert np.array_equal(paper, (b == b[0, 0]).all(axis=2))


def test_a_plain_garment_is_mostly_of_its_colour(shop: Dataset, shots: dict[str, bytes]) -> None:
    rgb = {c.en: np.array(c.rgb) for c in words.COLOURS}
    plain = shop.items.filter(pl.col("pattern") == "solid", pl.col("category").is_in(["tops", "coats", "skirts"]))
    assert plain.height > 10
    for item, colour in plain.select("item_id", "colour").iter_rows():
        pixels = decoded(shots[item]).reshape(-1, 3)
        garment = pixels[(pixels != pixels[0]).any(axis=1)]
        assert (garment == rgb[colour]).all(axis=1).mean() > 0.4


def test_every_type_has_a_shape_of_its_own() -> None:
    assert list(SHAPES) == [k.en for k in words.KINDS]
    silhouettes = [
        draw.index_map(kind, size, 0, 0, PLAIN_MARKS).tobytes()
        for kind in range(len(words.KINDS))
        for size in range(len(words.SILHOUETTES))
    ]
    assert len(set(silhouettes)) == len(silhouettes)


@pytest.mark.parametrize("kind", range(len(words.KINDS)))
def test_shapes_fit_the_canvas_and_can_be_seen(kind: int) -> None:
    for silhouette in range(len(words.SILHOUETTES)):
        drawn = draw.index_map(kind, silhouette, 0, 0, PLAIN_MARKS)
        assert (drawn > 3).mean() > 0.02
        assert drawn.max() <= 10
        border = np.concatenate([drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]])
        assert (border == 0).all()


@pytest.mark.parametrize("kind", range(len(words.KINDS)))
def test_patterns_and_motifs_show_on_every_type(kind: int) -> None:
    """No two patterns look alike, and the motif, which no column names, is there to be seen."""
    patterns = [draw.index_map(kind, 1, p, 0, PLAIN_MARKS).tobytes() for p in range(len(words.PATTERNS))]
    assert len(set(patterns)) == len(patterns)
    motifs = [draw.index_map(kind, 1, 0, m, PLAIN_MARKS) for m in range(len(words.MOTIFS))]
    assert not (motifs[0] >= 8)[motifs[0] < 10].any()
    for shown in motifs[1:]:
        assert ((shown == 8) | (shown == 9)).sum() >= 3
    assert len({m.tobytes() for m in motifs}) == len(motifs)


def test_pattern_and_sign_stand_out_from_every_colour() -> None:
    def light(rgb: NDArray[np.int64]) -> float:
        return float(rgb @ [0.3, 0.59, 0.11])

    for colour in range(len(words.COLOURS)):
        for accent in range(len(words.COLOURS)):
            table = np.frombuffer(draw.palette(colour, accent), dtype=np.uint8).reshape(-1, 3).astype(np.int64)
            assert len(table) == 11
            assert abs(light(table[4]) - light(table[6])) > 40
            assert abs(light(table[4]) - light(table[8])) > 60


def test_designs_alike_in_all_columns_still_vary() -> None:
    looks = {
        draw.index_map(22, 1, 4, 0, np.array([a, b, c, d])).tobytes()
        for a in (0, 1)
        for b in (0, 1)
        for c in (0, 5)
        for d in (0, 1)
    }
    assert len(looks) == 16


def test_pictures_are_small(shop: Dataset, shots: dict[str, bytes], tmp_path: Path) -> None:
    assert np.mean([len(png) for png in shots.values()]) < 1500
