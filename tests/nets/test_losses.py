import torch

from muslin.nets.losses import Negatives, shared_softmax


def inputs():
    generator = torch.Generator().manual_seed(0)
    b, s, k = 6, 9, 4
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()  # noqa: E731
    taken = torch.rand(b, s, generator=generator) < 0.3
    taken[0] = True  # a row whose negatives are all its own
    return draw(b), draw(b, k), draw(s, k), draw(s), taken


def loss(positive, query, vectors, offset, taken):
    return shared_softmax(positive, query, Negatives(vectors, offset, taken))


def naive(positive, query, vectors, offset, taken):
    logits = (query @ vectors.T + offset).masked_fill(taken, -torch.inf)
    return (torch.logsumexp(torch.cat([positive[:, None], logits], 1), 1) - positive).mean()


def test_loss_and_gradients_equal_autograds() -> None:
    *leaves, taken = inputs()
    ours, theirs = loss(*leaves, taken), naive(*leaves, taken)
    assert torch.allclose(ours, theirs, atol=1e-12)
    for a, b in zip(torch.autograd.grad(ours, leaves), torch.autograd.grad(theirs, leaves), strict=True):
        assert torch.allclose(a, b, atol=1e-12)


def test_gradients_equal_finite_differences() -> None:
    *leaves, taken = inputs()
    assert torch.autograd.gradcheck(lambda *x: loss(*x, taken), leaves)


def test_huge_logits_do_not_overflow() -> None:
    *leaves, taken = inputs()
    big = [leaf.detach() * 1e4 for leaf in leaves]
    assert torch.isfinite(loss(*big, taken))
    assert torch.allclose(loss(*big, taken), naive(*big, taken))
