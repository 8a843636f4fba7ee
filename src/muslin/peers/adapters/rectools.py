"""RecTools' ALS with explicit features: some coordinates of a vector are given, and learned only on the other side."""

from typing import Any

import numpy as np

from .columns import dense, reduction
from .contract import Ask, Exam, Floats, Option, Options, Peer, Scorer

PEERS = (
    Peer(
        name="rectools-als",
        environment="rectools",
        module="rectools",
        distribution="rectools",
        summary="RecTools' iALS with features of both sides, fitted together",
        new_item="ours: its given coordinates, the learned ones left at 0 (the library refuses new items)",
        new_shopper="ours: one more of the library's solves from their history, with their profile given",
        tells_new_items_apart=True,
        reads=frozenset({"history"}),
        options={
            "factors": Option(64, "learned coordinates", 16, 128, log=True),
            "iterations": Option(15, "alternations", 3, 30),
            "regularization": Option(10.0, "L2 penalty", 0.01, 300.0, log=True),
            "alpha": Option(40.0, "confidence of an event", 1.0, 100.0, log=True),
            "item_width": Option(
                64, "given coordinates of an item (singular vectors of its features)", 16, 128, log=True
            ),
            "user_width": Option(8, "given coordinates of a shopper, likewise", 1, 32, log=True),
            "embeddings": Option(False, "pictures and texts as vectors, given too", values=(True, False)),
        },
    ),
)


def fit(exam: Exam, _peer: str, options: Options) -> Scorer:
    """ALS with features trained on the exam."""
    from implicit.als import AlternatingLeastSquares
    from rectools.models.implicit_als import fit_als_with_features_together_inplace

    pairs = exam.matrix().sign()
    known_items = pairs.getnnz(axis=0) > 0
    users, items = np.flatnonzero(np.diff(pairs.indptr) > 0), np.flatnonzero(known_items)
    profile = reduction(exam.users.matrix[users], options["user_width"], exam.seed)
    given_ND = dense(exam.items, known_items, options["item_width"], exam.seed, options["embeddings"])
    model = AlternatingLeastSquares(
        factors=options["factors"],
        regularization=options["regularization"],
        alpha=options["alpha"],
        random_state=exam.seed,
        num_threads=exam.threads,
        use_gpu=False,
    )
    fit_als_with_features_together_inplace(
        model,
        pairs[users][:, items].tocsr(),
        _given(profile(exam.users.matrix[users])),
        _given(given_ND[items]),
        options["iterations"],
    )
    items_NK = np.zeros((len(exam.items), model.item_factors.shape[1]), dtype=np.float32)
    items_NK[:, items_NK.shape[1] - given_ND.shape[1] :] = given_ND
    items_NK[items] = model.item_factors
    model.factors = items_NK.shape[1]  # or the next line makes vectors without the given coordinates

    def score(ask: Ask) -> Floats:
        users_UK = model.recalculate_user(np.arange(len(ask)), ask.history.sign()[:, items])
        given_UF = profile(ask.features)
        users_UK[:, : given_UF.shape[1]] = given_UF
        return np.asarray(users_UK @ items_NK[ask.items].T, dtype=np.float32)

    return score


def _given(values: Floats) -> Any:
    from rectools.dataset.features import DenseFeatures

    return DenseFeatures(values, tuple(map(str, range(values.shape[1])))) if values.shape[1] else None
