"""What the frozen part of a picture network makes of pictures, once, in a file: what its last block is trained on.

Maps are stored as float16, 19 kB a picture at 224 pixels, and read through the page cache, so that memory stays flat
however many pictures there are. The file grows picture by picture; one that was cut short is continued.
"""

import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from muslin.data.decode import Refused, decode
from muslin.errors import DataError
from muslin.features.encoders import lite0_network as network
from muslin.features.encoders.efficientnet_lite0 import EfficientNetLite0
from muslin.progress import track


def trunk_maps(path: Path, encoder: EfficientNetLite0, files: Iterable[bytes], total: int) -> NDArray[Any]:
    """Maps [total, 192, s, s] float16 of the picture `files`, kept at `path`; zeros where one cannot be decoded.

    What `path` holds already must come from the same files and the same encoder: name it after them. One process at a
    time. Raises `DataError` (`cannot_write`), ValueError where there are not `total` files.
    """
    shape = tuple(_maps(encoder, np.zeros((encoder.size, encoder.size, 3), dtype=np.uint8)).shape)
    row = int(np.prod(shape)) * 2
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            done = min(file.tell() // row, total)
            file.truncate(done * row)  # half a row, where a write was cut short
            file.seek(0, os.SEEK_END)
            for content in islice(track(files, "maps of pictures", total), done, None):
                pixels = decode(content, encoder.size)
                maps = np.zeros(shape, np.float16) if isinstance(pixels, Refused) else _maps(encoder, pixels)
                file.write(maps.tobytes())
            if file.tell() != total * row:
                raise ValueError(f"{file.tell() // row} files instead of {total}")
    except OSError as error:
        message = f"the maps cannot be written: {error.strerror or error}"
        fix = f"free {total * row // 10**6:,} MB or choose another place"
        raise DataError(message, code="cannot_write", where=str(path), fix=fix) from None
    return np.memmap(path, np.float16, "r", shape=(total, *shape))


def _maps(encoder: EfficientNetLite0, pixels: NDArray[np.uint8]) -> NDArray[np.float16]:
    with torch.inference_mode():
        maps = network.trunk(encoder.params, network.scaled(torch.from_numpy(pixels)[None]))[0]
    return maps.contiguous().numpy().astype(np.float16)
