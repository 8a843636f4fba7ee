from dataclasses import replace

import polars as pl

from muslin.data.dataset import Dataset
from muslin.evaluate.audit import audit
from muslin.evaluate.exam import Terms
from muslin.evaluate.leaks.pictures import prints_of, recognised
from muslin.evaluate.protocol import protocol
from muslin.features.near_duplicates import fingerprints


def pictured(dataset: Dataset, folder, pictures: dict[str, bytes]) -> Dataset:
    frame = pl.DataFrame({"item_id": list(pictures), "bytes": list(pictures.values())})
    frame.write_parquet(folder / "images.parquet")
    return replace(dataset, root=folder, schema=replace(dataset.schema, images="images.parquet"))


def test_a_new_garment_is_recognised_by_a_known_picture(draw, encode) -> None:
    same = encode(draw(1))
    content = {"new": same, "known": encode(draw(1), "JPEG", 40), "other": encode(draw(2)), "fresh": encode(draw(3))}
    frame = pl.DataFrame({"item_id": list(content), "bytes": list(content.values())})
    prints = fingerprints([frame])
    assert recognised(prints, {"new", "fresh", "blind"}, pl.Series(["known", "other"])) == (1, 2)
    assert recognised(prints, {"new", "fresh"}, pl.Series(["other"])) == (0, 2)


def test_the_audit_counts_them_where_it_is_given_pictures(shop, tmp_path, draw, encode) -> None:
    exam = protocol("item-cold").build(shop, Terms(0))
    new, known = sorted(exam.split.cold_items)[:2], exam.split.train.events["item_id"][0]
    pictures = {new[0]: encode(draw(1)), new[1]: encode(draw(2)), known: encode(draw(1), "JPEG", 40)}
    prints = prints_of(pictured(shop, tmp_path, pictures))
    found = {f.check: f for f in audit(shop, exam, prints)}["near-duplicate pictures"]
    assert (found.count, found.total, found.violation) == (1, 2, False)
    assert prints_of(shop) is None
    assert "near-duplicate pictures" not in {f.check for f in audit(shop, exam)}
