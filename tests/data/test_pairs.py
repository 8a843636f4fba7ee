from dataclasses import replace

import numpy as np
import pytest

from muslin.data.pairs import pair_batches, without_family
from muslin.features.space import encode
from muslin.testing.worlds import tiny_shop


@pytest.fixture(scope="module")
def data():
    return encode(tiny_shop()).data


def batches(data, epoch=0, size=64):
    return list(pair_batches(data, 0, epoch, size=size, negatives=32, negative_power=0.5))


def test_an_epoch_visits_each_pair_once(data) -> None:
    seen = [(u, b.items[t]) for b in batches(data) for u, t in zip(b.user, b.target, strict=True)]
    matrix = data.matrix()
    assert sorted(seen) == sorted(zip(*matrix.nonzero(), strict=True))


def test_epochs_differ_and_repeat_exactly(data) -> None:
    first, again, other = (np.concatenate([b.user for b in batches(data, e)]) for e in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_history_is_naive_history_without_the_targets_family(data) -> None:
    matrix, family = data.matrix().toarray(), data.catalogue.family
    for batch in batches(data)[:3]:
        for row, (user, target) in enumerate(zip(batch.user, batch.items[batch.target], strict=True)):
            kept = (matrix[user] > 0) & (family != family[target])
            expected = kept / max(kept.sum(), 1)
            assert np.allclose(batch.history[row].toarray()[0], expected[batch.items])
            assert not kept.any() or np.isclose(batch.history[row].sum(), 1)


def test_taken_negatives_are_the_shoppers_own_and_the_targets_siblings(data) -> None:
    matrix, family = data.matrix().toarray(), data.catalogue.family
    for batch in batches(data)[:3]:
        target, negative = batch.items[batch.target], batch.items[batch.negative]
        naive = (matrix[batch.user][:, negative] > 0) | (family[target][:, None] == family[negative])
        assert np.array_equal(batch.taken, naive)


def test_log_q_is_the_log_expected_count_of_the_draws(data) -> None:
    shoppers = np.asarray(data.matrix().getnnz(axis=0), dtype=float)
    q = np.sqrt(shoppers) / np.sqrt(shoppers).sum()
    batch = batches(data)[0]
    assert np.allclose(batch.log_q_negative, np.log(32 * q[batch.items[batch.negative]]), atol=1e-5)
    assert np.allclose(batch.log_q_target, np.log(32 * q[batch.items[batch.target]]), atol=1e-5)
    drawn = np.concatenate([b.items[b.negative] for e in range(30) for b in batches(data, e)])
    frequency = np.bincount(drawn, minlength=len(q)) / len(drawn)
    assert np.abs(frequency - q).sum() < 0.1


def test_a_long_history_shows_some_of_itself_others_each_time(data) -> None:
    seen = np.zeros(data.matrix().shape)
    lengths = []
    for epoch in range(10):
        for batch in pair_batches(data, 0, epoch, size=64, negatives=32, negative_power=0.5, shown_most=4):
            row = np.repeat(np.arange(len(batch.user)), np.diff(batch.history.indptr))
            seen[batch.user[row], batch.items[batch.history.indices]] += 1
            lengths += np.diff(batch.history.indptr).tolist()
    taken = data.matrix().toarray() > 0
    assert max(lengths) == 4
    assert not (seen[~taken]).any()
    busy = taken.sum(1) > 8
    share = seen[busy] / seen[busy].sum(1, keepdims=True) * taken[busy].sum(1, keepdims=True)
    assert 0.5 < np.quantile(share[taken[busy]], 0.05) < np.quantile(share[taken[busy]], 0.95) < 1.6


def test_without_family_of_a_lone_item_is_empty(data) -> None:
    matrix = data.matrix()
    target = matrix.indices[matrix.indptr[:-1]].astype(np.int64)
    left = without_family(matrix, np.zeros(len(data.catalogue), dtype=np.int64), target)
    assert left.nnz == 0


@pytest.fixture(scope="module")
def wanting(data):
    """Only apparel is to be recommended."""
    return replace(data, wanted=data.catalogue.domain == data.catalogue.domains.index("apparel"))


def test_only_wanted_garments_are_asked_for_and_drawn(data, wanting) -> None:
    matrix, q = data.matrix(), np.sqrt(data.matrix().getnnz(axis=0)) * wanting.wanted
    seen, drawn = [], []
    for batch in batches(wanting):
        target, negative = batch.items[batch.target], batch.items[batch.negative]
        seen += zip(batch.user, target, strict=True)
        drawn.append(negative)
        assert np.allclose(batch.log_q_negative, np.log(32 * q[negative] / q.sum()), atol=1e-5)
        assert np.allclose(batch.log_q_target, np.log(32 * q[target] / q.sum()), atol=1e-5)
    assert sorted(seen) == sorted((u, i) for u, i in zip(*matrix.nonzero(), strict=True) if wanting.wanted[i])
    assert wanting.wanted[np.concatenate(drawn)].all()


def test_other_garments_stay_in_the_history(data, wanting) -> None:
    matrix, family = data.matrix().toarray(), data.catalogue.family
    for batch in batches(wanting)[:3]:
        for row, (user, target) in enumerate(zip(batch.user, batch.items[batch.target], strict=True)):
            kept = (matrix[user] > 0) & (family != family[target])
            assert np.allclose(batch.history[row].toarray()[0], (kept / max(kept.sum(), 1))[batch.items])


def test_wanting_everything_is_wanting_nothing_in_particular(data) -> None:
    everything = replace(data, wanted=np.ones(len(data.catalogue), dtype=bool))
    for ours, plain in zip(batches(everything), batches(data), strict=True):
        for mine, theirs in zip(ours, plain, strict=True):
            same = (mine != theirs).nnz == 0 if hasattr(mine, "nnz") else np.array_equal(mine, theirs)
            assert same


@pytest.mark.parametrize("strange", [0.5, 1.0])
def test_strangers_are_shown_without_wanted_garments_unless_nothing_would_be_left(data, wanting, strange) -> None:
    matrix, family, wanted = data.matrix().toarray() > 0, data.catalogue.family, wanting.wanted
    strangers = others = 0
    for batch in batches(replace(wanting, strange=strange)):
        for row, (user, target) in enumerate(zip(batch.user, batch.items[batch.target], strict=True)):
            away = family != family[target]
            bare = matrix[user] & ~wanted
            forms = {True: bare if bare.any() else matrix[user], False: matrix[user]}
            shown = np.zeros(len(wanted), dtype=bool)
            shown[batch.items] = batch.history[row].toarray()[0] > 0
            fits = {how for how, form in forms.items() if np.array_equal(form & away, shown)}
            assert fits
            if len(fits) == 1:
                strangers, others = strangers + (True in fits), others + (False in fits)
            if (matrix[user] & away & (~wanted | ~bare.any())).any():
                assert shown.any(), "something was known and nothing is shown"
    assert strangers > 100
    assert others == 0 if strange == 1 else abs(strangers / (strangers + others) - strange) < 0.1


def test_what_a_stranger_really_took_is_no_negative(data, wanting) -> None:
    matrix, family = data.matrix().toarray() > 0, data.catalogue.family
    for batch in batches(replace(wanting, strange=1.0))[:3]:
        target, negative = batch.items[batch.target], batch.items[batch.negative]
        naive = matrix[batch.user][:, negative] | (family[target][:, None] == family[negative])
        assert np.array_equal(batch.taken, naive)
