import io

import numpy as np
import pytest
import torch
from PIL import Image

from muslin.data.decode import decode
from muslin.errors import DataError
from muslin.features.encoders import efficientnet_lite0
from muslin.features.encoders import lite0_network as network
from muslin.nets import trunk_maps as module
from muslin.nets.trunk_maps import trunk_maps
from muslin.random import stream

SIZE = 64


@pytest.fixture(scope="module")
def encoder():
    return efficientnet_lite0.load(SIZE)


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    made = []
    for number in range(5):
        file = io.BytesIO()
        pixels = stream(0, "pixels", number).integers(256, size=(20, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file, "PNG")
        made.append(file.getvalue())
    return [*made[:3], b"no picture", *made[3:]]


def test_the_rest_of_the_network_makes_of_them_what_it_makes_of_the_pictures(encoder, files, tmp_path) -> None:
    maps = trunk_maps(tmp_path / "deep" / "maps.f16", encoder, iter(files), len(files))
    assert maps.shape == (6, 192, 2, 2)
    assert not maps[3].any(), "what is no picture has none"
    pixels = np.stack([decode(content, SIZE) for n, content in enumerate(files) if n != 3])
    with torch.inference_mode():
        stored = torch.from_numpy(maps[[0, 1, 2, 4, 5]].astype(np.float32))
        pooled = torch.nn.functional.normalize(network.tail(encoder.params, stored)).numpy()
    assert np.abs(pooled - encoder.encode(pixels)).max() < 1e-3
    assert not maps.flags.writeable


@pytest.mark.parametrize("left", [0, 1, 1536, 2000, 3 * 1536 + 1, 6 * 1536, 7 * 1536])
def test_a_file_that_was_cut_short_is_continued_and_no_picture_read_twice(
    encoder, files, tmp_path, left, monkeypatch
) -> None:
    path = tmp_path / "maps.f16"
    whole = np.array(trunk_maps(path, encoder, files, len(files)))
    content = path.read_bytes() * 2
    path.write_bytes(content[:left])
    read = []
    monkeypatch.setattr(module, "decode", lambda content, size: read.append(content) or decode(content, size))
    assert np.array_equal(trunk_maps(path, encoder, files, len(files)), whole)
    assert len(read) == max(0, 6 - left // 1536)


def test_too_few_files_are_noticed(encoder, files, tmp_path) -> None:
    with pytest.raises(ValueError, match="6 files instead of 7"):
        trunk_maps(tmp_path / "maps.f16", encoder, files, 7)


def test_a_place_that_cannot_be_written_is_named(encoder, files, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError) as caught:
        trunk_maps(tmp_path / "file" / "maps.f16", encoder, files, len(files))
    assert caught.value.code == "cannot_write"
