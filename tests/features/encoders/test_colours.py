"""The histogram against a count pixel by pixel, and what it must and must not notice."""

import numpy as np
import pytest

from muslin.errors import UsageError
from muslin.features.encoders.colours import Colours, lab

KNOWN = {
    (255, 255, 255): (100.0, 0.0, 0.0),
    (0, 0, 0): (0.0, 0.0, 0.0),
    (255, 0, 0): (53.24, 80.09, 67.2),
    (0, 0, 255): (32.3, 79.19, -107.86),
    (0, 128, 0): (46.23, -51.7, 49.9),
}
"""sRGB colours and their L*a*b* under D65, as published tables give them."""


def plain(*rgb) -> np.ndarray:
    return np.full((1, 64, 64, 3), rgb, dtype=np.uint8)


@pytest.mark.parametrize(("rgb", "expected"), KNOWN.items())
def test_lab_is_that_of_the_tables(rgb, expected) -> None:
    assert np.allclose(lab(np.array(rgb, dtype=np.uint8)), expected, atol=0.1)


def test_counts_are_those_of_a_loop() -> None:
    picture = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    shares = np.zeros((6, 9, 9))
    for pixel in lab(picture[13:51, 13:51].reshape(-1, 3)).astype(float):
        axes = zip(pixel, (100 / 6, 20, 20), (0.5, -4, -4), (5, 8, 8), strict=True)
        spots = []
        for value, step, first, last in axes:
            place = min(max(value / step - first, 0), last - 0.001)
            spots.append([(int(place), 1 - place % 1), (int(place) + 1, place % 1)])
        for a, wa in spots[0]:
            for b, wb in spots[1]:
                for c, wc in spots[2]:
                    shares[a, b, c] += wa * wb * wc / 38**2
    assert np.allclose(Colours().encode(picture[None])[0], np.sqrt(shares.ravel()), atol=1e-4)


def test_vectors_are_unit_length_and_independent_of_the_batch() -> None:
    pictures = np.random.default_rng(1).integers(256, size=(150, 64, 64, 3), dtype=np.uint8)
    vectors = Colours().encode(pictures)
    assert vectors.shape == (150, Colours().width)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.array_equal(vectors[149], Colours().encode(pictures[149:])[0])
    assert Colours().encode(pictures[:0]).shape == (0, 486)


def test_near_colours_are_near_and_far_ones_are_far() -> None:
    red, dark_red, blue = (Colours().encode(plain(*rgb))[0] for rgb in ((200, 30, 40), (180, 30, 40), (30, 40, 200)))
    assert red @ dark_red > 0.6
    assert red @ blue < 0.05


def test_the_background_does_not_count() -> None:
    picture = plain(200, 30, 40)
    picture[:, :13] = picture[:, 51:] = picture[:, :, :13] = picture[:, :, 51:] = 255
    assert np.allclose(Colours().encode(picture), Colours().encode(plain(200, 30, 40)))


def test_other_shapes_are_refused() -> None:
    for wrong in (np.zeros((1, 32, 32, 3), np.uint8), np.zeros((1, 64, 64, 3), np.float32)):
        with pytest.raises(UsageError) as caught:
            Colours().encode(wrong)
        assert caught.value.code == "wrong_shape"
