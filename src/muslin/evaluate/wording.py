"""What the report calls the protocols, and what it says of them."""

TITLES = {
    "item-cold": "New garments",
    "user-cold": "New shoppers",
    "both-cold": "New garments for new shoppers",
    "k-shot": "Getting better with every event",
    "cross-domain": "Known here, new there",
    "cross-domain-disjoint": "Known here, new there, nobody in both",
    "warm": "Known shoppers, known garments",
    "time": "What really came later",
    "mixed": "Known and new in one list",
}
PROMISES = {
    "item-cold": "A tenth of the families leave training with every event of every variant. A method sees these "
    "garments for the first time when it is asked who wants them.",
    "user-cold": "A tenth of the shoppers leave training. A method sees their first k items and must rank what they "
    "took later. Query and candidates are the same for every k.",
    "both-cold": "A fifth of the families and a fifth of the shoppers leave training. A method sees k known garments "
    "of a new shopper and must rank garments that nobody bought.",
    "k-shot": "A tenth of the families and of the shoppers leave training. The first k shoppers of a new garment, and "
    "the first k garments of a new shopper, are revealed; the questions are the same for every k.",
    "cross-domain": "Some shoppers of two domains keep their events in one and are asked for what they took in the "
    "other.",
    "cross-domain-disjoint": "The same, and nobody in the training data was in two domains: only content tells what "
    "goes with what.",
    "warm": "Some shoppers give up their newest item. Nothing is new here: this is what a cold-start method must not "
    "cost.",
    "time": "Training ends at a date. Asked are the garments and the shoppers that really came after it.",
    "mixed": "One offset gives new garments a fixed share of the places, the same for every method and shopper: what "
    "each method then finds among known and among new garments.",
}
