"""What garments are made of and called: every value an attribute can take, in English and Chinese."""

from typing import NamedTuple, TypeAlias


class Word(NamedTuple):
    """One value of an attribute: its name in a column and in English titles, and in Chinese titles."""

    en: str
    zh: str


class Colour(NamedTuple):
    """A colour and the RGB it is drawn in."""

    en: str
    zh: str
    rgb: tuple[int, int, int]


class Kind(NamedTuple):
    """A type of garment: where it sits in the category path, what it usually costs, is made of and when it sells.

    `materials` are indices of `MATERIALS`; `seasons` weighs spring, summer, autumn, winter, all year.
    """

    department: str
    category: str
    en: str
    zh: str
    price: float
    materials: tuple[int, ...]
    seasons: tuple[int, int, int, int, int]


DEPARTMENTS = ("accessories", "apparel")

COLOURS = (
    Colour("black", "黑色", (38, 38, 42)),
    Colour("white", "白色", (244, 243, 240)),
    Colour("grey", "灰色", (142, 144, 148)),
    Colour("navy", "藏青色", (34, 48, 88)),
    Colour("blue", "蓝色", (52, 98, 178)),
    Colour("sky blue", "天蓝色", (146, 190, 224)),
    Colour("red", "红色", (192, 44, 48)),
    Colour("burgundy", "酒红色", (110, 30, 48)),
    Colour("pink", "粉色", (236, 172, 186)),
    Colour("fuchsia", "玫红色", (206, 50, 130)),
    Colour("orange", "橙色", (226, 122, 46)),
    Colour("rust", "砖红色", (166, 78, 48)),
    Colour("yellow", "黄色", (240, 208, 84)),
    Colour("mustard", "姜黄色", (198, 152, 48)),
    Colour("green", "绿色", (54, 124, 78)),
    Colour("olive", "橄榄绿", (110, 112, 62)),
    Colour("mint", "薄荷绿", (168, 216, 192)),
    Colour("teal", "青色", (30, 116, 122)),
    Colour("purple", "紫色", (104, 62, 140)),
    Colour("lilac", "淡紫色", (196, 176, 216)),
    Colour("brown", "棕色", (110, 76, 54)),
    Colour("camel", "驼色", (194, 150, 102)),
    Colour("beige", "米色", (222, 206, 180)),
    Colour("ivory", "象牙白", (240, 232, 212)),
)

PATTERNS = (
    Word("solid", "纯色"),
    Word("striped", "条纹"),
    Word("pinstriped", "细条纹"),
    Word("checked", "格纹"),
    Word("dotted", "波点"),
    Word("floral", "碎花"),
    Word("zigzag", "人字纹"),
    Word("animal print", "豹纹"),
    Word("colour block", "拼色"),
)

SILHOUETTES = (Word("slim", "修身"), Word("regular", "合身"), Word("relaxed", "宽松"), Word("oversized", "廓形"))

MATERIALS = (
    Word("cotton", "棉"),
    Word("linen", "亚麻"),
    Word("wool", "羊毛"),
    Word("silk", "真丝"),
    Word("denim", "牛仔"),
    Word("leather", "皮革"),
    Word("suede", "麂皮"),
    Word("canvas", "帆布"),
    Word("cashmere", "羊绒"),
    Word("viscose", "人棉"),
    Word("jersey", "针织"),
    Word("velvet", "天鹅绒"),
    Word("straw", "草编"),
    Word("silver", "银"),
    Word("brass", "黄铜"),
    Word("resin", "树脂"),
)

SEASONS = (Word("spring", "春季"), Word("summer", "夏季"), Word("autumn", "秋季"), Word("winter", "冬季"))
SEASON_NAMES = (*(s.en for s in SEASONS), "all year")

STYLES: tuple[tuple[Word, ...], ...] = (
    (Word("boho", "波西米亚"), Word("free-spirited", "自由随性"), Word("folk", "民族风")),
    (Word("minimal", "极简"), Word("pared-back", "素雅"), Word("clean-cut", "利落")),
    (Word("sporty", "运动"), Word("athletic", "活力"), Word("active", "动感")),
    (Word("romantic", "浪漫"), Word("dreamy", "梦幻"), Word("delicate", "柔美")),
    (Word("street", "街头"), Word("urban", "都市"), Word("edgy", "前卫")),
    (Word("classic", "经典"), Word("timeless", "百搭"), Word("tailored", "考究")),
    (Word("vintage", "复古"), Word("retro", "怀旧"), Word("heritage", "传统")),
    (Word("glamorous", "华丽"), Word("showy", "闪耀"), Word("evening", "晚装")),
)
"""Words for each latent style: no column names it, only titles do."""

MOTIFS = ("none", "heart", "star", "leaf", "moon", "bolt", "diamond", "cross")
"""A printed or stitched sign: neither columns nor titles name it, only pictures show it."""

BRANDS = (
    *("Alder & Rue", "Amberline", "Ateljé Nord", "Bracken", "Calico Row", "Carmine", "Cinder", "Copperleaf"),
    *("Dovetail", "Eastwick", "Elmhurst", "Fable & Thread", "Fennel", "Fjordal", "Gingham Lane", "Halcyon"),
    *("Harbourside", "Indigo Mill", "Juniper", "Kestrel", "Larkspur", "Lumen", "Maison Verre", "Marlowe"),
    *("Mistral", "Nettle", "Oriel", "Paloma", "Pinstone", "Quill", "Rosalind", "Saltmarsh"),
    *("Selvedge", "Tamarind", "Thistle", "Umber", "Velour Club", "Willowby", "Yarrow", "Zephyr"),
)

SEGMENTS = ("free", "quiet", "active", "soft", "bold", "formal", "nostalgic", "festive")
"""Shopper segments, in the order of the `STYLES` they noisily point at."""
CITIES = ("village", "town", "city", "metropolis")
CLUBS = ("none", "silver", "gold")
EVENTS = ("view", "click", "cart", "purchase")

_SUMMER, _WINTER, _MIDDLE, _ANY = (2, 5, 1, 0, 2), (0, 0, 3, 5, 2), (3, 1, 3, 1, 3), (1, 1, 1, 1, 6)


_Row: TypeAlias = tuple[str, str, float, tuple[int, ...], tuple[int, int, int, int, int]]


def _kinds(department: str, category: str, *rows: _Row) -> tuple[Kind, ...]:
    return tuple(Kind(department, category, *row) for row in rows)


KINDS: tuple[Kind, ...] = (
    _kinds(
        "accessories",
        "bags",
        ("tote", "托特包", 60, (5, 6, 7, 12), _ANY),
        ("clutch", "手拿包", 45, (3, 5, 11), _ANY),
        ("backpack", "双肩包", 70, (5, 7, 4), _ANY),
        ("crossbody bag", "斜挎包", 55, (5, 6, 7), _ANY),
    )
    + _kinds(
        "accessories",
        "shoes",
        ("trainers", "运动鞋", 80, (5, 6, 7), _ANY),
        ("ankle boots", "短靴", 110, (5, 6), _WINTER),
        ("loafers", "乐福鞋", 90, (5, 6, 11), _MIDDLE),
        ("sandals", "凉鞋", 50, (5, 12, 7), _SUMMER),
        ("heels", "高跟鞋", 85, (5, 6, 3, 11), _MIDDLE),
    )
    + _kinds(
        "accessories",
        "hats",
        ("beanie", "毛线帽", 22, (2, 8, 0), _WINTER),
        ("cap", "棒球帽", 20, (0, 7, 4), _SUMMER),
        ("sun hat", "遮阳帽", 30, (12, 1), _SUMMER),
    )
    + _kinds(
        "accessories",
        "jewellery",
        ("necklace", "项链", 35, (13, 14, 15), _ANY),
        ("earrings", "耳环", 25, (13, 14, 15), _ANY),
        ("bracelet", "手镯", 28, (13, 14, 15), _ANY),
    )
    + _kinds(
        "accessories",
        "scarves",
        ("scarf", "围巾", 35, (2, 8, 0), _WINTER),
        ("silk square", "方巾", 40, (3, 9), _MIDDLE),
    )
    + _kinds("accessories", "belts", ("belt", "腰带", 30, (5, 6, 7), _ANY))
    + _kinds("accessories", "eyewear", ("sunglasses", "太阳镜", 45, (13, 14, 15), _SUMMER))
    + _kinds(
        "apparel",
        "dresses",
        ("mini dress", "短款连衣裙", 55, (0, 1, 3, 9, 11), _SUMMER),
        ("midi dress", "中长连衣裙", 70, (0, 1, 3, 9, 10), _MIDDLE),
        ("maxi dress", "长款连衣裙", 80, (1, 3, 9, 11), _SUMMER),
    )
    + _kinds(
        "apparel",
        "tops",
        ("T-shirt", "T恤", 20, (0, 1, 10), _SUMMER),
        ("blouse", "女式衬衫", 40, (0, 3, 9), _MIDDLE),
        ("shirt", "衬衫", 45, (0, 1, 4), _ANY),
        ("tank top", "背心", 18, (0, 1, 10), _SUMMER),
    )
    + _kinds(
        "apparel",
        "trousers",
        ("jeans", "牛仔裤", 65, (4,), _ANY),
        ("wide-leg trousers", "阔腿裤", 60, (0, 1, 2, 9), _MIDDLE),
        ("leggings", "紧身裤", 30, (0, 10), _ANY),
        ("shorts", "短裤", 30, (0, 1, 4), _SUMMER),
    )
    + _kinds(
        "apparel",
        "skirts",
        ("mini skirt", "短裙", 35, (0, 4, 5), _SUMMER),
        ("pencil skirt", "铅笔裙", 45, (2, 5, 9), _MIDDLE),
        ("flared skirt", "伞裙", 50, (1, 3, 9, 11), _MIDDLE),
    )
    + _kinds(
        "apparel",
        "coats",
        ("trench coat", "风衣", 140, (0, 7, 5), _MIDDLE),
        ("parka", "派克大衣", 150, (0, 7, 2), _WINTER),
        ("blazer", "西装外套", 100, (1, 2, 9, 11), _ANY),
    )
    + _kinds(
        "apparel",
        "knitwear",
        ("jumper", "毛衣", 55, (2, 8, 0), _WINTER),
        ("cardigan", "开衫", 60, (2, 8, 0), _MIDDLE),
        ("polo neck", "高领毛衣", 58, (2, 8, 10), _WINTER),
    )
)
