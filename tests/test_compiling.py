"""Steps as machine code: the same numbers, made once, whatever happens to the files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from packs import pack, train
from torch import Tensor
from torch.func import grad, vmap

from ganbench import compiling
from ganbench.compiling import compile_step, folder
from ganbench.errors import ConfigError
from ganbench.replacing import deviation, product
from ganbench.rng import Rng
from ganbench.tracing import _Calls

OFFSET = torch.tensor([0.5, 0.25, 0.125, 0.0])


def step(state: dict[str, Tensor], x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    gradient = vmap(grad(lambda w, v: (w * v + OFFSET).square().sum()))(state["w"], x)
    return {"w": state["w"] - 0.1 * gradient}, gradient.sum()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(autouse=True)
def _own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_CACHE", str(cache))


def test_trees_go_in_and_come_out_and_the_library_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    state, x = {"w": torch.rand(3, 4)}, torch.rand(3, 4)
    compiled = compile_step(step, state, x)
    for _ in range(3):
        x = torch.rand(3, 4)
        expected, value = step(state, x)
        new, compiled_value = compiled(state, x)
        torch.testing.assert_close(new["w"], expected["w"])
        torch.testing.assert_close(compiled_value, value)
        state = new
    monkeypatch.setattr(compiling, "_make", lambda *_: pytest.fail("made twice"))
    again, _ = compile_step(step, state, x)(state, x)
    assert torch.equal(again["w"], compiled(state, x)[0]["w"])


def test_a_torn_library_is_made_anew() -> None:
    state, x = {"w": torch.rand(3, 4)}, torch.rand(3, 4)
    compile_step(step, state, x)
    (library,) = folder().glob("*.pt2")
    whole = library.read_bytes()
    library.write_bytes(whole[: len(whole) // 3])
    new, _ = compile_step(step, state, x)(state, x)
    torch.testing.assert_close(new["w"], step(state, x)[0]["w"])
    assert library.stat().st_size > len(whole) // 2


def test_other_shapes_and_other_constants_are_other_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(compiling, "_load", lambda traced: made.append(compiling._key(traced)))
    for width, offset in ((4, 0.0), (5, 0.0), (4, 1.0)):
        monkeypatch.setitem(globals(), "OFFSET", torch.full((width,), offset))
        compile_step(step, {"w": torch.rand(3, width)}, torch.rand(3, width))
    assert len(set(made)) == 3


def test_how_images_are_laid_out_concerns_convolutions_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(compiling, "_load", lambda traced: made.append(compiling._key(traced)))
    for settings in (compiling.IMAGE_SETTINGS, {"layout_optimization": True}):
        monkeypatch.setattr(compiling, "IMAGE_SETTINGS", settings)
        compile_step(lambda x, w: x @ w, torch.rand(2, 3), torch.rand(3, 2))
        compile_step(F.conv2d, torch.rand(1, 1, 4, 4), torch.rand(1, 1, 2, 2))
    assert len(made) == 4
    assert (made[0] == made[2], made[1] == made[3]) == (True, False)


def test_without_a_compiler_the_fix_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ConfigError, match=r"install g\+\+ .* or set mode=vmap"):
        compile_step(step, {"w": torch.rand(3, 4)}, torch.rand(3, 4))
    assert not list(tmp_path.rglob("*.pt2"))


def test_batch_norm_of_images_and_its_gradient() -> None:
    def normalized(x: Tensor) -> tuple[Tensor, Tensor]:
        def loss(x: Tensor) -> tuple[Tensor, Tensor]:
            y = F.batch_norm(x, None, None, training=True, eps=1e-3)
            return (y * y.roll(1)).sum(), y

        return vmap(grad(loss, has_aux=True))(x)

    x = torch.rand(2, 16, 3, 14, 14)
    for found, expected in zip(compile_step(normalized, x)(x), normalized(x), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("n", "rows", "columns", "instead"),
    [(1, 4, 6, "mm"), (2, 20, 3, "bmm"), (2, 20, 1, ""), (2, 20, 16, ""), (2, 8, 3, "")],
)
def test_a_product_of_one_matrix_or_of_few_columns_is_done_otherwise(
    n: int, rows: int, columns: int, instead: str
) -> None:
    a, b = torch.randn(n, rows, 5), torch.randn(n, 5, columns)
    with _Calls() as calls:
        found = product(a, b)
    assert [f"aten.{instead}.default" in map(str, (call[0] for call in calls.seen))] == [bool(instead)]
    if instead:
        torch.testing.assert_close(found, a @ b)
    else:
        assert found is NotImplemented


def test_such_products_are_in_compiled_steps() -> None:
    x, w = torch.randn(3, 20, 4), torch.randn(3, 4, 2)
    compiled = compile_step(lambda x, w: (torch.bmm(x, w), torch.bmm(x[:1], w[:1])), x, w)
    for found, expected in zip(compiled(x, w), (x @ w, x[:1] @ w[:1]), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("correction", [0, 1])
def test_the_standard_deviation_of_images(correction: int) -> None:
    x = torch.rand(2, 16, 1, 28, 28)

    def noised(x: Tensor) -> Tensor:
        return vmap(lambda x: x + 0.5 * x.std(correction=correction))(x)

    torch.testing.assert_close(compile_step(noised, x)(x), noised(x))


def test_a_deviation_is_that_of_torch() -> None:
    x = torch.randn(3, 4, 5)
    for given in ({}, {"dim": [1, 2]}, {"dim": [0], "correction": 0, "keepdim": True}):
        torch.testing.assert_close(deviation(x, **given), torch.std(x, **given))


def _agree(model: str, family: str, checkpoint: Path) -> None:
    """Every step from one state: Adam makes whole steps of what rounding left of a zero, so that states drift apart."""
    lanes, seeds = ({"model.lr": 1e-3}, {"model.lr": 1e-4}), (3, 4)
    eager = pack(model, family, lanes=lanes, seeds=seeds)
    compiled = pack(model, family, lanes=lanes, seeds=seeds, mode="compiled")
    for _ in range(3):
        (log,), (other,) = train(eager, 1), train(compiled, 1)
        assert compiled.progress.compile_seconds > compiled.progress.seconds or compiled.progress.step > 1
        torch.testing.assert_close(log, other, atol=1e-4, rtol=1e-3)
        for lane in range(2):
            (procedure, a), (_, b) = eager.lane(lane), compiled.lane(lane)
            latents = procedure.draw_latents(Rng.of(1), 64)
            torch.testing.assert_close(
                procedure.sample(a, latents), procedure.sample(b, latents), atol=1e-3, rtol=1e-3
            )
        eager.save(checkpoint, {})
        compiled.restore(checkpoint)


def test_a_compiled_pack_trains_like_an_eager_one(tmp_path: Path) -> None:
    _agree("vae", "ring", tmp_path / "checkpoint.pt")


@pytest.mark.slow
@pytest.mark.parametrize("family", ["ring", "gray28"])
@pytest.mark.parametrize("model", ["mm_gan", "ns_gan", "lsgan", "wgan", "wgan_gp", "dragan", "began", "vae"])
def test_every_model_compiles(model: str, family: str, tmp_path: Path) -> None:
    _agree(model, family, tmp_path / "checkpoint.pt")


def test_a_compiled_pack_resumes_bit_for_bit(tmp_path: Path) -> None:
    def build() -> object:
        return pack("vae", lanes=({"model.lr": 1e-3}, {"model.lr": 1e-4}), seeds=(3, 4), mode="compiled")

    whole, continued = build(), build()
    train(whole, 2)
    whole.save(tmp_path / "checkpoint-2.pt", {})
    train(whole, 2)
    continued.restore(tmp_path / "checkpoint-2.pt")
    train(continued, 2)
    pairs = zip(
        torch.utils._pytree.tree_leaves(whole.state),
        torch.utils._pytree.tree_leaves(continued.state),
        strict=True,
    )
    assert all(torch.equal(a, b) for a, b in pairs)
