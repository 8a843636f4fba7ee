import numpy as np
import pytest

from muslin.data.dataset import Dataset
from muslin.evaluate.answers import answer, floor, scores_of
from muslin.evaluate.exam import Block, Terms
from muslin.evaluate.leaks.ceiling import above
from muslin.evaluate.protocol import protocol
from muslin.testing.worlds import tiny_shop

from .conftest import honest, table


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return tiny_shop(items=300, users=300, events=4000)


def test_only_who_has_seen_the_answers_beats_the_oracle(shop) -> None:
    exam = protocol("item-cold").build(shop, Terms(0))
    kinds = shop.items.select("item_id", "colour").rows_by_key("item_id", unique=True)
    liked = {user: set() for user in shop.users["user_id"]}
    for user, item in shop.events["user_id", "item_id"].rows():
        liked[user].add(kinds[item])

    def oracle(ask, rows) -> Block:
        names = ask.items.catalogue.ids[ask.items.rows]
        found = np.array([[float(kinds[n] in liked[u]) for n in names] for u in ask.users[rows]], dtype=np.float32)
        return Block(found, np.zeros(len(found), dtype=bool))

    best = answer(exam, "oracle", oracle, 0.0)
    own = answer(exam, "content_knn", scores_of(honest("content_knn", exam.world, 0), exam), 0.0)
    seen = answer(exam, "table", scores_of(table(exam.world, shop.events), exam), 0.0)
    assert above(exam.protocol, exam.seed, seen, best, "table").violation
    assert not above(exam.protocol, exam.seed, own, own, "content_knn").violation
    assert not above(exam.protocol, exam.seed, answer(exam, "random", floor, 0.0), best, "random").violation
    other = answer(protocol("warm").build(shop, Terms(0)), "random", floor, 0.0)
    with pytest.raises(ValueError, match="same questions"):
        above(exam.protocol, exam.seed, own, other, "any")
