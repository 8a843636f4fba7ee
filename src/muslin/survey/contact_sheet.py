"""Rows of garments with their pictures as one HTML file: nothing is loaded from anywhere, nothing is run."""

from collections.abc import Mapping, Sequence
from html import escape

from muslin.data.dataset import Dataset
from muslin.survey.pictures import place, thumbnails

_STYLE = (
    "body{font:14px system-ui,sans-serif;margin:24px;color:#222}h3{margin:12px 0 4px;font-size:14px}"
    ".row{display:flex;gap:8px}figure{margin:0;width:112px}img{width:100%}figcaption{font-size:12px}"
)


def contact_sheet(dataset: Dataset, sections: Mapping[str, Mapping[str, Sequence[str]]], heading: str) -> str:
    """HTML of rows of item ids by name, in named sections; a garment without a picture has its title only.

    All names and titles are escaped; pictures are our own thumbnails as data URIs. A name of a section that is an id
    is shown as its title. Raises what `survey.pictures.place` raises, KeyError for an unknown item.
    """
    source, titles = place(dataset), titles_of(dataset)
    shown = {item for rows in sections.values() for row in rows.values() for item in row}
    pictures = thumbnails(source, shown) if source is not None else {}
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(heading)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(heading)}</h1>"
    ]
    for name, rows in sections.items():
        parts.append(f"<section><h2>{escape(titles.get(name, name))}</h2>")
        for way, row in rows.items():
            figures = "".join(_figure(titles[item], pictures.get(item)) for item in row)
            parts.append(f'<h3>{escape(way)}</h3><div class="row">{figures}</div>')
        parts.append("</section>")
    return "\n".join([*parts, "</body></html>"])


def titles_of(dataset: Dataset) -> dict[str, str]:
    """What people call each item: its title, its id where it has none."""
    column = dataset.schema.items.title
    ids = dataset.items["item_id"].to_list()
    names = dataset.items[column].to_list() if column is not None and column in dataset.items.columns else ids
    return {item: name or item for item, name in zip(ids, names, strict=True)}


def _figure(title: str, picture: str | None) -> str:
    image = f'<img alt="" src="data:image/jpeg;base64,{picture}">' if picture is not None else ""
    return f"<figure>{image}<figcaption>{escape(title)}</figcaption></figure>"
