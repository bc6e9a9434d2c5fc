"""What the types of a config's values do not say: ranges, and names that other parts of the config give. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ganbench.errors import ConfigError
from ganbench.nodes import value_at

KEEP = ("best_last", "all", "none")
SPLITS = ("test", "train")
_LEAST = {
    "seed": 0,
    "budget.steps": 1,
    "budget.every": 1,
    "budget.batch_size": 1,
    "budget.checkpoint_seconds": 0,
    "protocol.n_real": 2,  # a spread needs two
    "protocol.n_fake": 2,
    "protocol.evaluation_seed": 0,
    "protocol.standing_passes": 1,
    "protocol.standing_batch": 1,
}


def check_config(config: dict[str, Any], precisions: Iterable[str]) -> None:
    """Look over a variant's resolved config before anything is planned; raises `ConfigError`."""
    for name, least in _LEAST.items():
        if value_at(config, name) < least:
            raise ConfigError(f"`{name}` must be at least {least}, not {value_at(config, name)}")
    for name, known in (("precision", precisions), ("budget.keep", KEEP), ("protocol.split", SPLITS)):
        if value_at(config, name) not in known:
            raise ConfigError(f"`{name}` must be {' or '.join(known)}, not {value_at(config, name)!r}")
    protocol = config["protocol"]
    for name in ("headline", "curve"):
        check_metric(f"protocol.{name}", protocol[name], protocol)
    check_metric("protocol.select", protocol["select"], protocol, at=("every",))


def check_metric(
    where: str, key: str, protocol: dict[str, Any], at: tuple[str, ...] = ("every", "best_last")
) -> None:
    """Require that a protocol ranks by a metric, whatever the threshold in its key, on these schedules.

    Raises `ConfigError`.
    """
    metrics = [metric for metric in protocol["metrics"].values() if metric["at"] in at]
    known = [
        f"{bare}_{metric['space']}"
        for metric in metrics
        for bare, direction in metric["directions"].items()
        if direction != "none"
    ]
    if key.partition("@")[0] not in known:
        when = " at every checkpoint" if at == ("every",) else ""
        raise ConfigError(
            f"`{where}`: protocol {protocol['name']} gives no metric `{key}`{when}, only {', '.join(known)}"
        )
