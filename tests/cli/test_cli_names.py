"""Names that would leave the results folder: every verb refuses them in one line, and nothing anywhere is touched."""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chains import one_slot
from commands import contents, ganbench, refused
from stores import DEFINITION, planned

from ganbench.store import Store

VERBS = {
    "sweep": ("sweep", "{}", "model=ns_gan", "--launcher", "inline"),
    "plan": ("plan", "{}"),
    "pilot": ("pilot", "{}"),
    "status": ("status", "{}"),
    "failures": ("failures", "{}"),
    "logs": ("logs", "{}", "t0"),
    "stop": ("stop", "{}", "--now"),
    "report": ("report", "{}"),
    "reports": ("report", "{}", "toy"),
    "csv": ("export", "{}", "csv"),
    "optuna": ("export", "{}", "optuna"),
    "score": ("score", "{}", "--protocol", "ring"),
    "compact": ("compact", "{}"),
    "gc": ("gc", "{}", "--keep", "none"),
    "paper": ("paper", "{}"),
}
NAMES = {
    "above": "../victim",
    "above in the middle": "toy/../../victim",
    "absolute": "{outside}",
    "below": "toy/packs",
    "itself": ".",
    "parent": "..",
    "hidden": ".hidden",
    "empty": "",
    "nul": "toy\0",
    "long": "x" * 300,
    "lines": "toy\nvictim",
    "home": "~",
    "pattern": "*",
    "backslash": "..\\victim",
    "letters": "tоy",  # a Cyrillic о
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A results folder with a finished sweep, and one that a wrong name might reach; both stay as they are."""
    for folder in (tmp_path / "results", tmp_path):
        planned(folder, packs=1)
        one_slot(folder)
    (tmp_path / "toy").rename(tmp_path / "victim")
    (tmp_path / "results" / ".hidden").symlink_to(tmp_path / "victim")
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)
    yield tmp_path
    assert contents(tmp_path) == before


@pytest.mark.parametrize("verb", VERBS)
def test_a_name_is_one_folder_of_the_results(verb: str, here: Path) -> None:
    for kind, name in NAMES.items():
        given = name.format(outside=here / "victim")
        ran = ganbench(*(word.format(given) for word in VERBS[verb]), "--results", "results")
        assert refused(ran), (verb, kind)


@pytest.mark.parametrize(
    "trial", ["../../victim", "/etc/passwd", "..", "", "*", "t0/../t0", "x" * 300, "t0\nx"]
)
def test_a_trials_name_is_looked_up_never_opened(trial: str, here: Path) -> None:
    assert "no trial or pack of toy" in refused(ganbench("logs", "toy", trial, "--results", "results"))


def hostile(folder: Path, **changed: str) -> None:
    """Change the plan's first line."""
    path = folder / "trials.jsonl"
    row = json.loads(path.read_text().splitlines()[0]) | changed
    path.write_text(json.dumps(row) + "\n")


@pytest.mark.parametrize("key", ["trial_id", "pack_id"])
@pytest.mark.parametrize("value", ["../../victim", "/etc", "..", "a/b", "", "a\nb", "x" * 300])
def test_a_plan_that_names_what_is_outside_is_refused(tmp_path: Path, key: str, value: str) -> None:
    store = planned(tmp_path, packs=1)
    hostile(store.folder, **{key: value})
    before = contents(tmp_path)
    for verb in (("status", "toy"), ("compact", "toy"), ("gc", "toy", "--keep", "none")):
        said = refused(ganbench(*verb, "--results", tmp_path))
        assert "cannot name a folder" in said
    assert contents(tmp_path) == before
    assert DEFINITION["name"] == "toy"


def test_links_that_lead_out_are_not_followed_by_gc(tmp_path: Path) -> None:
    """A sweep of somebody else's may hold links: what they lead to is not its own to delete."""
    store, outside = planned(tmp_path / "results", packs=2), tmp_path / "outside"
    one_slot(tmp_path / "results")
    (outside / "snapshots").mkdir(parents=True)
    for name in ("checkpoint-5.pt", "snapshots/t0-5.safetensors", ".tmp-x"):
        (outside / name).write_text("precious")
    attempt = store.folder / "packs" / "p0" / "attempt-1"
    (attempt / "snapshots").symlink_to(outside / "snapshots")
    (attempt / "checkpoint-5.pt").symlink_to(outside / "checkpoint-5.pt")
    (store.folder / "packs" / "p1" / "attempt-2").symlink_to(outside)
    before = contents(outside)
    assert ganbench("gc", "toy", "--keep", "none", "--results", tmp_path / "results").code == 0
    assert contents(outside) == before
    assert not (attempt / "checkpoint-5.pt").is_symlink(), "the link itself is the sweep's"
    assert Store(tmp_path / "results", "toy").counts()["done"] == 2


def test_a_file_that_may_not_be_read_is_one_line_and_not_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A colleague's umask: what cannot be read says nothing of what is done."""
    planned(tmp_path, packs=1)
    one_slot(tmp_path)
    outcome = tmp_path / "toy/packs/p0/attempt-1/outcome.json"
    opened = builtins.open

    def denied(path: Any, *words: Any, **options: Any) -> Any:
        if str(path) == str(outcome):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *words, **options)

    monkeypatch.setattr(builtins, "open", denied)
    said = refused(ganbench("status", "toy", "--results", tmp_path))
    assert said == f"no permission for {outcome}: ask its owner (docs/cluster.md, *Who may read and write*)"
