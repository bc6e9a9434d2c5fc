"""What sweeps make of an open mode and pack size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import SHORT, TINY, ganbench, train

from ganbench import single
from ganbench.choices import choice, law
from ganbench.growth import added
from ganbench.planning import definition_of, search_settings
from ganbench.procedures.adversarial import Adversarial
from ganbench.records import Pack
from ganbench.store import Store
from ganbench.store.plan import Plan
from ganbench.sweepfile import load_sweep, variants

FEW = ("model=ns_gan", "dataset=ring", "search.trials=9", *TINY, *SHORT)


def define(*words: str) -> dict[str, Any]:
    spec = load_sweep("quickstart", [*FEW, *words])
    return definition_of(spec, variants(spec))


def plan(*words: str, before: Plan | None = None) -> Plan:
    definition, before = define(*words), before or Plan([], {})
    return before.extended(*added(definition, search_settings(definition), before))


def shapes(packs: dict[str, Pack]) -> list[tuple[str, int]]:
    return [(pack.mode, pack.lanes) for pack in packs.values()]


@pytest.fixture
def compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let compilation cost as much as two eager packs of eight, and compiled steps nothing."""
    work = 16 * 8**2 / 1e6  # batch · hidden²
    eager = 4 * 10.03 * 8 * work  # seconds of a pack: steps · passes · lanes · work
    laws = {
        mode: {key: {"overhead": 0.0, "each": each} for key in ("alone", "together")}
        for mode, each in (("vmap", 1.0), ("compiled", 0.0))
    }
    found = {
        "width": {"mlp": "hidden"},
        "compile_seconds": {"mlp": 2 * eager},
        "start_seconds": {"mlp": {"vmap": 0.0, "compiled": 0.0}},
        "laws": {"mlp": laws},
    }
    monkeypatch.setattr(law, "law", lambda: found)


def test_a_small_sweep_gets_what_it_always_got() -> None:
    usual = plan("mode=vmap", "pack=8")
    assert plan("mode=auto", "pack=null") == usual
    assert shapes(usual.packs) == [("vmap", 8), ("vmap", 1)]


@pytest.mark.usefixtures("compiling")
def test_a_compiled_search_stays_and_what_is_added_joins_it() -> None:
    """Four packs of eight are worth two compilations, one alone is not; but the graph is there already."""
    few = plan("search.trials=24")
    assert shapes(few.packs) == 3 * [("vmap", 8)]
    many = plan("search.trials=32")
    assert shapes(many.packs) == 4 * [("compiled", 8)]
    grown = plan("search.trials=33", before=many)
    assert dict(list(grown.packs.items())[:4]) == many.packs
    assert shapes(grown.packs)[4:] == [("compiled", 8)]
    assert shapes(plan("search.trials=33", before=few).packs) == 3 * [("vmap", 8)] + [
        ("vmap", 8),
        ("vmap", 1),
    ]


@pytest.mark.usefixtures("compiling")
def test_each_signature_is_decided_for_itself() -> None:
    """Only the longer of two trainings earns a compilation."""
    definition = define("search.trials=32", "budget.steps=4,1", "budget.every=1")
    _, packs = added(definition, search_settings(definition), Plan([], {}))
    modes = {pack.variant["budget.steps"]: pack.mode for pack in packs}
    assert modes == {"4": "compiled", "1": "vmap"}


def test_a_procedure_that_cannot_be_batched_runs_unbatched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Adversarial, "batched", False)
    assert {pack.mode for pack in plan().packs.values()} == {"unbatched"}
    assert {pack.mode for pack in plan("mode=vmap").packs.values()} == {"vmap"}


def test_what_the_sweep_says_is_planned() -> None:
    assert shapes(plan("mode=compiled", "pack=2").packs) == 5 * [("compiled", 2)]
    assert shapes(plan("pack=2").packs) == 4 * [("vmap", 2)] + [("vmap", 1)]


def test_a_search_that_learns_still_asks_for_one_at_a_time() -> None:
    assert define("search.sampler=tpe", "pack=null")["pack"] == 1
    assert define("pack=null")["pack"] is None


def test_a_folder_planned_before_is_continued(tmp_path: Path) -> None:
    frozen = ganbench("plan", "quickstart", *FEW, "mode=vmap", "pack=8", "--results", tmp_path)
    file = tmp_path / "quickstart" / "sweep.yaml"
    before = file.read_bytes()
    assert yaml.safe_load(before)["mode"] == "vmap"
    again = ganbench("plan", "quickstart", *FEW, "pack=null", "--results", tmp_path, "--json")
    assert (frozen.code, again.code, again.json()["new"]) == (0, 0, 0)
    assert file.read_bytes() == before
    more = ganbench("plan", "quickstart", *FEW, "search.trials=12", "--results", tmp_path, "--json")
    assert more.json()["new"] == 3
    assert Store(tmp_path, "quickstart").definition()["mode"] == "vmap"
    other = ganbench("plan", "quickstart", *FEW, "search.trials=12", "mode=compiled", "--results", tmp_path)
    assert other.code == 2
    assert "mode: vmap → compiled" in other.err.replace("\n", " ")


def test_a_trial_begun_before_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "_run", lambda *_, **__: None)
    monkeypatch.setattr(single, "_outcome", lambda store, _: {"status": "done", "folder": str(store.folder)})
    first = train(tmp_path, "model=wgan").json()
    file = Path(first["folder"]) / "sweep.yaml"
    assert "\nmode: auto\n" in file.read_text()
    before = file.read_text().replace("\nmode: auto\n", "\nmode: vmap\n")
    file.write_text(before)
    assert train(tmp_path, "model=wgan").json() == first
    assert len(list((tmp_path / "train").iterdir())) == 1
    assert file.read_text() == before


@pytest.mark.usefixtures("compiling")
def test_the_plan_says_what_was_chosen_and_why(tmp_path: Path) -> None:
    """Four eager packs take 4 · 0.32869 s; a compilation as much as two of them."""
    words = ("plan", "quickstart", *FEW, "search.trials=32", "--results", tmp_path)
    (chosen,) = ganbench(*words, "--json").json()["choices"]
    assert chosen["variant"] == {"model": "ns_gan", "dataset": "ring"}
    assert chosen["packs"] == [{"mode": "compiled", "lanes": 8, "packs": 4}]
    pack_hours = 4 * 10.03 * 8 * 16 * 64 / 1e6 / 3600
    assert chosen["vmap_hours"] == pytest.approx(4 * pack_hours, rel=5e-3)
    assert chosen["predicted_hours"] == pytest.approx(2 * pack_hours, rel=5e-3)
    line = "ns_gan ring: 4 packs of 8 compiled (predicted 0.66 s; vmap in packs of 8 1.3 s)"
    assert line in ganbench(*words).out
    assert line in ganbench("sweep", *words[1:], "--dry-run").out


def test_what_was_told_or_is_not_known_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("sweep", "quickstart", *FEW, "--results", tmp_path, "--dry-run")
    assert "8 vmap, 1 pack of 1 vmap, as the sweep says (predicted " in ganbench(*words, "mode=vmap").out
    monkeypatch.setattr(choice, "known", lambda *_: False)
    monkeypatch.setattr(law, "counted", dict)
    assert "(no cost of such packs is known)" in ganbench(*words).out
