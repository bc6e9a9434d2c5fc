"""What makes a trial, a protocol and a pack's signature, and what does not."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import pytest
from configs import MODELS, at, changed, leaves_of, resolved
from packs import TINY, composed

from ganbench import identity
from ganbench.config import compose
from ganbench.identity import (
    EXCLUDED,
    PRESENTATION,
    digest,
    protocol_id,
    signature,
    training_config,
    trial_id,
)
from ganbench.nodes import resolve, set_values
from ganbench.records import HASH_VERSION

PLACEMENT = {
    "dataset.root": "elsewhere",
    "dataset.download": True,
    "dataset.study_steps": 7,
    "dataset.study_every": 7,
    "budget.name": "huge",
    "budget.keep": "all",
    "budget.checkpoint_seconds": 0.5,
}
STORED = {
    "procedure": {
        "_target_": "ganbench.procedures.adversarial.Adversarial",
        "generator": {"_target_": "ganbench.networks.mlp.Generator", "image_shape": [2], "hidden": 64},
        "penalty": {"_target_": "ganbench.penalties.gradient.GradientPenalty", "weight": 10.0, "eps": 1e-8},
        "d_steps": 5,
        "redraw_latents": True,
    },
    "dataset": {"_target_": "ganbench.datasets.mixture.Ring", "n_train": 50000, "sd": 0.05},
    "budget": {"steps": 4000, "every": 1000, "batch_size": 64},
    "precision": "float32",
}
# The canonical JSON of {"seed": 3, "training": STORED, "version": 1}: sorted keys, no blanks.
CANONICAL = (
    '{"seed":3,"training":{"budget":{"batch_size":64,"every":1000,"steps":4000},'
    '"dataset":{"_target_":"ganbench.datasets.mixture.Ring","n_train":50000,"sd":0.05},"precision":"float32",'
    '"procedure":{"_target_":"ganbench.procedures.adversarial.Adversarial","d_steps":5,'
    '"generator":{"_target_":"ganbench.networks.mlp.Generator","hidden":64,"image_shape":[2]},'
    '"penalty":{"_target_":"ganbench.penalties.gradient.GradientPenalty","eps":1e-08,"weight":10.0},'
    '"redraw_latents":true}},"version":1}'
)


def id_of(config: dict[str, Any], seed: int = 0) -> str:
    return trial_id(training_config(config), seed)


def test_a_stored_configs_id_never_changes() -> None:
    """Whoever breaks this gives every committed result another name."""
    assert HASH_VERSION == 1
    assert trial_id(STORED, 3) == "71d3d92a4790356a"
    assert trial_id(STORED, 3) == hashlib.blake2b(CANONICAL.encode(), digest_size=8).hexdigest()


def test_digests_are_of_canonical_json() -> None:
    assert digest({"b": 1, "a": [True, None, 1.0]}) == digest({"a": [True, None, 1.0], "b": 1})
    assert digest({"a": 1}) != digest({"a": 1.0}) != digest({"a": True})
    assert digest([1, 2]) == digest((1, 2)) != digest([2, 1])
    assert len(digest(0)) == 16
    assert len(digest(0, 8)) == 8
    with pytest.raises(ValueError, match="JSON"):
        digest(float("nan"))


def test_the_order_of_keys_does_not_matter() -> None:
    def backwards(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: backwards(node[key]) for key in reversed(node)}
        return node

    config = resolved()
    assert list(backwards(config)) != list(config)
    assert id_of(backwards(config)) == id_of(config)
    assert signature(training_config(backwards(config))) == signature(training_config(config))


def test_placement_is_exactly_this_list() -> None:
    assert set(PLACEMENT) == EXCLUDED


@pytest.mark.parametrize(("dotted", "value"), PLACEMENT.items())
def test_placement_does_not_change_a_trial(dotted: str, value: Any) -> None:
    config = resolved()
    node, key = dotted.split(".")
    assert config[node][key] != value
    moved = {**config, node: {**config[node], key: value}}
    without = {**config, node: {k: v for k, v in config[node].items() if k != key}}
    assert id_of(moved) == id_of(without) == id_of(config)
    assert signature(training_config(moved)) == signature(training_config(config))


def test_the_studys_steps_count_where_a_budget_takes_them() -> None:
    short, long = (
        resolve(compose(["budget=study", f"dataset.study_steps={steps}"]).config) for steps in (100, 200)
    )
    assert id_of(short) != id_of(long)


@pytest.mark.parametrize("family", ["ring", "gray28"])
@pytest.mark.parametrize("model", MODELS)
def test_everything_else_that_trains_changes_a_trial(model: str, family: str) -> None:
    """Every single value of procedure, dataset, budget and precision."""
    config = resolved(model, family)
    start = id_of(config)
    roots = [("model", "procedure"), ("dataset",), ("budget",), ("precision",)]
    paths = [(*root, *path) for root in roots for path in leaves_of(at(config, root))]
    identities = {path: id_of(changed(config, path)) for path in paths}
    kept = {".".join(map(str, path)) for path, found in identities.items() if found == start}
    assert kept == {".".join(map(str, path)) for path in paths} & EXCLUDED
    assert len(set(identities.values())) == len(paths) - len(kept) + 1


@pytest.mark.parametrize(
    ("dotted", "value"),
    [
        ("dataset.n_train", 49999),
        ("dataset.seed", 1),
        ("budget.steps", 4001),
        ("budget.every", 999),
        ("budget.batch_size", 32),
        ("precision", "bfloat16"),
        ("model.lr", 2e-5),
        ("model.d_steps", 5),
        ("model.d_batch_norm", False),
        ("network.hidden", 9),
        ("optimizer.epsilon_mode", "torch"),
    ],
)
def test_settings_that_train_change_a_trial(dotted: str, value: Any) -> None:
    other = resolve(set_values(composed("ns_gan", "ring"), {dotted: value}))
    assert id_of(other) != id_of(resolved("ns_gan", "ring"))


def test_the_seed_changes_a_trial_and_no_signature() -> None:
    config = resolved()
    assert len({id_of(config, seed) for seed in range(20)}) == 20
    assert "seed" not in training_config(config)
    assert id_of({**config, "seed": 99}, 0) == id_of(config, 0)


def test_what_training_never_reads_does_not_change_a_trial() -> None:
    """Protocol, space, sampler, and hyperparameters that the procedure does not use."""
    config = resolved()
    used = {"model", "dataset", "budget", "precision"}
    for name in config.keys() - used:
        assert id_of({**config, name: "other"}) == id_of(config)
        assert id_of({k: v for k, v in config.items() if k != name}) == id_of(config)
    aside = {**config["model"], "spaces": {}, "d_steps": 77, "unused": 1.0}
    assert id_of({**config, "model": aside}) == id_of(config)


def test_parts_a_model_does_not_use_do_not_change_it() -> None:
    """A VAE has neither loss nor penalty nor d_steps; NS GAN has no clip."""
    plain = resolved("vae", "ring")
    overrides = ["model=vae", *TINY["ring"], "loss=wasserstein", "network.bottleneck=3"]
    assert id_of(resolve(compose(overrides).config)) == id_of(plain)
    assert id_of({**plain, "model": {**plain["model"], "d_steps": 5}}) == id_of(plain)
    assert "d_steps" not in json.dumps(training_config(plain))


def test_models_are_different_trials() -> None:
    assert len({id_of(resolved(model, "ring")) for model in MODELS}) == len(MODELS)


OWNER = "ganbench.penalties.gradient.GradientPenalty"


def with_field(name: str, value: Any, part: str = "penalty") -> dict[str, Any]:
    config = copy.deepcopy(STORED)
    config["procedure"][part][name] = value  # type: ignore[index]
    return config


def test_a_later_field_at_its_neutral_value_keeps_old_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    old = trial_id(STORED, 3)
    assert trial_id(with_field("one_sided", False), 3) != old
    monkeypatch.setattr(identity, "NEUTRAL", ((2, OWNER, "one_sided", False),))
    assert trial_id(STORED, 3) == old
    assert trial_id(with_field("one_sided", False), 3) == old
    assert trial_id(with_field("one_sided", True), 3) != old


def test_a_neutral_value_is_one_parts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same field of another part counts, and so does another field of this one."""
    monkeypatch.setattr(identity, "NEUTRAL", ((2, OWNER, "one_sided", False), (3, OWNER, "power", 2.0)))
    old = trial_id(STORED, 3)
    assert trial_id(with_field("one_sided", False, "generator"), 3) != old
    assert trial_id(with_field("two_sided", False), 3) != old
    assert trial_id(with_field("power", 2.0), 3) == old
    assert trial_id(with_field("power", 1.0), 3) != trial_id(with_field("power", 3.0), 3) != old
    listed, grown = copy.deepcopy(STORED), with_field("power", 2.0)
    for config in (listed, grown):
        config["procedure"]["penalties"] = [config["procedure"].pop("penalty")]  # type: ignore[index,attr-defined]
    assert trial_id(grown, 3) == trial_id(listed, 3) != old


def protocol(family: str = "gray28") -> dict[str, Any]:
    rules: dict[str, Any] = resolved("ns_gan", family)["protocol"]
    return rules


def test_a_protocols_id_is_its_name_and_a_hash() -> None:
    name, _, code = protocol_id(protocol("ring")).rpartition("-")
    assert name == "ring"
    assert len(code) == 8
    assert protocol_id({**protocol("ring"), "name": "disc"}) == f"disc-{code}"
    meaning = {"n_fake": 5, "split": "test"}
    assert protocol_id({"name": "x", **meaning}).endswith(
        hashlib.blake2b(b'{"n_fake":5,"split":"test"}', digest_size=4).hexdigest()
    )


def test_presentation_is_exactly_this_list() -> None:
    assert {"name", "headline", "curve", "select"} == PRESENTATION


@pytest.mark.parametrize("key", ["headline", "curve", "select"])
def test_presentation_does_not_change_what_scores_mean(key: str) -> None:
    rules = protocol()
    assert protocol_id({**rules, key: "other"}) == protocol_id(rules)


@pytest.mark.parametrize("family", ["ring", "gray28"])
def test_everything_else_changes_what_scores_mean(family: str) -> None:
    rules = protocol(family)
    paths = [path for path in leaves_of(rules) if path[0] not in PRESENTATION]
    assert {("n_fake",), ("n_real",), ("split",), ("evaluation_seed",), ("standing_passes",)} <= set(paths)
    assert any(path[0] == "metrics" for path in paths)
    assert any(path[0] == "extractors" for path in paths)
    found = {protocol_id(changed(rules, path)) for path in paths}
    assert len(found | {protocol_id(rules)}) == len(paths) + 1


def test_weights_count_by_hash_and_not_by_place() -> None:
    rules = resolve(compose(["protocol=color"]).config)["protocol"]
    inception = rules["extractors"]["inception"]

    def with_inception(**fields: Any) -> str:
        extractors = {**rules["extractors"], "inception": {**inception, **fields}}
        return protocol_id({**rules, "extractors": extractors})

    assert with_inception(weights="somewhere/inception.pth") == protocol_id(rules)
    assert with_inception(sha256="other") != protocol_id(rules)


def test_training_and_protocol_are_hashed_apart() -> None:
    config = resolved()
    assert id_of({**config, "protocol": {**config["protocol"], "n_fake": 5}}) == id_of(config)
    assert protocol_id(config["protocol"]) == protocol_id(resolved("vae")["protocol"])


def test_the_name_of_a_named_folder_counts_and_none_keeps_old_ids() -> None:
    base = ["dataset=image_folder", "protocol=gray28_1k"]
    plain, named = (
        resolve(compose([*base, *more]).config)
        for more in ([], ["dataset.name=faces", "dataset.root=/faces"])
    )
    old = {**plain, "dataset": {k: v for k, v in plain["dataset"].items() if k != "name"}}
    assert id_of(old) == id_of(plain) != id_of(named)
