"""Sparse matrices among the parameters of a method: three plain tensors each, which safetensors can hold."""

import numpy as np
import scipy.sparse as sp
import torch

from muslin.features.kept import once
from muslin.types import Csr, Features, Params


def tensors(name: str, matrix: Csr) -> Params:
    """`matrix` as `NAME/starts` [rows + 1] int64, `NAME/columns` [nnz] int32 and `NAME/values` [nnz] float32."""
    matrix = sp.csr_matrix(matrix)
    return {
        f"{name}/starts": torch.from_numpy(matrix.indptr.astype(np.int64)),
        f"{name}/columns": torch.from_numpy(matrix.indices.astype(np.int32)),
        f"{name}/values": torch.from_numpy(matrix.data.astype(np.float32)),
    }


def once_for(features: Features, params: Params, name: str, width: int) -> Csr:
    """`matrix`, built once where what is made of the catalogue is kept (`features.kept`)."""
    parts = [params[f"{name}/{part}"] for part in ("values", "columns", "starts")]
    return once(features, f"stored {name}", parts, lambda: matrix(params, name, width))


def matrix(params: Params, name: str, width: int) -> Csr:
    """The matrix [rows, `width`] that `tensors` stored as `name`; shares memory with `params`."""
    parts = (params[f"{name}/{part}"].numpy() for part in ("values", "columns", "starts"))
    values, columns, starts = parts
    return sp.csr_matrix((values, columns, starts), shape=(len(starts) - 1, width), copy=False)
