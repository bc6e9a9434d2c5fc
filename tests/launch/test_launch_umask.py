"""The rights of what a sweep writes: as the shell says, or as `launcher.umask` does."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from commands import plain_reports, refused, sweep
from stores import environment

from ganbench.store import Store

KEPT = ("budget.keep=all", "budget.checkpoint_seconds=0.0")


@pytest.fixture
def shell() -> Iterator[None]:
    """A shell that lets everybody read."""
    before = os.umask(0o022)
    yield
    assert os.umask(before) == 0o022, "the command leaves the process as it was"


def rights(folder: Path) -> tuple[set[int], set[int]]:
    """Return the rights of all folders and of all files below and at a folder."""
    paths = [folder, *folder.rglob("*")]
    modes = [(path.is_dir(), stat.S_IMODE(path.lstat().st_mode)) for path in paths]
    return {mode for is_dir, mode in modes if is_dir}, {mode for is_dir, mode in modes if not is_dir}


@pytest.mark.parametrize(
    ("launcher", "words", "expected"),
    [
        ("inline", (), ({0o755}, {0o644})),
        ("inline", ("launcher.umask=027",), ({0o750}, {0o640})),
        ("local", ("launcher.umask=0007", "--workers", "1"), ({0o770}, {0o660})),
    ],
)
def test_everything_that_a_sweep_writes_has_the_rights_asked_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shell: None,
    launcher: str,
    words: tuple[str, ...],
    expected: tuple[set[int], set[int]],
) -> None:
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    results = tmp_path / "results"
    with nullcontext() if launcher == "local" else plain_reports():
        assert sweep(results, *KEPT, *words, launcher=launcher).code == 0
    assert rights(results) == expected
    found = {path.suffix for path in results.rglob("*") if path.is_file()}
    pictures = {".html", ".png", ".pdf"} if launcher == "local" else set()
    assert {".yaml", ".jsonl", ".json", ".safetensors", ".parquet", *pictures} <= found


def test_rights_are_no_part_of_what_a_sweep_is(tmp_path: Path) -> None:
    texts = []
    for words in ((), ("launcher.umask=077",)):
        results = tmp_path / str(len(words))
        with plain_reports():
            assert sweep(results, "search.trials=1", *words, launcher="inline").code == 0
        texts.append(
            [(results / "quickstart" / name).read_bytes() for name in ("sweep.yaml", "trials.jsonl")]
        )
        assert Store(results, "quickstart").counts()["done"] == 1
    assert texts[0] == texts[1]


@pytest.mark.parametrize("mask", ["27", "0777", "'8'", "777", "0o27", "-1", "group", "027,077"])
def test_what_is_no_such_mask_is_refused(tmp_path: Path, mask: str) -> None:
    said = refused(sweep(tmp_path, f"launcher.umask={mask}"))
    assert "launcher.umask" in said
    assert not list(tmp_path.iterdir())
