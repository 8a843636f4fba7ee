"""irspack's feature-aware iALS: factors drawn towards a linear map of features that is learned with them.

Rendle et al. 2022 (RecSys) for the loss; the feature prior is irspack's own.
"""

import numpy as np

from .columns import ALL, NAMED, content
from .contract import Ask, Csr, Exam, Floats, Option, Options, Peer, Scorer

PEERS = (
    Peer(
        name="irspack",
        environment="irspack",
        module="irspack",
        distribution="irspack",
        summary="irspack's iALS with features on both sides",
        new_item="the library's: solves for its vector from its features",
        new_shopper="the library's: solves for their vector from history and profile",
        tells_new_items_apart=True,
        reads=frozenset({"history", "profile"}),
        options={
            "components": Option(32, "length of vectors", 16, 256, log=True),
            "epochs": Option(16, "alternations", 4, 40, log=True),
            "alpha0": Option(0.1, "weight of what was not bought", 3e-3, 1.0, log=True),
            "reg": Option(1e-3, "L2 penalty", 1e-4, 1e-1, log=True),
            "nu": Option(1.0, "how the penalty grows with frequency", 0.5, 1.0),
            "item_prior": Option(30.0, "pull of an item towards its features' map", 1e-2, 1e3, log=True),
            "user_prior": Option(1.0, "pull of a shopper towards their profile's map", 1e-2, 1e3, log=True),
            "warmup": Option(2, "alternations before the maps are learned", 0, 5),
            "new_item": Option(
                "mapped", "vector of a new item: as solved, or the map alone", values=("solved", "mapped")
            ),
            "text": Option(True, "words of items as features too", values=(True, False)),
        },
    ),
)


def fit(exam: Exam, _peer: str, options: Options) -> Scorer:
    """Feature-aware iALS trained on the exam."""
    from irspack import IALSRecommender

    pairs = exam.matrix().sign()
    users, items = np.flatnonzero(np.diff(pairs.indptr) > 0), np.flatnonzero(pairs.getnnz(axis=0) > 0)
    profiles = content(exam.users, ALL)
    features = content(exam.items, ALL if options["text"] else NAMED)
    model = IALSRecommender(
        pairs[users][:, items].tocsr(),
        n_components=options["components"],
        alpha0=options["alpha0"],
        reg=options["reg"],
        nu=options["nu"],
        nu_star=1.0,  # or the penalty would mean something else at every nu
        random_seed=exam.seed,
        n_threads=exam.threads,
        train_epochs=options["epochs"],
        user_features=_or_none(profiles[users]),
        item_features=_or_none(features[items]),
        lambda_user_feature=options["user_prior"],
        lambda_item_feature=options["item_prior"],
        feature_warmup_epochs=min(options["warmup"], options["epochs"] - 1),
    )
    model.learn()
    items_NK = np.zeros((len(exam.items), options["components"]), dtype=np.float32)
    items_NK[items] = model.get_item_embedding()
    cold = np.setdiff1d(np.arange(len(items_NK)), items)
    if len(cold) and features.shape[1]:
        mapped = options["new_item"] == "mapped"
        of_features = (
            model.trainer_as_ials.transform_item_feature if mapped else model.compute_item_embedding_from_features
        )
        items_NK[cold] = of_features(features[cold])

    def score(ask: Ask) -> Floats:
        users_UK = model.compute_user_embedding(ask.history.sign()[:, items], _or_none(ask.features))
        return np.asarray(users_UK @ items_NK[ask.items].T, dtype=np.float32)

    return score


def _or_none(features: Csr) -> Csr | None:
    return features if features.shape[1] else None
