"""The rows of the store as frozen dataclasses. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

HASH_VERSION = 1


@dataclass(frozen=True)
class Trial:
    """One draw of one variant's hyperparameters with one seed: a line of trials.jsonl."""

    trial_id: str
    variant: dict[str, str]  # axis → choice, e.g. {"model": "ns_gan", "dataset": "ring"}
    stage: str  # search | rerun
    index: int  # of the setting within (variant, stage)
    seed: int
    is_default: bool
    params: dict[str, Any]  # dotted config name → drawn value
    pack_id: str
    lane: int

    def to_json(self) -> dict[str, Any]:
        """Return a plain dict; what is in it is shared."""
        return dict(vars(self))


@dataclass(frozen=True)
class Pack:
    """Trials of one signature trained together; everything that decides their last bits is frozen here."""

    pack_id: str
    stage: str
    variant: dict[str, str]
    trial_ids: tuple[str, ...]  # real lanes, in order; distinct
    lanes: int  # 1, 2, 4, …; the tail beyond trial_ids is padding
    mode: str  # vmap | unbatched | compiled
    threads: int
    precision: str

    def to_json(self) -> dict[str, Any]:
        """Return a plain dict; what is in it is shared."""
        return dict(vars(self))


@dataclass(frozen=True)
class Score:
    """One metric of one trial at one checkpoint: a line of scores.jsonl."""

    trial_id: str
    step: int
    images_seen: int
    seconds: float  # training wall time of the pack ÷ lanes
    metric: str  # <metric>_<extractor>
    value: float | None  # None: diverged
    status: str  # ok | diverged
    protocol: str
    extra: dict[str, float] = field(
        default_factory=dict
    )  # compile_seconds: tracing and compiling; score_seconds

    def to_json(self) -> dict[str, Any]:
        """Return a plain dict; what is in it is shared."""
        return dict(vars(self))
