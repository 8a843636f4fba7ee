"""The figures that baselines are to reach, group by group; `bars` measures them.

A bar is met when no more is missing than its own `error`: where the split is that of the figure, what a figure of so
many shoppers is uncertain by; where ours is only cut like theirs (`cuts`), what two such cuts differ by besides.

Published figures of DropoutNet and CLCRec are of 300 numbers made of each article's text; ours read the tags, for the
text is not in the files. They are here to show that ours are not broken, and no more.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Bar:
    """What `method` with `options` is to reach in the view (of true items under `path`, None for all) of an exam.

    `recall`, `ndcg`: the figures at 20, None where none is known. `error`: how much may be missing.
    """

    view: str
    method: str
    recall: float | None
    ndcg: float | None
    error: float
    source: str
    path: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


_BEFORE = "measured before this project"
_PUBLISHED = "published (Huang et al. 2023)"
_LIKE = "measured before this project, on a cut like this one"


def _by_k(method: str, error: float, figures: dict[int, float]) -> tuple[Bar, ...]:
    return tuple(Bar(f"k = {k}", method, None, ndcg, error, _LIKE) for k, ndcg in figures.items())


CITEULIKE = (
    Bar("cold", "content_knn", 0.366, 0.256, 0.01, _BEFORE, options={"idf_power": 1.8}),
    Bar("cold", "ease_content", 0.379, 0.264, 0.01, _BEFORE),
    Bar("warm", "ease", 0.353, 0.250, 0.01, _BEFORE),
    Bar("cold", "dropoutnet", 0.227, 0.136, 0.0, _PUBLISHED),
    Bar("warm", "dropoutnet", 0.134, 0.079, 0.0, _PUBLISHED),
    Bar("cold", "clcrec", 0.230, 0.135, 0.0, _PUBLISHED),
    Bar("warm", "clcrec", 0.190, 0.117, 0.0, _PUBLISHED),
)
CITEULIKE_K_SHOT = (
    *_by_k("ease_content", 0.01, {0: 0.287}),
    *_by_k("prior_knn", 0.01, {1: 0.321, 2: 0.344, 3: 0.363, 5: 0.392, 10: 0.420}),
    *_by_k("gp_residual", 0.01, {1: 0.325, 2: 0.350, 3: 0.370, 5: 0.402, 10: 0.432}),
)
HM_STRICT = (
    Bar("within", "content_knn", 0.305, 0.156, 0.006, _BEFORE),
    Bar("within", "ials", 0.293, 0.137, 0.006, _BEFORE),
    Bar("within", "feature_ials", 0.293, 0.137, 0.006, _BEFORE),
    Bar("within", "item_knn", 0.295, 0.148, 0.006, _BEFORE),
    Bar("within", "ease", 0.297, 0.144, 0.006, _BEFORE),
    Bar("within", "ease_content", 0.323, 0.162, 0.006, _BEFORE),
    Bar("within", "muslin", 0.336, 0.169, 0.006, _BEFORE),
    Bar("full", "popularity", None, 0.012, 0.002, _BEFORE),
    Bar("full", "content_knn", None, 0.095, 0.006, _BEFORE),
    Bar("full", "ease_content", None, 0.118, 0.006, _BEFORE),
    Bar("full", "ease_content", 0.236, None, 0.006, _BEFORE, path="hot"),
    Bar("full", "ease_content", 0.179, None, 0.006, _BEFORE, path="cold"),
)
HM_NEWCOMERS = (
    *_by_k("popularity", 0.004, {0: 0.020}),
    *_by_k("content_knn", 0.01, {1: 0.067, 3: 0.108}),
    *_by_k("ease", 0.01, {1: 0.066, 3: 0.130}),
    *_by_k("ease_content", 0.01, {1: 0.080, 3: 0.142}),
)
_TO_APPAREL, _TO_ACCESSORIES = "accessories to apparel", "apparel to accessories"
HM_DOMAINS = tuple(
    Bar(view, method, None, ndcg, 0.006, _LIKE)
    for method, figures in (
        ("popularity", (0.031, 0.051)),
        ("popularity_segment", (0.054, 0.074)),
        ("ease", (0.048, 0.064)),
        ("ials", (0.046, 0.070)),
    )
    for view, ndcg in zip((_TO_APPAREL, _TO_ACCESSORIES), figures, strict=True)
)
