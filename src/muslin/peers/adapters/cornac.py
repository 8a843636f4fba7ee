"""Cornac's models that can score what they were not trained on: VBPR and AMR over given item vectors.

Read in Cornac 3.0.1: of its models with item content only VBPR, AMR and CausalRec keep parameters for every item of the
catalogue (`total_items`); CTR, CDL, CVAE, ConvMF, HFT, MCF, NARRE and HRDR refuse an item without training events
(`is_unknown_item`). The modality is called an image, but takes any vectors: they get words and attributes too.
"""

from typing import Any

import numpy as np

from .columns import dense
from .contract import Ask, Csr, Exam, Floats, Option, Options, Peer, Scorer
from .folding import fold_in

_NEW_ITEM = "the library's: the map of its given vector; the vector of its own, never trained, is set to 0 (ours)"
_NEW_SHOPPER = "none of the library's: a ridge regression from their history onto trained vectors (ours)"
_OPTIONS = {
    "k": Option(32, "length of an item's own vector", 8, 64, log=True),
    "k2": Option(32, "length of the mapped vector", 8, 128, log=True),
    "epochs": Option(20, "passes over the events", 5, 50, log=True),
    "batch": Option(512, "events a step", values=(128, 512, 2048)),
    "learning_rate": Option(0.005, "Adam's step", 5e-4, 0.05, log=True),
    "lambda_w": Option(0.01, "L2 penalty of vectors", 1e-4, 0.3, log=True),
    "lambda_b": Option(0.01, "L2 penalty of biases", 1e-4, 1.0, log=True),
    "lambda_e": Option(1e-4, "L2 penalty of the map", 1e-6, 0.1, log=True),
    "item_width": Option(128, "numbers given of an item (singular vectors of its features)", 32, 256, log=True),
    "embeddings": Option(True, "pictures and texts as vectors, given too", values=(True, False)),
}

PEERS = (
    Peer(
        name="cornac-vbpr",
        environment="cornac",
        module="cornac",
        distribution="cornac",
        summary="Cornac's VBPR (He and McAuley 2016) over pictures, words and attributes",
        new_item=_NEW_ITEM,
        new_shopper=_NEW_SHOPPER,
        tells_new_items_apart=True,
        reads=frozenset({"history"}),
        options=_OPTIONS,
    ),
    Peer(
        name="cornac-amr",
        environment="cornac",
        module="cornac",
        distribution="cornac",
        summary="Cornac's AMR (Tang et al. 2019): VBPR trained against perturbed vectors",
        new_item=_NEW_ITEM,
        new_shopper=_NEW_SHOPPER,
        tells_new_items_apart=True,
        reads=frozenset({"history"}),
        options=_OPTIONS | {"lambda_adv": Option(1.0, "weight of the adversary", 0.01, 10.0, log=True)},
    ),
)


def fit(exam: Exam, peer: str, options: Options) -> Scorer:
    """VBPR or AMR trained on the exam."""
    import torch

    torch.manual_seed(exam.seed)
    torch.set_num_threads(exam.threads)
    pairs = exam.matrix().sign()
    known = pairs.getnnz(axis=0) > 0
    items_hot, users = np.flatnonzero(known), np.flatnonzero(np.diff(pairs.indptr) > 0)
    items = np.concatenate([items_hot, np.flatnonzero(~known)])
    given = dense(exam.items, known, options["item_width"], exam.seed, options["embeddings"])
    train = _train_set(pairs[users][:, items_hot].tocsr(), given[items], exam.seed)
    model = _model(peer, options, exam.seed).fit(train)
    model.gamma_item[len(items_hot) :] = 0
    users_MK = np.zeros((len(exam.users), model.get_user_vectors().shape[1]), dtype=np.float32)
    users_MK[users] = model.get_user_vectors()
    items_NK = np.empty((len(items), users_MK.shape[1]), dtype=np.float32)
    items_NK[items] = model.get_item_vectors()
    no_profile = np.empty((len(users), 0), dtype=np.float32)
    fold = fold_in(users_MK[users], items_NK, pairs[users], no_profile)

    def score(ask: Ask) -> Floats:
        users_UK = fold(ask.history, np.empty((len(ask), 0), dtype=np.float32))
        trained = ask.rows >= 0
        users_UK[trained] = users_MK[ask.rows[trained]]
        return np.asarray(users_UK @ items_NK[ask.items].T, dtype=np.float32)

    return score


def _train_set(hot: Csr, given: Floats, seed: int) -> Any:
    """The catalogue as Cornac takes it: `given` [N, E] has the items of `hot` [M, n] first, then the new ones.

    Rows are their own names; a name beyond the number of items is one that Cornac calls known to the catalogue only.
    """
    from cornac.data import Dataset, ImageModality

    cells = hot.tocoo()
    names = {n: n for n in range(len(given))}
    train = Dataset(
        num_users=hot.shape[0],
        num_items=hot.shape[1],
        uid_map={n: n for n in range(hot.shape[0])},
        iid_map=names,
        uir_tuple=(cells.row.astype(np.int64), cells.col.astype(np.int64), cells.data.astype(np.float64)),
        seed=seed,
    )
    images = ImageModality(features=given, ids=list(names))
    train.add_modalities(item_image=images.build(id_map=names))
    return train


def _model(peer: str, options: Options, seed: int) -> Any:
    from cornac.models import AMR, VBPR

    made = VBPR if peer == "cornac-vbpr" else AMR
    own = {"lambda_adv": options["lambda_adv"]} if peer == "cornac-amr" else {}
    return made(
        k=options["k"],
        k2=options["k2"],
        n_epochs=options["epochs"],
        batch_size=options["batch"],
        learning_rate=options["learning_rate"],
        lambda_w=options["lambda_w"],
        lambda_b=options["lambda_b"],
        lambda_e=options["lambda_e"],
        verbose=False,
        seed=seed,
        **own,
    )
