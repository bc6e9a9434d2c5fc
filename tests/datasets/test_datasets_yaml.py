"""Every dataset's YAML says exactly the fields of its class, and the study's step counts."""

from __future__ import annotations

from dataclasses import fields

import pytest

STEPS = {  # study.md §3.4: epochs × images // 64
    "ring": (15625, 3906),
    "ring_hard": (15625, 3906),
    "grid": (15625, 3906),
    "fashion_mnist": (20 * 50000 // 64, 3906),
    "mnist": (20 * 50000 // 64, 3906),
    "mnist_5k": (20 * 50000 // 64, 3906),
    "cifar10": (100 * 50000 // 64, 3906),
    "celeba": (40 * 162000 // 64, 12656),
    "image_folder": (40 * 162000 // 64, 12656),
}


@pytest.mark.parametrize("name", STEPS)
def test_yaml_builds_its_class(build, node, name):
    dataset = build(name)
    assert (dataset.study_steps, dataset.study_every) == STEPS[name]
    assert set(node(name)) - {"_target_"} == {field.name for field in fields(dataset)}
    assert dataset.image_shape == tuple(node(name)["image_shape"])
