"""Item factors of an implicit-feedback factorisation, by the `implicit` library.

Source: Hu, Koren and Volinsky 2008 (ICDM), equations 4 and 5. Differs: nothing; that library's solver.
"""

import numpy as np
import torch
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits
from torch import Tensor

from muslin.nets.factors import Confidence
from muslin.random import stream
from muslin.types import Csr


def item_factors(pairs: Csr, confidence: Confidence, *, factors: int, iterations: int, seed: int) -> Tensor:
    """[N, `factors`] float32 of the binary `pairs` [M, N], after so many alternations."""
    with threadpool_limits(1, "blas"):  # implicit threads by itself and warns about BLAS doing so too
        model = AlternatingLeastSquares(
            factors=factors,
            regularization=confidence.penalty,
            alpha=1 + confidence.alpha,  # implicit's alpha is the whole confidence of an event
            iterations=iterations,
            random_state=int(stream(seed, "ials").integers(2**31)),
        )
        model.fit(pairs, show_progress=False)
    return torch.from_numpy(np.asarray(model.item_factors, dtype=np.float32))
