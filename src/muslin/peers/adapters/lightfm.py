"""LightFM, by the fork that still installs: a shopper and an item are sums of the vectors of what is known of them.

Kula 2015 (CBRecSys), WARP loss of Weston et al. 2011 (IJCAI).
"""

import numpy as np
import scipy.sparse as sp

from .columns import ALL, NAMED, content, unit_sum, with_identity
from .contract import Ask, Csr, Exam, Floats, Option, Options, Peer, Scorer
from .folding import fold_in

PEERS = (
    Peer(
        name="lightfm",
        environment="lightfm",
        module="lightfm",
        distribution="rectools-lightfm",
        summary="LightFM hybrid, WARP: identity and features on both sides",
        new_item="the library's: the sum of its features' vectors",
        new_shopper="profile by the library; history by a ridge regression onto trained vectors (ours)",
        tells_new_items_apart=True,
        reads=frozenset({"history", "profile"}),
        options={
            "components": Option(64, "length of vectors", 16, 128, log=True),
            "epochs": Option(20, "passes over the events", 5, 60, log=True),
            "learning_rate": Option(0.05, "Adagrad's step", 0.01, 0.2, log=True),
            "item_alpha": Option(1e-6, "L2 penalty of item features", 1e-8, 1e-3, log=True),
            "user_alpha": Option(1e-6, "L2 penalty of shopper features", 1e-8, 1e-3, log=True),
            "max_sampled": Option(10, "negatives tried for each event", 5, 100, log=True),
            "text": Option(False, "words of items as features too", values=(True, False)),
            "identity": Option(0.1, "weight of a row's own column beside its features", 0.01, 3.0, log=True),
        },
    ),
)


def fit(exam: Exam, _peer: str, options: Options) -> Scorer:
    """LightFM trained on the exam."""
    from lightfm import LightFM

    pairs = exam.matrix().sign()
    known_users, known_items = np.diff(pairs.indptr) > 0, pairs.getnnz(axis=0) > 0
    kinds = ALL if options["text"] else NAMED
    users_F = with_identity(known_users * options["identity"], content(exam.users, ALL))
    items_F = with_identity(known_items * options["identity"], content(exam.items, kinds))
    model = LightFM(
        no_components=options["components"],
        loss="warp",
        learning_rate=options["learning_rate"],
        item_alpha=options["item_alpha"],
        user_alpha=options["user_alpha"],
        max_sampled=options["max_sampled"],
        random_state=exam.seed,
    )
    model.fit(pairs.tocoo(), users_F, items_F, epochs=options["epochs"], num_threads=exam.threads)
    bias_N, items_NK = model.get_item_representations(items_F)
    _, users_MK = model.get_user_representations(users_F)

    def profile(features: Csr) -> Floats:
        """Vectors [U, K] of shoppers without a column of their own."""
        none = sp.csr_matrix((features.shape[0], len(exam.users)), dtype=np.float32)
        alone = sp.hstack([none, unit_sum(features)], format="csr", dtype=np.float32)
        return np.asarray(model.get_user_representations(alone)[1], dtype=np.float32)

    rows = np.flatnonzero(known_users)
    fold = fold_in(users_MK[rows], items_NK, pairs[rows], profile(exam.users.matrix[rows]))

    def score(ask: Ask) -> Floats:
        own_UK = profile(ask.features)
        told = (ask.rows < 0) & (np.diff(ask.history.indptr) > 0)
        own_UK[told] = fold(ask.history[told], own_UK[told])
        own_UK[ask.rows >= 0] = users_MK[ask.rows[ask.rows >= 0]]
        return np.asarray(own_UK @ items_NK[ask.items].T + bias_N[ask.items], dtype=np.float32)

    return score
