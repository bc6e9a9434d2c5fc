"""The committed law, and what it reads of a config."""

from __future__ import annotations

from typing import Any

import pytest

from ganbench.choices import Choice, choose, work_of
from ganbench.choices.choice import predicted
from ganbench.choices.law import Work, cost, law
from ganbench.config import compose, options
from ganbench.nodes import resolve


def config(*words: str) -> dict[str, Any]:
    return resolve(compose(list(words)).config)


def test_work_is_read_from_the_config() -> None:
    ring = work_of(config("model=ns_gan", "dataset=ring", "network.hidden=128", "budget.steps=7"))
    assert ring == Work("mlp", 7, 10.03, 64 * 128**2 / 1e6, graphs=1)
    images = work_of(
        config("model=wgan_gp", "dataset=polygons", "network.channels=8", "budget.batch_size=32")
    )
    assert images is not None
    assert images.passes == pytest.approx((4 * 12.72 + 17.71) / 5)  # one of five steps updates G
    assert images.each == pytest.approx(32 * 28 * 28 * 8**2 / 1e6)
    assert (images.family, images.graphs) == ("study", 2)


def test_what_is_strange_has_no_known_work() -> None:
    known = config("model=ns_gan", "dataset=ring")
    procedure = known["model"]["procedure"]
    other = {**procedure, "loss": {"_target_": "mine.losses.Odd"}}
    networks = {key: {**procedure[key], "_target_": "mine.nets.Net"} for key in ("generator", "critic")}
    for changed in (other, {**procedure, **networks}, {"_target_": "mine.procedures.Bare"}):
        assert work_of({**known, "model": {**known["model"], "procedure": changed}}) is None


def test_the_law_is_near_what_was_measured() -> None:
    for point in law()["points"]:
        work = Work(point["network"], 1, point["passes"], point["work"], graphs=0)
        whole = cost(work, point["mode"], [point["pack"]], graphs=0).total
        step = whole - law()["start_seconds"][point["network"]][point["mode"]]
        assert 0.5 < step / point["step_seconds"] < 2, point


@pytest.mark.parametrize("dataset", ["ring", "fashion_mnist"])
def test_small_sweeps_stay_as_they_were_and_a_long_one_on_the_ring_is_compiled(dataset: str) -> None:
    for model in options("model"):
        work = work_of(config(f"model={model}", f"dataset={dataset}"))
        assert work is not None, model
        if work.family == "mlp":
            long = work._replace(steps=15625)
            choice = choose(long, 100)
            assert choice.mode == "compiled"
            assert predicted(long, 100, choice).total < 0.8 * predicted(long, 100, Choice("vmap", 8)).total
        else:
            work = work._replace(each=work.each / 64)  # an eighth of the study's width
        assert choose(work, 8) == ("vmap", 8)
