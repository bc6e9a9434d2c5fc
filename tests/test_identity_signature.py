"""Which trials may share a pack: those that differ in floats of their parts."""

from __future__ import annotations

from typing import Any

import pytest
from configs import MODELS, at, changed, leaves_of, resolved

from ganbench import identity, tree
from ganbench.identity import signature, training_config, trial_id
from ganbench.instantiation import locate

FLOATS = {
    "wgan": ["d_optimizer.clip", "d_optimizer.optimizer.lr", "g_optimizer.beta2", "prior.low", "prior.high"],
    "wgan_gp": ["penalty.weight", "penalty.center", "penalty.eps", "d_optimizer.eps", "g_optimizer.beta1"],
    "lsgan": ["loss.real_label", "loss.fake_label", "loss.target"],
    "dragan": ["penalty.noise_scale"],
    "began": ["gamma", "k_lr"],
    "vae": ["likelihood.sd", "optimizer.lr"],
}
STRUCTURE = {
    "wgan": ["d_steps", "redraw_latents", "generator.hidden", "critic.batch_norm", "prior.latent_dim"],
    "wgan_gp": ["g_optimizer.epsilon_mode", "penalty._target_"],
    "lsgan": ["loss.on_probability"],
    "dragan": ["penalty.clip", "penalty.interpolate"],
    "began": ["clip_k", "autoencoder.bottleneck"],
    "vae": ["encoder.latent_dim"],
}


def signature_after(model: str, *path: Any) -> str:
    return signature(changed(training_config(resolved(model, "ring")), path))


@pytest.mark.parametrize(("model", "field"), [(m, f) for m, fields in FLOATS.items() for f in fields])
def test_floats_of_parts_may_differ_in_a_pack(model: str, field: str) -> None:
    path = ("procedure", *field.split("."))
    training = training_config(resolved(model, "ring"))
    assert isinstance(at(training, path), float)
    assert signature_after(model, *path) == signature(training)
    assert trial_id(changed(training, path), 0) != trial_id(training, 0)


@pytest.mark.parametrize(("model", "field"), [(m, f) for m, fields in STRUCTURE.items() for f in fields])
def test_integers_switches_and_names_may_not(model: str, field: str) -> None:
    same = signature(training_config(resolved(model, "ring")))
    assert signature_after(model, "procedure", *field.split(".")) != same


@pytest.mark.parametrize("path", [("dataset", "sd"), ("dataset", "radius"), ("dataset", "seed")])
def test_data_are_structure(path: tuple[str, str]) -> None:
    assert signature_after("ns_gan", *path) != signature(training_config(resolved("ns_gan", "ring")))


@pytest.mark.parametrize("path", [("budget", "steps"), ("budget", "batch_size"), ("precision",)])
def test_budget_and_precision_are_structure(path: tuple[str, ...]) -> None:
    assert signature_after("ns_gan", *path) != signature(training_config(resolved("ns_gan", "ring")))


@pytest.mark.parametrize(
    "target",
    ["ganbench.networks.mlp.Generator", "mine.losses.Loss", "ganbench.datasets.x.Y", "ganbench.lossesx.Y"],
)
def test_floats_of_other_parts_are_structure(target: str) -> None:
    """Networks, and parts of a plug-in, which says nothing of itself."""

    def part(slope: float) -> dict[str, Any]:
        return {
            "procedure": {"_target_": "ganbench.procedures.x.Y", "part": {"_target_": target, "slope": slope}}
        }

    assert signature(part(0.1)) != signature(part(0.2))


def test_floats_in_lists_and_plain_mappings_are_structure() -> None:
    def loss(value: Any) -> dict[str, Any]:
        return {"_target_": "ganbench.losses.x.Y", "field": value}

    assert signature(loss(0.1)) == signature(loss(0.2))
    assert signature(loss([0.1])) != signature(loss([0.2]))
    assert signature(loss({"a": 0.1})) != signature(loss({"a": 0.2}))
    assert signature(loss({"a": 0.1})) != signature(loss(0.1))
    assert signature(loss(0.1)) != signature(loss(1))
    nested = [loss(0.1)], [loss(0.2)]
    assert signature({"parts": nested[0]}) == signature({"parts": nested[1]})


@pytest.mark.parametrize("family", ["ring", "gray28"])
@pytest.mark.parametrize("model", MODELS)
def test_signature_and_tree_agree_on_what_batches(model: str, family: str) -> None:
    """A target's family says of its floats what its registration says."""
    procedure = training_config(resolved(model, family))["procedure"]
    targets = {at(procedure, path) for path in leaves_of(procedure) if path[-1] == "_target_"}
    assert len(targets) > 3
    for target in targets:
        assert (locate(target) in tree._PARTS) == target.startswith(identity.BATCHED)
