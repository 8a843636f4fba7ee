import numpy as np
import scipy.sparse as sp
import torch

from muslin.nets.sparse import sparse_product
from muslin.random import stream


def test_product_and_gradient_equal_the_dense_ones() -> None:
    rng = stream(0, "test")
    matrix = sp.random_array((30, 20), density=0.2, rng=rng, format="csr", dtype=np.float32)
    table = torch.from_numpy(rng.normal(size=(20, 4)).astype(np.float32)).requires_grad_()
    weight = torch.from_numpy(rng.normal(size=(30, 4)).astype(np.float32))
    ours, naive = sparse_product(sp.csr_matrix(matrix), table), torch.from_numpy(matrix.toarray()) @ table
    assert torch.allclose(ours, naive, atol=1e-5)
    (grad,), (naive_grad,) = (torch.autograd.grad((y * weight).sum(), table) for y in (ours, naive))
    assert torch.allclose(grad, naive_grad, atol=1e-5)


def test_an_empty_matrix_gives_zeros_and_no_gradient() -> None:
    table = torch.ones(5, 2, requires_grad=True)
    product = sparse_product(sp.csr_matrix((3, 5), dtype=np.float32), table)
    assert product.tolist() == [[0, 0]] * 3
    assert not torch.autograd.grad(product.sum(), table)[0].any()
