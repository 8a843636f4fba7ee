"""Honest evaluation: strict cuts, full ranking, intervals, a leakage audit, and reports that say what they show."""

from muslin.evaluate.protocol import PROTOCOLS
from muslin.evaluate.result import Comparison, Facts, Result, Row
from muslin.evaluate.run import Fit, evaluate

__all__ = ["PROTOCOLS", "Comparison", "Facts", "Fit", "Result", "Row", "evaluate"]
