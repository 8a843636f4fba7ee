"""A garment is uploaded: who should see it first, and what would a stranger be shown after one click?

python examples/a_new_garment.py
"""

import tempfile
from pathlib import Path

import polars as pl

import muslin
from muslin.data.sources.boutique import BoutiqueConfig, make


def main() -> None:
    """Make a small boutique, fit, and ask both questions."""
    with tempfile.TemporaryDirectory() as folder:
        shape = BoutiqueConfig(n_items=300, n_users=500, n_events=8_000, pictures=False)
        shop = make(Path(folder) / "shop", shape, seed=0)
        model = muslin.fit(shop, "content_knn")

        like = shop.items.row(0, named=True)
        upload = pl.DataFrame([{**like, "item_id": "uploaded-this-morning", "family": "a new design"}])
        audience = model.with_items(upload).recommend_to_items("uploaded-this-morning", k=5)
        print(f"Show {like['title']!r} to", ", ".join(audience["user_id"]))

        click = pl.DataFrame({"user_id": ["stranger"], "item_id": [like["item_id"]], "event": ["click"]})
        answer = model.recommend("stranger", k=5, events=click)
        titles = answer.join(shop.items.select("item_id", "title"), on="item_id", maintain_order="left")
        print("After a click on it, a stranger sees")
        for rank, title, path in titles.select("rank", "title", "path").iter_rows():
            print(f"  {rank}. {title} ({path})")


if __name__ == "__main__":
    main()
