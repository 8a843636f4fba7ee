"""Choices of known items among a few candidates teach what choices among all of them would."""

import numpy as np
import pytest
import torch

from muslin.nets import regulars
from muslin.nets.lesson import Lesson, fitted

MIX = torch.tensor([[1.0, -0.5], [0.5, 1.0]])


def world(users: int = 400, items: int = 600, seed: int = 0) -> Lesson:
    """Everybody takes one open item, as `MIX` says."""
    rng = np.random.default_rng(seed)
    base = torch.from_numpy(rng.standard_normal((users, items, 2), dtype=np.float32))
    short = torch.from_numpy(1 / (1 + rng.integers(0, 4, (users, 1)))).float()
    closed = torch.from_numpy(rng.random((users, items)) < 0.05)
    empty = torch.zeros(users, items)
    share = torch.softmax(Lesson(base, short, empty, closed).logits(MIX).masked_fill(closed, -1e9), dim=1).numpy()
    taken = (rng.random((users, 1)) > share.cumsum(1)).sum(1).clip(max=items - 1)
    empty[torch.arange(users), torch.from_numpy(taken)] = 1
    return Lesson(base, short, empty, closed & (empty == 0))


def few(lesson: Lesson) -> Lesson:
    first = lesson.logits(torch.tensor([[0.2, 0.2], [0.0, 0.0]])).masked_fill(lesson.closed, -torch.inf)
    return regulars._drawn(lesson, first.masked_fill(lesson.truth > 0, torch.inf), np.random.default_rng(1))


def test_the_loss_among_a_few_is_about_that_among_all() -> None:
    lesson, short = world(), few(world())
    assert short.truth.shape[1] == regulars._HIGH + regulars._RANDOM < lesson.truth.shape[1]
    for mix in (MIX, torch.zeros(2, 2), -MIX):
        whole, sample = (one.loss(one.logits(mix)) for one in (lesson, short))
        assert sample == pytest.approx(float(whole), abs=0.02)


def test_the_same_weights_are_learned() -> None:
    lesson, short = world(), few(world())
    start = torch.zeros(2, 2)
    whole, sample = (
        fitted([start], lambda leaves, one=one: one.loss(one.logits(leaves[0])))[0] for one in (lesson, short)
    )
    torch.testing.assert_close(sample, whole, atol=0.08, rtol=0)
    torch.testing.assert_close(whole, MIX, atol=0.3, rtol=0)


def test_what_was_taken_is_always_there_and_nothing_twice() -> None:
    lesson = world(users=30)
    place = torch.arange(lesson.base.shape[1]).expand(30, -1)
    marked = Lesson(place[:, :, None].float(), lesson.short, lesson.truth, lesson.closed)
    first = torch.zeros(30, lesson.base.shape[1]).masked_fill(lesson.truth > 0, torch.inf)
    drawn = regulars._drawn(marked, first, np.random.default_rng(0))
    for row in range(30):
        names = drawn.base[row, :, 0].long()
        assert len(set(names.tolist())) == len(names)
        assert names[drawn.truth[row] > 0].tolist() == lesson.truth[row].nonzero().squeeze(1).tolist()
        assert torch.equal(drawn.closed[row], lesson.closed[row, names])
    assert drawn.stands[0].exp().sum() == pytest.approx(lesson.base.shape[1], rel=1e-4)


def test_blocks_of_shoppers_with_lists_of_different_lengths_are_joined() -> None:
    lesson = world(users=8, items=20)
    wide = Lesson(lesson.base, lesson.short, lesson.truth, lesson.closed, torch.zeros(8, 20))
    narrow = Lesson(*(t[:, :9] if t.shape[1] == 20 else t for t in vars(wide).values()))
    both = regulars._joined([wide, narrow])
    losses = [one.loss(one.logits(MIX)) * one.truth.sum() for one in (wide, narrow)]
    assert float(both.loss(both.logits(MIX)) * both.truth.sum()) == pytest.approx(float(sum(losses)), rel=1e-5)


def test_each_group_counts_as_much_as_any_other_unless_it_is_tiny(monkeypatch) -> None:
    monkeypatch.setattr(regulars, "_MANY", 4)
    group = np.array([0] * 90 + [1] * 9 + [5])
    truth = torch.ones(100, 3)
    balanced = regulars._balanced(Lesson(torch.zeros(100, 3, 6), torch.zeros(100, 1), truth, truth < 0), group)
    total = [float(balanced.truth[torch.from_numpy(group == one)].sum()) for one in (0, 1, 5)]
    assert total == pytest.approx([3, 3, 3 / 4])


def test_of_too_many_shoppers_the_rare_groups_stay(monkeypatch) -> None:
    monkeypatch.setattr(regulars, "_MOST", 40)
    group = np.array([0] * 900 + [1] * 30 + [2] * 5)
    shoppers = np.arange(5, 935)
    kept = regulars._of_all(group, shoppers, np.random.default_rng(0))
    assert len(kept) == 40
    assert (np.diff(kept) > 0).all()
    assert (group[kept] == 2).sum() == 5
    assert 10 <= (group[kept] == 1).sum() <= 25
