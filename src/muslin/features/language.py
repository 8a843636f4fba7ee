"""Chinese and English texts in one space, so that a Chinese title and an English one of the same garment are alike.

A multilingual encoder puts each language into a cone of its own: with e5 any two Chinese titles are more alike than a
Chinese title and its translation. The way from one cone to the other is taken from 32 translated phrases which ship
here, and taken off the vectors of Chinese texts. Where a Chinese text has words for clothes that a short list knows
(`glossary`), its vector is the middle between that and the vector of those words in English: on 250 planted titles the
right English one is nearest for .72 of the Chinese, .28 by the shift alone (`benchmarks.languages`). Languages are told
apart by script: Han characters or anything else.

Source: the shift between languages from translations, Jang et al. 2026 (arXiv 2606.18801); that languages differ by
little more than their means, Libovický, Rosa and Fraser 2020 (arXiv 2004.05160), section 3.
Differs: nothing is fitted on a shop's own texts. Its own mean of each language does a little better than the shift
(.31 of those titles for .28), but a shop that writes in one language has none for the other, and a vector that
depends on its text alone can be cached, and is the same in training and in serving.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from muslin.features.dense import unit
from muslin.features.encoder import TextEncoder
from muslin.features.glossary import WORDS, english
from muslin.types import Bools, Floats

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
class Aligned:
    """A `TextEncoder`: `encoder`, its Chinese vectors moved to where it puts English ones."""

    encoder: TextEncoder
    gloss: Callable[[str], str] = english
    """The words of a Chinese text that are known, in English; empty where none is."""

    @property
    def name(self) -> str:
        """The encoder's."""
        return self.encoder.name

    @property
    def version(self) -> str:
        """The encoder's, and how many phrases and words showed the way."""
        return f"{self.encoder.version}, aligned by {len(PHRASES)} and {len(WORDS)}"

    @property
    def width(self) -> int:
        """The encoder's."""
        return self.encoder.width

    @cached_property
    def shift(self) -> Floats:
        """From English to Chinese [width]: the mean over the phrases, about a second's work, done once."""
        english = self.encoder.encode([phrase for phrase, _ in PHRASES]).mean(axis=0, dtype=np.float64)
        chinese = self.encoder.encode([phrase for _, phrase in PHRASES]).mean(axis=0, dtype=np.float64)
        shift: Floats = (chinese - english).astype(np.float32)
        return shift

    def encode(self, texts: Sequence[str]) -> Floats:
        """Unit vectors [n, width]; raises what the encoder raises."""
        vectors, han = self.encoder.encode(texts), in_han(texts)
        if not han.any():
            return vectors
        out = vectors.copy()
        out[han] = unit(vectors[han] - self.shift)
        glossed = {row: words for row in np.flatnonzero(han).tolist() if (words := self.gloss(texts[row]))}
        if glossed:
            rows = list(glossed)
            out[rows] = unit(out[rows] + unit(self.encoder.encode(list(glossed.values()))))
        return out


def in_han(texts: Sequence[str]) -> Bools:
    """Which of `texts` [n] are written in Han characters: at least one of them to two letters of any other script."""
    column = pl.Series(list(texts), dtype=pl.String)
    han, letters = column.str.count_matches(r"\p{Han}"), column.str.count_matches(r"\p{L}")
    return ((han > 0) & (3 * han >= letters)).to_numpy()
