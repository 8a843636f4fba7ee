"""The same questions in both worlds, and marks that are the evaluation's own."""

import numpy as np
import polars as pl
import pytest

from muslin.evaluate.metrics import Pairs, parts, values
from muslin.transfer.exams import answered, judged, marks

PARTS = ("choose", "prove")


@pytest.mark.parametrize("part", PARTS)
def test_both_worlds_are_asked_for_the_same_pairs_among_the_same_garments(crossed, part) -> None:
    whole, alone = (getattr(sitting, part).asks for sitting in (crossed.whole, crossed.alone))
    assert [ask.view for ask in whole] == [ask.view for ask in alone] == list(crossed.cut.segments())
    for ours, theirs in zip(whole, alone, strict=True):
        pairs, seen, among = [], [], []
        for ask in (ours, theirs):
            ids = ask.items.catalogue.ids[ask.items.rows]
            among.append(set(ids))
            for matrix, found in ((ask.truth, pairs), (ask.seen, seen)):
                users, items = matrix.nonzero()
                found.append({(ask.users[u], ids[i]) for u, i in zip(users, items, strict=True)})
        wanted = crossed.cut.query.filter((pl.col("segment") == ours.view) & (pl.col("part") == part))
        assert pairs[0] == pairs[1] == set(wanted.select("user_id", "item_id").iter_rows())
        assert among[0] == among[1] == set(crossed.cut.candidates)
        assert seen[0] == seen[1]
        assert not pairs[0] & seen[0]


def test_what_a_known_shopper_took_is_not_offered_even_to_a_world_that_forgot_it(shared, crossed) -> None:
    from muslin.features.space import encode
    from muslin.transfer.exams import sitting

    thin = sitting(crossed.cut.thinned(0.05, 0), encode(crossed.cut.thinned(0.05, 0).train), 0)
    for ours, before in zip(thin.prove.asks, crossed.whole.prove.asks, strict=True):
        assert ours.users == before.users
        assert ours.seen.nnz == before.seen.nnz
        assert ours.truth.nnz == before.truth.nnz


def test_marks_are_the_ndcg_of_the_answers(crossed, tried) -> None:
    form = tried["lambda 0"]
    found = answered(form.fitted, crossed.whole.choose, "x").pairs
    for segment, mark in marks(form.fitted, crossed.whole.choose).items():
        rows = found.filter(pl.col("view") == segment)
        user, item = (rows[c].rank("dense").cast(pl.Int64).to_numpy() - 1 for c in ("user_id", "item_id"))
        by_user = []
        for one in np.unique(user):
            ranks = rows["rank"].to_numpy()[user == one]
            ideal = sum(1 / np.log2(2 + i) for i in range(min(len(ranks), 20)))
            by_user.append(sum(1 / np.log2(1 + r) for r in ranks if r <= 20) / ideal)
        assert mark == pytest.approx(np.mean(by_user))
        assert len(item) == len(rows)
        assert values(parts(Pairs(user, item, rows["rank"].to_numpy()[:, None]), 20)["ndcg@20"])[0] == pytest.approx(
            mark
        )


def test_a_crossing_is_not_a_protocol_of_its_own(crossed) -> None:
    protocol = judged(crossed.cut)
    assert all(protocol.judges(segment, "all") for segment in crossed.cut.segments())
    with pytest.raises(NotImplementedError):
        protocol.build(None, None)
