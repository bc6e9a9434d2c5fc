"""Scores of samples that anyone made: `ganbench evaluate`."""

from ganbench.evaluate.evaluation import Request
from ganbench.evaluate.scores import Report, evaluate, stamps, table

__all__ = ["Report", "Request", "evaluate", "stamps", "table"]
