"""Mode and size of packs by a law that can be reckoned with by hand."""

from __future__ import annotations

from typing import Any

import pytest

from ganbench.choices import Choice, Work, choose, continued, law
from ganbench.choices.choice import predicted

WORK = Work("mlp", steps=10, passes=1.0, each=1.0, graphs=1)
# Seconds of a pack of eight: 10 · (0.4 + 8 · 0.1) = 12 eager, 10 · (0.04 + 8 · 0.04) = 3.6 compiled.
EAGER = {"alone": {"overhead": 0.3, "each": 0.1}, "together": {"overhead": 0.4, "each": 0.1}}
COMPILED = {key: {"overhead": 0.04, "each": 0.04} for key in EAGER}


def lay_down(monkeypatch: pytest.MonkeyPatch, *, start: float = 0.0, **modes: Any) -> None:
    laws = {"vmap": EAGER, "compiled": COMPILED, **modes}
    found = {
        "compile_seconds": {"mlp": 100.0},
        "start_seconds": {"mlp": dict.fromkeys(laws, start)},
        "laws": {"mlp": laws},
    }
    monkeypatch.setattr(law, "law", lambda: found)


def test_seconds_are_those_of_the_steps_the_starts_and_the_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    lay_down(monkeypatch, start=5.0)
    eager = predicted(WORK, 17, Choice("vmap", 8))  # packs of 8, 8 and 1
    assert eager.training == pytest.approx(12 + 12 + 10 * (0.3 + 0.1) + 5), "one start"
    assert eager.compiling == 0
    twice = WORK._replace(graphs=2, passes=3.0)
    compiled = predicted(twice, 17, Choice("compiled", 8))  # three of 8: they are all of one shape
    assert compiled == pytest.approx((3 * 3 * 3.6 + 5, 200))
    assert predicted(twice, 17, Choice("compiled", 8), ready={8}).compiling == 0
    assert predicted(twice, 17, Choice("compiled", 8), ready={4}).compiling == 200


def test_compilation_must_be_earned_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack of eight saves 8.4 s, 24 of them 201.6 s: more than twice 100 s. A fifth is saved from 17 packs on."""
    lay_down(monkeypatch)
    assert choose(WORK, 23 * 8, pack=8) == ("vmap", 8)
    assert choose(WORK, 24 * 8, pack=8) == ("compiled", 8)
    assert choose(WORK._replace(graphs=2), 47 * 8, pack=8) == ("vmap", 8)
    assert choose(WORK, 8, pack=8, ready={8}) == ("compiled", 8)
    assert choose(WORK, 8, pack=8, ready={4}) == ("vmap", 8)


def test_a_fifth_must_be_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack takes 9.4 s instead of 12 s: from 77 packs on twice the compilation, but a fifth only with 500."""
    lay_down(monkeypatch, compiled={key: {"overhead": 0.3, "each": 0.08} for key in EAGER})
    assert choose(WORK, 499 * 8, pack=8) == ("vmap", 8)
    assert choose(WORK, 501 * 8, pack=8) == ("compiled", 8)


def test_packs_are_of_eight_unless_another_size_saves_a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    """16 lanes take 20 s instead of 2 · 12 s, if eight packs of them remain; compiled 6.8 s instead of 7.2 s."""
    lay_down(monkeypatch)
    assert choose(WORK, 127, mode="vmap") == ("vmap", 8)
    assert choose(WORK, 128, mode="vmap") == ("vmap", 16)
    assert choose(WORK, 256, mode="vmap") == ("vmap", 32)
    assert choose(WORK, 2048, mode="vmap") == ("vmap", 32)
    assert choose(WORK, 128, mode="compiled") == ("compiled", 8)
    assert choose(WORK, 3, mode="vmap") == ("vmap", 8)


@pytest.mark.parametrize(("each", "size"), [(0.0395, 4), (0.038, 1)])
def test_of_sizes_as_good_as_each_other_the_largest_is_taken(
    each: float, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20 trials are 24 lanes of eights, else 20; alone they are 1 or 5 % faster."""
    compiled = {"alone": {"overhead": 0.0, "each": each}, "together": {"overhead": 0.0, "each": 0.04}}
    lay_down(monkeypatch, compiled=compiled)
    assert choose(WORK._replace(steps=10**5), 20, mode="compiled") == ("compiled", size)


def test_wide_networks_train_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    lay_down(monkeypatch, vmap={**EAGER, "alone": {"overhead": 0.01, "each": 0.05}})
    assert choose(WORK, 30, mode="vmap") == ("vmap", 1)


PLAIN = {key: {"overhead": 0.2, "each": 0.1} for key in EAGER}  # unbatched: a lane takes 3 s instead of 4 s


def test_packs_of_one_do_without_vmap_where_that_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    lay_down(monkeypatch, unbatched=PLAIN)
    assert choose(WORK, 1, pack=1) == ("unbatched", 1)
    assert choose(WORK, 8, pack=1) == ("unbatched", 1)
    assert choose(WORK, 1, pack=1, mode="vmap") == ("vmap", 1)
    assert choose(WORK, 1) == ("vmap", 8)  # what comes later joins it
    assert choose(WORK._replace(steps=10**4), 1, pack=1) == ("compiled", 1)
    assert choose(WORK._replace(family="other"), 1, pack=1) == ("vmap", 1)
    lay_down(monkeypatch, unbatched={key: {"overhead": 0.31, "each": 0.1} for key in EAGER})
    assert choose(WORK, 1, pack=1) == ("vmap", 1)


def test_unbatched_lanes_take_the_seconds_of_one_each(monkeypatch: pytest.MonkeyPatch) -> None:
    lay_down(monkeypatch, start=5.0, unbatched=PLAIN)
    assert predicted(WORK, 17, Choice("unbatched", 8)) == pytest.approx((17 * 3 + 5, 0))


def test_what_cannot_be_batched_is_not_sized_by_what_can(monkeypatch: pytest.MonkeyPatch) -> None:
    lay_down(monkeypatch, start=5.0, unbatched=PLAIN)
    assert choose(WORK, 256, batched=False) == ("unbatched", 8)
    assert choose(WORK, 256, mode="unbatched") == ("unbatched", 8)


def test_few_compiled_trials_are_not_padded_to_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    lay_down(monkeypatch)
    assert choose(WORK._replace(steps=10**4), 3, mode="compiled") == ("compiled", 4)
    assert choose(WORK, 3, mode="compiled", pack=8) == ("compiled", 8)


def test_what_is_given_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    lay_down(monkeypatch)
    assert choose(WORK, 10**4, mode="vmap", pack=3) == ("vmap", 3)
    assert choose(WORK, 1, mode="compiled", pack=5) == ("compiled", 5)
    assert choose(WORK, 10**4, pack=4) == ("compiled", 4)


def test_what_was_not_measured_goes_the_usual_way(monkeypatch: pytest.MonkeyPatch) -> None:
    lay_down(monkeypatch)
    assert choose(None, 10**6) == ("vmap", 8)
    assert choose(WORK._replace(family="other"), 10**6) == ("vmap", 8)
    assert choose(WORK, 10**6, batched=False) == ("unbatched", 8)
    assert choose(WORK, 10**6, batched=False, mode="vmap", pack=2) == ("vmap", 2)  # the worker refuses it


def test_what_is_open_follows_what_is_frozen() -> None:
    frozen = {"mode": "compiled", "pack": 4, "threads": 2}
    assert continued({"mode": "auto", "pack": None, "threads": 1}, frozen) == {**frozen, "threads": 1}
    told = {"mode": "vmap", "pack": 8, "threads": 1}
    assert continued(told, frozen) == told
    assert continued({"mode": "auto", "pack": None}, {"name": "imported"}) == {"mode": "auto", "pack": None}
