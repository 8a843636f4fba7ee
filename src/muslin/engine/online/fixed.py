"""Weights as whole numbers of 2^-24: their sums do not depend on the order in which they are added."""

ONE = 1 << 24
"""The weight 1."""


def fixed(weight: float) -> int:
    """`weight` rounded to a whole number of 2^-24."""
    return round(weight * ONE)


def real(value: int) -> float:
    """The weight that `value` stands for."""
    return value / ONE
