"""The ceiling: on planted data nobody who is honest beats the oracle, which ranks by the truth behind the events.

The oracle knows how likely each purchase was, not which were made. Who ranks the purchases better has seen them.
"""

import polars as pl

from muslin.evaluate.answers import Answers
from muslin.evaluate.finding import Finding
from muslin.evaluate.leaks.signs import surplus

CHECK = "better than the oracle"
LIMIT = 4.0
"""Standard deviations from which on it is no luck."""


def above(protocol: str, seed: int, answers: Answers, oracle: Answers, method: str) -> Finding:
    """Of the asked pairs of one exam, how many `method` ranks better than the oracle; a violation when it gains by it.

    The gain of a pair is 1 / log2(rank + 1); the pairs of a shopper stand or fall together.
    """
    own, best = ((1 / (a.pairs["rank"] + 1).log(2)).to_numpy() for a in (answers, oracle))
    if len(own) != len(best):
        raise ValueError("the two were not asked the same questions")
    shopper = answers.pairs.select(pl.col("user_id").rank("dense")).to_series().to_numpy().astype("int64")
    seen = surplus(own - best, shopper) > LIMIT
    note = f"{method} ranks what was bought better than the truth behind the purchases can: it has seen them"
    return Finding(protocol, seed, CHECK, int((own > best).sum()), len(own), seen, note)
