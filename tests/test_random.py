import numpy as np
import torch

from muslin.random import stream, torch_stream


def test_a_stream_depends_on_seed_and_names_only() -> None:
    first = stream(1, "a", 2).random(5)
    assert np.array_equal(first, stream(1, "a", 2).random(5))
    for other in (stream(2, "a", 2), stream(1, "b", 2), stream(1, "a", 3), stream(1, "a", "2"), stream(1, "a2")):
        assert not np.array_equal(first, other.random(5))


def test_torch_streams_are_independent_too() -> None:
    draws = [torch.rand(3, generator=torch_stream(s, n)) for s, n in ((0, "a"), (0, "a"), (0, "b"), (1, "a"))]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0], draws[3])
