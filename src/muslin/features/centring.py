"""Text vectors freed of their language, so that a Chinese title and an English one of the same garment are alike.

A multilingual encoder puts each language into a cone of its own: with e5 any two Chinese titles are more alike than a
Chinese title and its translation. Taking the mean of each language off its vectors removes most of that, and the
narrowness of the cone with it. Languages are told apart by script: Han characters or anything else.

Many shops write in one language only, and then there is no mean of the other to take off a shopper's query. It is put
where the language would lie if it spoke of the same garments: the shift from one to the other is that of 32 translated
phrases which ship here. The shifted mean counts as `_SHIFTED` rows beside those of the shop's own language.

Source: Libovický, Rosa and Fraser 2020 (arXiv 2004.05160), which centres each language; the shift between languages
from translations: Jang et al. 2026 (arXiv 2606.18801). Differs: both are combined, each weighted by the rows behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from muslin.features.encoder import TextEncoder
from muslin.types import Bools, Floats

_SHIFTED = 32

PHRASES: tuple[tuple[str, str], ...] = (
    ("red dress", "红色连衣裙"),
    ("women's blouse with puff sleeves", "女士泡泡袖衬衫"),
    ("blue denim shorts", "蓝色牛仔短裤"),
    ("men's suit trousers in wool", "男士羊毛西裤"),
    ("soft fleece hoodie", "柔软抓绒连帽卫衣"),
    ("printed cotton pyjamas", "印花纯棉睡衣"),
    ("short skirt with buttons", "带纽扣短裙"),
    ("leather belt with metal buckle", "金属扣皮带"),
    ("running shoes, lightweight", "轻便跑步鞋"),
    ("green parka with fur collar", "绿色毛领派克大衣"),
    ("cropped top in ribbed jersey", "罗纹针织短上衣"),
    ("evening gown with sequins", "亮片晚礼服"),
    ("knitted hat and gloves set", "针织帽子手套套装"),
    ("canvas shoulder bag", "帆布单肩包"),
    ("pink ballet flats", "粉色芭蕾平底鞋"),
    ("bikini top with halter neck", "挂脖比基尼上衣"),
    ("girls' tulle skirt", "女童薄纱半身裙"),
    ("boys' polo shirt", "男童Polo衫"),
    ("loose jumpsuit with pockets", "宽松口袋连体裤"),
    ("purple velvet blazer", "紫色天鹅绒西装外套"),
    ("socks, five pairs", "五双装短袜"),
    ("silver necklace with pendant", "银色吊坠项链"),
    ("V-neck sweater in merino wool", "V领美利奴羊毛衫"),
    ("checked flannel shirt", "格纹法兰绒衬衫"),
    ("sports leggings with high waist", "高腰运动紧身裤"),
    ("trench coat with belt", "系带风衣"),
    ("sunglasses with tortoiseshell frame", "玳瑁框太阳镜"),
    ("maternity nursing top", "孕妇哺乳上衣"),
    ("plain white tank top", "纯白色背心"),
    ("corduroy trousers in brown", "棕色灯芯绒长裤"),
    ("kimono with tassels", "流苏和服外套"),
    ("crossbody phone pouch", "斜挎手机包"),
)
"""The same garments in English and Chinese."""


@dataclass(frozen=True)
class Centring:
    """Mean vector [width] of texts in Han characters, and of all others. Fitted state: goes through JSON unchanged."""

    han: tuple[float, ...]
    other: tuple[float, ...]

    def apply(self, texts: Sequence[str], vectors: Floats) -> Floats:
        """`vectors` [n, width] of `texts` with their script's mean taken off, unit length.

        A vector that is nothing but the mean becomes zero: it says nothing.
        """
        mean = np.asarray([self.other, self.han], dtype=np.float32)
        centred = vectors - mean[in_han(texts).astype(np.intp)]
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        unit: Floats = np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-4)
        return unit


def fit_centring(encoder: TextEncoder, texts: Sequence[str], vectors: Floats) -> Centring:
    """Centring of the training rows: `vectors` [n, width] are those `encoder` gives for `texts`; n may be 0.

    Encodes the `PHRASES` too, about a second's work.
    """
    english = encoder.encode([phrase for phrase, _ in PHRASES]).mean(axis=0, dtype=np.float64)
    chinese = encoder.encode([phrase for _, phrase in PHRASES]).mean(axis=0, dtype=np.float64)
    shift, han = chinese - english, in_han(texts)
    # What the shop speaks of, whatever the language: the mean of all rows, the Chinese ones shifted to English.
    subject = (vectors.sum(axis=0, dtype=np.float64) - han.sum() * shift) / len(vectors) if len(vectors) else english
    return Centring(
        han=_mean(vectors[han], subject + shift),
        other=_mean(vectors[~han], subject),
    )


def in_han(texts: Sequence[str]) -> Bools:
    """Which of `texts` [n] are written in Han characters: at least one of them to two letters of any other script."""
    column = pl.Series(list(texts), dtype=pl.String)
    han, letters = column.str.count_matches(r"\p{Han}"), column.str.count_matches(r"\p{L}")
    return ((han > 0) & (3 * han >= letters)).to_numpy()


def _mean(rows: Floats, expected: np.ndarray) -> tuple[float, ...]:
    total = rows.sum(axis=0, dtype=np.float64) + _SHIFTED * expected
    return tuple((total / (len(rows) + _SHIFTED)).tolist())
