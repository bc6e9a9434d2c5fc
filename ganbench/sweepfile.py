"""Sweep files: what a sweep trains, read against a schema, overridden, and unfolded into variants."""

from __future__ import annotations

import itertools
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeAlias

from ganbench.config import Assignment, Composed, compose, groups, parse_override, read_yaml, set_values
from ganbench.errors import ConfigError
from ganbench.nodes import closest
from ganbench.schema import build
from ganbench.shipped import builtin
from ganbench.spacefile import pin

Choice: TypeAlias = str | int | float | bool
Axes: TypeAlias = dict[str, list[Choice]]

MODES = ("auto", "vmap", "unbatched", "compiled")
PRECISIONS = ("float32", "bf16")
TRIAL_INDEX = "trial_index"
_ALWAYS_AXES = {"model", "dataset"}  # every row of the store says which
_ALIASES = {"space": "search.space", "sampler": "search.sampler"}
_REFUSED = {
    "seed": "search.seed and rerun.first_seed",
    "name": "another sweep file",
    "axes": "model=…, dataset=…",
}


@dataclass(frozen=True)
class Select:
    """Which score chooses the setting to rerun; a null metric is the protocol's `select`."""

    metric: str | None = None
    at: str = "best"

    def __post_init__(self) -> None:
        _one_of("rerun.select.at", self.at, ("best", "last"))


@dataclass(frozen=True)
class Rerun:
    """The second stage: the best settings again, with seeds the search did not use unless it says so.

    `seeds` is how many each of the `top` settings gets: one number for all, or a list that begins with the best's.
    """

    top: int = 1
    seeds: int | list[int] = 5
    first_seed: int = 1
    reuse_search_seeds: bool = False
    select: Select = field(default_factory=Select)

    def __post_init__(self) -> None:
        _at_least("rerun.top", self.top, 1)
        if isinstance(self.seeds, list) and len(self.seeds) != self.top:
            raise ConfigError(
                f"`rerun.seeds` lists {len(self.seeds)} numbers for rerun.top={self.top} settings: give one for each"
            )
        for seeds in self.seeds if isinstance(self.seeds, list) else [self.seeds]:
            _at_least("rerun.seeds", seeds, 1)
        _at_least("rerun.first_seed", self.first_seed, 0)


@dataclass(frozen=True)
class Search:
    """The first stage: many settings. `seed` is one integer for all of them, or `trial_index`."""

    space: str = "wide"
    sampler: str = "hashed"
    trials: int = 1
    seed: int | str = TRIAL_INDEX
    default_first: bool = True
    shared: bool = False  # the same draws for every variant
    sampler_seed: int = 0

    def __post_init__(self) -> None:
        _at_least("search.trials", self.trials, 1)
        if isinstance(self.seed, int):
            _at_least("search.seed", self.seed, 0)
        else:
            _one_of("search.seed", self.seed, (TRIAL_INDEX,))


@dataclass(frozen=True)
class SweepSpec:
    """A sweep: variants × stages × budget × protocol; a null protocol is the dataset's own."""

    name: str
    axes: Axes = field(default_factory=dict)
    budget: str = "small"
    protocol: str | None = None
    search: Search = field(default_factory=Search)
    rerun: Rerun | None = None
    pack: int | None = None  # trials that train together at most; null: chosen, or 1 where the sampler learns
    mode: str = "auto"  # how packs run; auto: chosen for each signature when planned (`ganbench.choices`)
    threads: int = 1
    precision: str = "float32"
    overrides: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.pack is not None:
            _at_least("pack", self.pack, 1)
        _at_least("threads", self.threads, 1)
        _one_of("mode", self.mode, MODES)
        _one_of("precision", self.precision, PRECISIONS)
        for key, choices in self.axes.items():
            if not choices or len(set(map(str, choices))) < len(choices):
                raise ConfigError(f"`axes.{key}` must be a list of different values, at least one")

    def to_json(self) -> dict[str, Any]:
        """Return a plain dict that `parse_sweep` takes back."""
        return asdict(self)


@dataclass(frozen=True)
class Variant:
    """One point of the axes: what was chosen, and the composed config with its references unresolved."""

    choices: dict[str, str]
    config: dict[str, Any]

    @property
    def search_key(self) -> str:
        """Name the variant for the sampler: draws are shared across datasets, hence those are left out."""
        own = (f"{k}={v}" for k, v in self.choices.items() if k.partition(".")[0] != "dataset")
        return ",".join(own)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"`{name}` must be {' or '.join(known)}, not {value!r}{closest(value, known)}")


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ConfigError(f"`{name}` must be at least {least}, not {value}")


def sweep_dirs(config_dir: Path | None = None) -> list[Path]:
    """Return the folders where sweep files are looked up, in order."""
    own = [] if config_dir is None else [config_dir / "sweeps"]
    return [Path("sweeps"), *own, builtin("sweeps")]


def sweep_names(config_dir: Path | None = None) -> list[str]:
    """Return the names of all sweep files."""
    return sorted({path.stem for folder in sweep_dirs(config_dir) for path in folder.glob("*.yaml")})


def load_sweep(name: str, overrides: list[str], config_dir: Path | None = None) -> SweepSpec:
    """Read a sweep file by its bare name and apply overrides in Hydra's grammar.

    `search.trials=6` changes a field; `key=a,b`, and any value for an axis, replaces or adds that axis; any
    other `key=value` changes every variant's config. Raises `ConfigError`.
    """
    file = read_yaml(_find(name, config_dir))
    if not isinstance(file, dict):
        raise ConfigError(f"sweep `{name}`: the file must hold a mapping such as axes: {{model: [ns_gan]}}")
    raw = parse_sweep(name, file).to_json()
    for text in overrides:
        _override(raw, parse_override(text))
    return parse_sweep(name, raw)


def _find(name: str, config_dir: Path | None) -> Path:
    paths = [folder / f"{name}.yaml" for folder in sweep_dirs(config_dir)]
    found = [path for path in paths if re.fullmatch(r"\w[\w.-]{0,127}", name) and path.is_file()]
    if not found:
        names = sweep_names(config_dir)
        known = f"{', '.join(names) or 'none'} (./sweeps, --config-dir DIR's sweeps/, shipped)"
        raise ConfigError(f"there is no sweep `{name}`{closest(name, names)} Available: {known}")
    return found[0]


def parse_sweep(name: str, raw: dict[str, Any]) -> SweepSpec:
    """Hold plain data against the schema; raises `ConfigError` naming the field at fault."""
    if raw.get("name", name) != name:
        raise ConfigError(f"sweep `{name}`: the file's name is the sweep's; take `name: {raw['name']}` out")
    try:
        return build(SweepSpec, {**raw, "name": name})
    except ConfigError as error:
        raise ConfigError(f"sweep `{name}`: {error}") from error


def _override(raw: dict[str, Any], change: Assignment) -> None:
    """Apply one override to a sweep's data, which is valid so far."""
    key = _ALIASES.get(change.key, change.key)
    axes = raw["axes"]
    if key in _REFUSED:
        raise ConfigError(f"`{change.text}`: `{key}` cannot be set here; use {_REFUSED[key]}")
    if change.plain and _is_field(key) and key not in axes:  # precision may be either
        _set_field(raw, key.split("."), change.value)
    elif change.plain and (key in axes or key in _ALWAYS_AXES or len(change.values) > 1):
        axes[key] = list(change.values)
    else:
        others = [text for text in raw["overrides"] if parse_override(text).key != key]
        raw["overrides"] = [*others, change.text]


def _is_field(key: str) -> bool:
    head, _, rest = key.partition(".")
    return head in {"search", "rerun"} or (not rest and head in {f.name for f in fields(SweepSpec)})


def _set_field(node: dict[str, Any], path: list[str], value: Any) -> None:
    key, *rest = path
    old = node.get(key)
    old = old if isinstance(old, dict) else {}
    if rest:
        node[key] = old
        _set_field(old, rest, value)
    else:
        node[key] = {**old, **value} if isinstance(value, dict) else value


def variants(spec: SweepSpec, config_dir: Path | None = None) -> list[Variant]:
    """Compose one config per point of the axes; what an axis or override fixes is not searched.

    Raises `ConfigError` for unknown options, settings and values of another type.
    """
    known = groups(config_dir)
    composed: dict[tuple[str, ...], Composed] = {}
    found = []
    for point in itertools.product(*spec.axes.values()):
        chosen = dict(zip(spec.axes, point, strict=True))
        options = (*_common(spec), *(f"{k}={v}" for k, v in chosen.items() if k in known))
        if options not in composed:
            composed[options] = compose(list(options), config_dir)
        values = {k: v for k, v in chosen.items() if k not in known}
        found.append(_variant(spec, composed[options], chosen, values))
    return found


def _common(spec: SweepSpec) -> list[str]:
    """Return the overrides that all variants share."""
    search = [f"space={spec.search.space}", f"sampler={spec.search.sampler}"]
    protocol = [] if spec.protocol is None else [f"protocol={spec.protocol}"]
    return [f"budget={spec.budget}", f"precision={spec.precision}", *protocol, *search, *spec.overrides]


def _variant(
    spec: SweepSpec, composed: Composed, chosen: dict[str, Choice], values: dict[str, Choice]
) -> Variant:
    first = {key: composed.choices[key] for key in ("model", "dataset")}
    fixed = {parse_override(text).key for text in spec.overrides} | values.keys()
    config = pin(set_values(composed.config, values), fixed)
    return Variant({**first, **{key: _text(value) for key, value in chosen.items()}}, config)


def _text(value: Choice) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
