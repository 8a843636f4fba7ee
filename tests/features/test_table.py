import json

import numpy as np
import polars as pl

from muslin.features.table import fit_table, from_state


def test_blocks_tile_the_matrix(shop) -> None:
    table = fit_table(shop.items, shop.schema.items)
    features = table.transform(shop.items)
    assert [b.name for b in features.blocks] == [
        *("department", "kind", "colour", "tags", "price", "title"),
        "price, relative",
    ]
    assert [b.start for b in features.blocks] == [0, *(b.stop for b in features.blocks[:-1])]
    assert features.blocks[-1].stop == features.matrix.shape[1]


def test_state_goes_through_json_unchanged(shop) -> None:
    table = fit_table(shop.items, shop.schema.items)
    restored = from_state(json.loads(json.dumps(table.state())))
    first, second = table.transform(shop.items).matrix, restored.transform(shop.items).matrix
    assert np.array_equal(first.toarray(), second.toarray())


def test_a_column_that_is_not_there_is_missing_everywhere(shop) -> None:
    table = fit_table(shop.items, shop.schema.items)
    bare = table.transform(shop.items.select("item_id", "colour"))
    whole = table.transform(shop.items)
    colour = next(b for b in whole.blocks if b.name == "colour")
    kept = bare.matrix.toarray()
    assert np.array_equal(kept[:, colour.start : colour.stop], whole.matrix[:, colour.start : colour.stop].toarray())
    assert kept.sum() == kept[:, colour.start : colour.stop].sum()


def test_vocabulary_comes_from_the_fitted_rows_only(shop) -> None:
    red = shop.items.filter(pl.col("colour") == "red")
    table = fit_table(red, shop.schema.items)
    blue = table.transform(shop.items.filter(pl.col("colour") == "blue"))
    colour = next(b for b in blue.blocks if b.name == "colour")
    assert colour.stop - colour.start == 1
    assert not blue.matrix[:, colour.start : colour.stop].nnz
