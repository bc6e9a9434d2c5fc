"""Which configs `--metrics` and `--extractor` name, and the protocol that they make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganbench.config import (
    compose,
    conf_dirs,
    locate,
    options,
    parse_override,
    read_yaml,
    resolve,
    set_values,
)
from ganbench.errors import ConfigError
from ganbench.nodes import closest

FROM_SAMPLES = frozenset({"features", "probabilities"})  # of what metrics need, what images give
EVALUATION_SEED = 42  # of the shipped protocols
Node = dict[str, Any]


class Families:
    """The metrics of conf/metric by family: a file's name without its `_<space>`, so that `kid_lenet28` is `kid`."""

    def __init__(self, config_dir: Path | None) -> None:
        paths = {path.stem: path for d in conf_dirs(config_dir)[::-1] for path in d.glob("metric/*.yaml")}
        self._nodes: dict[str, Node] = {stem: read_yaml(path) for stem, path in sorted(paths.items())}
        self._extractors = set(options("extractor", config_dir))
        self._members: dict[str, list[str]] = {}
        for stem, node in self._nodes.items():
            self._members.setdefault(stem.removesuffix(f"_{node['space']}"), []).append(stem)

    def config(self, family: str, extractor: str) -> tuple[str, bool]:
        """Return the config that gives a family's score on an extractor, and whether its `space` is to be replaced.

        The family's own for this extractor; else one that differs in name and space only, as `fid` does from
        `fd`; else the family's first. One that reads images, not features, stays in its own space.
        """
        members = self._known(family)
        if family == "fid" and extractor != "inception":
            raise ConfigError(f"only Inception's Fréchet distance is FID: ask for fd on {extractor}")
        if not locate(self._nodes[members[0]]["_target_"]).needs:  # type: ignore[attr-defined]
            return next(stem for stem in members if self._nodes[stem]["space"] in self._extractors), False
        twins = [s for s, n in self._nodes.items() if _alike(n, self._nodes[members[0]])]
        own = [s for s in (*members, *twins) if self._nodes[s]["space"] == extractor]
        return (own or members)[0], not own

    def _known(self, family: str) -> list[str]:
        """Return a family's configs; raises `ConfigError` where there is none, or more than images is needed."""
        members = self._members.get(family)
        if not members:
            hint = closest(family, self._members)
            raise ConfigError(f"there is no metric `{family}`{hint or ';'} there are {self.scored()}")
        if lacking := self._lacking(members):
            raise ConfigError(
                f"`{family}` needs {lacking}, which samples alone do not give; there are {self.scored()}"
            )
        return members

    def _lacking(self, members: list[str]) -> str:
        """Say what a metric needs that images do not give; empty where they suffice."""
        needs = locate(self._nodes[members[0]]["_target_"]).needs  # type: ignore[attr-defined]
        spaces = {self._nodes[stem]["space"] for stem in members}
        if not needs and not spaces & self._extractors:
            return f"points of {' or '.join(sorted(spaces))}"
        return " and ".join(f"`{need}`" for need in sorted(needs - FROM_SAMPLES))

    def scored(self) -> str:
        """Return the families that samples suffice for, in words."""
        return ", ".join(f for f, members in sorted(self._members.items()) if not self._lacking(members))


def _alike(one: Node, other: Node) -> bool:
    named = {"space", "directions", "at"}
    return {k: v for k, v in one.items() if k not in named} == {
        k: v for k, v in other.items() if k not in named
    }


def protocol_of(
    extractor: str, families: list[str], overrides: list[str], config_dir: Path | None, n: int | None
) -> Node:
    """Return the resolved protocol: metrics by family, one extractor, sample counts (null: all) and the seed.

    Overrides name its members, with or without `protocol.` before them. Raises `ConfigError` for unknown names.
    """
    if extractor not in options("extractor", config_dir):
        known = options("extractor", config_dir)
        raise ConfigError(
            f"there is no extractor `{extractor}`{closest(extractor, known) or ';'} there are {', '.join(known)}"
        )
    values, found = _values(overrides), Families(config_dir)
    if not families:
        raise ConfigError(f"--metrics names none: there are {found.scored()}")
    chosen = {family: found.config(family, extractor) for family in families}
    picks = [f"+metric@evaluate.metrics.{family}={stem}" for family, (stem, _) in chosen.items()]
    composed = compose([*picks, f"+extractor@evaluate.extractors.{extractor}={extractor}"], config_dir)
    node: Node = {"name": "evaluate", "n_real": n, "n_fake": n, "evaluation_seed": EVALUATION_SEED}
    node |= composed.config["evaluate"]
    for family, (_, moved) in chosen.items():
        if moved:
            node["metrics"][family]["space"] = extractor
    return _checked(resolve(set_values(node, values)))


def _values(overrides: list[str]) -> Node:
    values = {}
    for text in overrides:
        assignment = parse_override(text)
        if not assignment.plain:
            raise ConfigError(f"`{text}`: only values can be set here, such as metrics.prc.k=5")
        values[assignment.key.removeprefix("protocol.")] = assignment.value
    return values


def _checked(protocol: Node) -> Node:
    for name in ("n_real", "n_fake"):
        n = protocol[name]
        if n is not None and (type(n) is not int or n < 2):
            raise ConfigError(f"`{name}` must be an integer from 2 on, or null for all, not {n!r}")
    return protocol
