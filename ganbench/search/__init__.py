"""The door to Optuna: distributions from YAML, samplers, the draws of a sweep, and studies for Optuna's own tools."""

from ganbench.search.distributions import quantile, space
from ganbench.search.draws import Draw, draw
from ganbench.search.journal import StudyRecord, TrialRecord, write_journal
from ganbench.search.learning import Seen, check_learning, learns, propose
from ganbench.search.samplers import Grid, HashedSampler, Replay

__all__ = [
    "Draw",
    "Grid",
    "HashedSampler",
    "Replay",
    "Seen",
    "StudyRecord",
    "TrialRecord",
    "check_learning",
    "draw",
    "learns",
    "propose",
    "quantile",
    "space",
    "write_journal",
]
