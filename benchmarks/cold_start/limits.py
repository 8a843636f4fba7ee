"""Entrants that are not asked everything, and why: two cores must do.

Who is not listed is asked every protocol of every data set. What a limit leaves out is said under each table of the
page.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """Entrants `names` that are asked `protocols` only, and why: `reason` is a key of `words.Words.reasons`."""

    reason: str
    names: frozenset[str]
    protocols: tuple[str, ...]


EVERYWHERE = (
    Limit("slow", frozenset({"clcrec", "cornac-amr", "cornac-vbpr", "dropoutnet", "vbpr"}), ("item-cold", "mixed")),
    Limit("revealed", frozenset({"gp_residual", "prior_knn"}), ("k-shot",)),
    Limit("bridge", frozenset({"emcdr", "ptupcdr", "source_posterior"}), ("cross-domain", "cross-domain-disjoint")),
    Limit(
        "few",
        frozenset(("anil", "fomaml", "maml", "maml_pp", "melu", "meta_embedding", "meta_sgd", "posterior", "reptile")),
        ("k-shot",),
    ),
)
"""Those of all data sets."""

META = Limit("meta", EVERYWHERE[-1].names, ())
"""Where many garments make each of their fits long."""

_CONTENT = ("content_blend", "content_knn", "ease_content", "feature_ials", "popularity_category")
IDS = Limit("ids", frozenset((*_CONTENT, "irspack", "lightfm", "rectools-als")), ())
"""Where there are ids and nothing else."""
