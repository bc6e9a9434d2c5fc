"""The training of a pack: which examples a lane sees, what a step is given, and what a checkpoint keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from packs import pack, train
from torch import Tensor

from ganbench import stepping
from ganbench import training as training_module
from ganbench.batches import Order, as_float
from ganbench.errors import ConfigError
from ganbench.protocols import Images
from ganbench.rng import Rng
from ganbench.training import PackTraining
from ganbench.tree import component, leaves

REPEATABLE = settings(max_examples=60, deadline=None, derandomize=True)


class Trace(NamedTuple):
    """What the stub remembers: how many steps it took, and the sum of all it saw."""

    generator: dict[str, Tensor]
    standing: dict[str, Tensor]
    steps: Tensor
    seen: Tensor


@component
class Stub:
    """A procedure that logs what it is given, `poison` at step `sick`; its state is NaN from `broken` on."""

    batched: ClassVar[bool] = True

    sick: float
    poison: float
    broken: float
    d_steps: int

    def init(self, rng: Rng) -> Trace:
        weight = rng.uniform("weight", (2,))
        return Trace({"weight": weight}, {}, torch.zeros((), dtype=torch.int64), torch.zeros(()))

    def turn(self, step: int) -> str:
        return "dg" if step % self.d_steps == 0 else "d"

    def step(self, state: Trace, batch: Tensor, rng: Rng, turn: str) -> tuple[Trace, dict[str, Tensor]]:
        harm = torch.where(state.steps == self.broken, torch.nan, 0.0)
        logs = {
            "sum": batch.sum() + torch.where(state.steps == self.sick, self.poison, 0.0),
            "draw": rng.uniform("draw", ()),
            **({"g": state.seen} if turn == "dg" else {}),
        }
        return state._replace(steps=state.steps + 1, seen=state.seen + batch.sum() + harm), logs


def numbers(n: int = 10, dtype: torch.dtype = torch.float32) -> Images:
    """Return examples whose sums say which they are: powers of two, or bytes from 0 up."""
    ascending = torch.arange(n).unsqueeze(1)
    split = (2.0**ascending if dtype.is_floating_point else ascending).to(dtype)
    return Images(split, split, None, None, "numbers")


def stubs(
    *sick: float,
    poison: float = torch.nan,
    broken: float = -1.0,
    images: Images | None = None,
    mode: str = "vmap",
) -> PackTraining:
    """Return a pack of stubs, `broken` being that of all but the first, with seeds from 20 up."""
    breaks = [-1.0] + [broken] * (len(sick) - 1)
    lanes = zip(sick, breaks, strict=True)
    procedures: Any = [Stub(sick=s, poison=poison, broken=b, d_steps=3) for s, b in lanes]
    seeds = range(20, 20 + len(sick))
    return PackTraining(procedures, seeds, images or numbers(), batch_size=4, mode=mode)


def order(*seeds: int, n: int = 10, batch_size: int = 4) -> Order:
    return Order(Rng.stack([Rng.of(seed) for seed in seeds]), n, batch_size)


def test_uint8_images_become_fractions_of_255() -> None:
    images = torch.tensor([0, 51, 255], dtype=torch.uint8)
    assert as_float(images).tolist() == pytest.approx([0.0, 0.2, 1.0])
    assert as_float(images).dtype == torch.float32
    vectors = torch.tensor([-3.5, 700.0])
    assert as_float(vectors) is vectors


@REPEATABLE
@given(n=st.integers(1, 12), batch_size=st.integers(1, 30), seed=st.integers(0, 5))
def test_every_epoch_shows_every_example_once_in_full_batches(n: int, batch_size: int, seed: int) -> None:
    """n batches are exactly batch_size epochs."""
    mine = order(seed, n=n, batch_size=batch_size)
    batches = [mine.batch(step) for step in range(n)]
    assert all(batch.shape == (1, batch_size) and batch.dtype == torch.int64 for batch in batches)
    epochs = torch.cat(batches, dim=1)[0].unflatten(0, (batch_size, n))
    assert (epochs.sort(dim=1).values == torch.arange(n)).all()


@REPEATABLE
@given(
    steps=st.lists(st.integers(0, 40), min_size=1, max_size=8), n=st.integers(1, 12), size=st.integers(1, 9)
)
def test_a_batch_follows_from_its_step_alone(steps: list[int], n: int, size: int) -> None:
    """One object asked in any order, and fresh ones asked once."""
    worn = order(1, 2, n=n, batch_size=size)
    assert all(torch.equal(worn.batch(s), order(1, 2, n=n, batch_size=size).batch(s)) for s in steps)


def test_a_lanes_order_does_not_depend_on_its_pack_mates() -> None:
    together = order(3, 8, 5)
    for step in range(9):
        batch = together.batch(step)
        for lane, seed in enumerate((3, 8, 5)):
            assert torch.equal(batch[lane], order(seed).batch(step)[0])


def test_epochs_and_seeds_have_permutations_of_their_own() -> None:
    mine = order(1, 2, n=50, batch_size=50)
    perms = [tuple(mine.batch(epoch)[lane].tolist()) for lane in (0, 1) for epoch in range(6)]
    assert len(set(perms)) == 12
    assert tuple(range(50)) not in perms


def test_epochs_blur_inside_a_batch() -> None:
    """Ten examples in batches of four: the third ends one epoch and begins the next."""
    flat = torch.cat([order(1).batch(s) for s in range(5)], dim=1)[0]
    assert sorted(flat[:10].tolist()) == sorted(flat[10:].tolist()) == list(range(10))
    assert flat[8:12].tolist() == order(1).batch(2)[0].tolist()


def test_old_epochs_are_forgotten() -> None:
    mine = order(1, n=6, batch_size=4)
    for step in range(100):
        mine.batch(step)
    assert len(mine._epochs) <= 2


@pytest.mark.parametrize("mode", ["vmap", "unbatched"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_a_step_is_given_its_batch_its_stream_and_its_turn(mode: str, dtype: torch.dtype) -> None:
    images = numbers(8, dtype)
    training = stubs(-1.0, -1.0, images=images, mode=mode)
    seen = [0.0, 0.0]
    for step in range(7):
        logs = training.advance()
        assert ("g" in logs) == (step in (0, 3, 6))
        for lane, seed in enumerate((20, 21)):
            picked = images.train[order(seed, n=8).batch(step)[0]]
            total = picked.double().sum().item() / (255.0 if dtype == torch.uint8 else 1.0)
            assert logs["sum"][lane].item() == pytest.approx(total, rel=1e-6)
            stream = Rng.of(seed).fold("step").fold(torch.tensor(step))
            assert torch.equal(logs["draw"][lane], stream.uniform("draw", ()))
            seen[lane] += total
    assert training.state.steps.tolist() == [7, 7]
    assert training.state.seen.tolist() == pytest.approx(seen, rel=1e-6)


def test_lanes_start_from_their_seeds() -> None:
    training = stubs(-1.0, -1.0)
    for lane, seed in enumerate((20, 21)):
        expected = Rng.of(seed).fold("init").uniform("weight", (2,))
        procedure, state = training.lane(lane)
        assert torch.equal(state.generator["weight"], expected)
        assert procedure.d_steps == 3
    assert training.lanes == 2


def test_progress_counts_steps_images_and_seconds() -> None:
    training = stubs(-1.0)
    assert (training.progress.step, training.images_seen, training.progress.seconds) == (0, 0, 0.0)
    spent = [0.0]
    for _ in range(3):
        training.advance()
        spent.append(training.progress.seconds)
    assert training.progress.step == 3
    assert training.images_seen == 12
    assert sorted(set(spent)) == spent


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"pack mode 'fast'.*vmap, unbatched"):
        stubs(-1.0, mode="fast")


@pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf])
def test_what_was_not_finite_in_the_logs_of_a_past_step_is_not_forgotten(poison: float) -> None:
    """Lane 1 logs it at its second of four steps; its state is always finite."""
    training = stubs(-1.0, 1.0, poison=poison)
    train(training, 4)
    assert all(leaf.isfinite().all() for leaf in leaves(training.state))
    assert training.finite().tolist() == [True, False]
    train(training, 4)
    assert training.finite().tolist() == [True, True]


@pytest.mark.parametrize("mode", ["vmap", "unbatched"])
def test_nan_in_logs_long_ago_is_not_forgotten(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs are looked at when so many have gathered: here after two steps, after four, and at the end."""
    monkeypatch.setattr(training_module, "_UNCHECKED", 4)
    for sick in range(5):
        training = stubs(-1.0, float(sick), mode=mode)
        train(training, 5)
        assert len(training._unchecked) < 4
        assert training.finite().tolist() == [True, False]


def test_a_checkpoint_forgets_the_logs_of_what_it_replaces(tmp_path: Path) -> None:
    training = stubs(-1.0, 1.0)
    training.save(tmp_path / "checkpoint-0.pt", {})
    train(training, 2)
    training.restore(tmp_path / "checkpoint-0.pt")
    assert training.finite().tolist() == [True, True]


@pytest.mark.parametrize(("batched", "traced"), [(True, ["d", "dg"]), (False, [])])
def test_unbatched_turns_are_traced_where_the_procedure_can_be(
    batched: bool, traced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for all lanes."""
    made: list[str] = []

    def trace(function: Any, *arguments: Any) -> Any:
        made.append(function.__self__.turn)
        return real(function, *arguments)

    real = stepping.trace
    monkeypatch.setattr(stepping, "trace", trace)
    monkeypatch.setattr(stepping, "TRACE_AFTER", 1)
    monkeypatch.setattr(Stub, "batched", batched)
    training = stubs(-1.0, -1.0, mode="unbatched")
    train(training, 9)
    assert sorted(made) == traced


@component
class Shuffler:
    """A procedure whose state comes back in another order."""

    batched: ClassVar[bool] = True

    rate: float

    def init(self, rng: Rng) -> dict[str, Tensor]:
        return {"a": rng.uniform("a", ()), "b": torch.zeros(())}

    def turn(self, step: int) -> str:
        return "d"

    def step(
        self, state: dict[str, Tensor], batch: Tensor, rng: Rng, turn: str
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        return {"b": state["b"] + 1.0, "a": state["a"]}, {"b": state["b"]}


@pytest.mark.parametrize("mode", ["vmap", "unbatched"])
def test_a_state_is_told_apart_by_its_names(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "TRACE_AFTER", 2)
    training = PackTraining([Shuffler(rate=1.0)], [3], numbers(), batch_size=4, mode=mode)
    logs = train(training, 5)
    assert [log["b"].item() for log in logs] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert training.state["b"].tolist() == [5.0]
    assert training.state["a"].item() == Rng.of(3).fold("init").uniform("a", ()).item()


def test_nan_in_the_state_is_seen_as_long_as_it_lasts() -> None:
    training = stubs(-1.0, -1.0, broken=3.0)
    train(training, 3)
    assert training.finite().tolist() == [True, True]
    logs = train(training, 1)
    assert logs[0]["sum"].isfinite().all()
    assert training.finite().tolist() == [True, False]
    assert training.finite().tolist() == [True, False]


def test_a_checkpoint_between_scores_carries_the_nan_it_has_seen(tmp_path: Path) -> None:
    training = stubs(-1.0, 1.0)
    train(training, 3)
    training.save(tmp_path / "checkpoint-3.pt", {})
    resumed = stubs(-1.0, 1.0)
    resumed.restore(tmp_path / "checkpoint-3.pt")
    train(resumed, 1)
    assert resumed.finite().tolist() == [True, False]


def test_seconds_sum_over_attempts(tmp_path: Path) -> None:
    training = stubs(-1.0)
    train(training, 2)
    training.progress.seconds = 100.0
    training.save(tmp_path / "checkpoint-2.pt", {"best": {"a": (1, 0.5)}, "none": None})
    resumed = stubs(-1.0)
    assert resumed.restore(tmp_path / "checkpoint-2.pt") == {"best": {"a": (1, 0.5)}, "none": None}
    assert (resumed.progress.step, resumed.images_seen, resumed.progress.seconds) == (2, 8, 100.0)
    resumed.advance()
    assert 100.0 < resumed.progress.seconds < 110.0


def test_a_procedure_that_cannot_be_batched_is_run_lane_by_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganbench.procedures.adversarial.Adversarial.batched", False)
    with pytest.raises(ConfigError, match=r"mode=unbatched"):
        pack("ns_gan")
    training = pack("ns_gan", lanes=[{}, {}], seeds=[0, 1], mode="unbatched")
    train(training, 2)
    assert training.finite().all()
