"""What a check of an evaluation found."""

from dataclasses import dataclass

from muslin.evaluate.exam import Exam


@dataclass(frozen=True)
class Finding:
    """One check of one cut: `count` of `total` things were found, and whether any is forbidden (`violation`)."""

    protocol: str
    seed: int
    check: str
    count: int
    total: int
    violation: bool
    note: str

    @property
    def share(self) -> float:
        """`count / total`, 0 where there was nothing to check."""
        return self.count / self.total if self.total else 0.0


def finding(exam: Exam, check: str, count: int, total: int, note: str, *, forbidden: bool) -> Finding:
    """Finding about `exam`, a violation when it is `forbidden` and there are any."""
    return Finding(exam.protocol, exam.seed, check, count, total, forbidden and count > 0, note)
