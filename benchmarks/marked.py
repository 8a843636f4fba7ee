"""Part of a page that a benchmark writes: what stands between two marks, and nothing else."""


def replaced(page: str, start: str, end: str, text: str) -> str:
    """`page` with `text` between the first mark `start` and the next `end`, which stay.

    Raises ValueError where a mark is missing: the text would otherwise go to the end of the page, again each time.
    """
    before, found, rest = page.partition(start)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page lacks the mark {(end if found else start).strip()}")
    return before + start + text + end + after
