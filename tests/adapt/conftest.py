"""Small tasks in double precision, with padding and one task that is told nothing."""

from collections.abc import Callable

import pytest
import torch

from muslin.adapt import network
from muslin.adapt.tasks import Rows, Tasks, mean_weights
from muslin.types import Params

T, S, Q, D, H, N = 6, 5, 4, 7, 6, 3


@pytest.fixture(scope="session")
def drawn() -> Callable[..., Tasks]:
    """Tasks by seed: supports of 0 to 5 rows, task 0 of none; queries of 1 to 4; targets 0 or 1."""

    def make(seed: int = 0, tasks: int = T) -> Tasks:
        rng = torch.Generator().manual_seed(seed)
        k, asked = torch.randint(1, S + 1, (tasks,), generator=rng), torch.randint(1, Q + 1, (tasks,), generator=rng)
        k[0] = 0
        told, query = mean_weights((torch.arange(S) < k[:, None]).double(), (torch.arange(Q) < asked[:, None]).double())
        rows = torch.randn(tasks, S + Q, D, generator=rng, dtype=torch.double) / 2
        target = (torch.rand(tasks, S + Q, generator=rng) < 0.5).double()
        return Tasks(Rows(rows[:, :S], target[:, :S], told), Rows(rows[:, S:], target[:, S:], query))

    return make


@pytest.fixture(scope="session")
def params() -> Params:
    rng = torch.Generator().manual_seed(1)
    start = network.start(D, H, 1)
    return {n: p.double() + torch.randn(p.shape, generator=rng, dtype=torch.double) / 10 for n, p in start.items()}


@pytest.fixture(scope="session")
def rates() -> torch.Tensor:
    return torch.rand(N, 3, generator=torch.Generator().manual_seed(2), dtype=torch.double) / 5 + 0.05
