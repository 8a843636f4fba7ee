"""What an encoder is: something that turns sentences or pictures into vectors a method can compare.

An encoder is frozen: the same input gives the same vector, whatever else was encoded before or beside it. `name` and
`version` together say which vectors these are; change `version` whenever the numbers change, so that stored vectors of
another version are never mixed with new ones.
"""

from collections.abc import Sequence
from typing import Protocol

from muslin.data.decode import Pixels
from muslin.types import Floats


class TextEncoder(Protocol):
    """Sentences to vectors of `width` numbers."""

    @property
    def name(self) -> str:
        """The name people choose it by."""

    @property
    def version(self) -> str:
        """Changes whenever the vectors change."""

    @property
    def width(self) -> int:
        """Length of a vector."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors [n, width] float32 of unit length, one a text."""


class ImageEncoder(Protocol):
    """Square pictures of `size` pixels a side to vectors of `width` numbers."""

    @property
    def name(self) -> str:
        """The name people choose it by."""

    @property
    def version(self) -> str:
        """Changes whenever the vectors change."""

    @property
    def width(self) -> int:
        """Length of a vector."""

    @property
    def size(self) -> int:
        """Side of the pictures in pixels."""

    def encode(self, pictures: Pixels) -> Floats:
        """Vectors [n, width] float32 of unit length, one a picture of `pictures` [n, size, size, 3]."""
