"""Progress bars on standard error, silent when it is not a terminal."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def track(steps: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yield from `steps` while a bar named `label` shows how far along they are."""
    # disable=None: tqdm draws only where a person can see it.
    yield from tqdm(steps, desc=label, total=total, disable=None, file=sys.stderr, leave=False, dynamic_ncols=True)
