"""implicit: fast collaborative filtering that knows rows only; a new garment has nothing to be known by."""

from collections.abc import Callable

import numpy as np

from .contract import Ask, Csr, Exam, Floats, Option, Options, Peer, Scorer
from .folding import fold_in

_NEW_ITEM = "none of the library's: scores 0, so the order among new garments is chance"

PEERS = (
    Peer(
        name="implicit-als",
        environment="implicit",
        module="implicit",
        distribution="implicit",
        summary="implicit's ALS (Hu, Koren and Volinsky 2008)",
        new_item=_NEW_ITEM,
        new_shopper="the library's: solves for their vector from their history",
        tells_new_items_apart=False,
        reads=frozenset({"history"}),
        options={
            "factors": Option(64, "length of vectors", 16, 256, log=True),
            "iterations": Option(15, "alternations", 5, 30),
            "regularization": Option(10.0, "L2 penalty", 0.01, 100.0, log=True),
            "alpha": Option(40.0, "confidence of an event", 1.0, 100.0, log=True),
        },
    ),
    Peer(
        name="implicit-bpr",
        environment="implicit",
        module="implicit",
        distribution="implicit",
        summary="implicit's BPR (Rendle et al. 2009)",
        new_item=_NEW_ITEM,
        new_shopper="none of the library's: a ridge regression from their history onto trained vectors (ours)",
        tells_new_items_apart=False,
        reads=frozenset({"history"}),
        options={
            "factors": Option(64, "length of vectors", 16, 256, log=True),
            "iterations": Option(100, "passes over the events", 30, 300, log=True),
            "learning_rate": Option(0.05, "step of stochastic gradient descent", 0.005, 0.2, log=True),
            "regularization": Option(0.01, "L2 penalty", 1e-4, 0.1, log=True),
        },
    ),
    Peer(
        name="implicit-itemknn",
        environment="implicit",
        module="implicit",
        distribution="implicit",
        summary="implicit's item-to-item neighbours, weighted by BM25",
        new_item=_NEW_ITEM,
        new_shopper="the library's: neighbours of their history",
        tells_new_items_apart=False,
        reads=frozenset({"history"}),
        options={
            "k": Option(100, "neighbours kept of each item", 20, 500, log=True),
            "k1": Option(1.2, "BM25: how soon repetition saturates", 0.1, 3.0),
            "b": Option(0.5, "BM25: how much long histories are marked down", 0.0, 1.0),
        },
    ),
)


def fit(exam: Exam, peer: str, options: Options) -> Scorer:
    """The peer of that name, trained on the exam."""
    from threadpoolctl import threadpool_limits

    pairs = exam.matrix().sign()
    train: Callable[[Exam, Csr, Options], Scorer] = {
        "implicit-als": _als,
        "implicit-bpr": _bpr,
        "implicit-itemknn": _item_knn,
    }[peer]
    with threadpool_limits(1, "blas"):  # implicit threads by itself
        return train(exam, pairs, options)


def _als(exam: Exam, pairs: Csr, options: Options) -> Scorer:
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(**options, random_state=exam.seed, num_threads=exam.threads)
    model.fit(pairs, show_progress=False)
    items_NK = np.asarray(model.item_factors)
    items_NK[pairs.getnnz(axis=0) == 0] = 0

    def score(ask: Ask) -> Floats:
        return _inner(model.recalculate_user(np.arange(len(ask)), ask.history.sign()), items_NK, ask)

    return score


def _bpr(exam: Exam, pairs: Csr, options: Options) -> Scorer:
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    model = BayesianPersonalizedRanking(**options, random_state=exam.seed, num_threads=exam.threads)
    model.fit(pairs, show_progress=False)
    items_NK, users_MK = np.asarray(model.item_factors), np.asarray(model.user_factors)
    items_NK[pairs.getnnz(axis=0) == 0] = 0
    rows = np.flatnonzero(np.diff(pairs.indptr) > 0)
    fold = fold_in(users_MK[rows], items_NK, pairs[rows], np.empty((len(rows), 0), dtype=np.float32))

    def score(ask: Ask) -> Floats:
        users_UK = fold(ask.history, np.empty((len(ask), 0), dtype=np.float32))
        users_UK[:, -1] = 1  # the library's last item coordinate is the item's bias, and a shopper's there is one
        users_UK[ask.rows >= 0] = users_MK[ask.rows[ask.rows >= 0]]
        return _inner(users_UK, items_NK, ask)

    return score


def _item_knn(exam: Exam, pairs: Csr, options: Options) -> Scorer:
    from implicit.nearest_neighbours import BM25Recommender

    model = BM25Recommender(K=options["k"], K1=options["k1"], B=options["b"], num_threads=exam.threads)
    model.fit(pairs, show_progress=False)

    def score(ask: Ask) -> Floats:
        found = ask.history.sign() @ model.similarity
        return np.asarray(found.tocsr()[:, ask.items].toarray(), dtype=np.float32)

    return score


def _inner(users_UK: Floats, items_NK: Floats, ask: Ask) -> Floats:
    return np.asarray(users_UK @ items_NK[ask.items].T, dtype=np.float32)
