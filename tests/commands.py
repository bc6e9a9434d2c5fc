"""The command line in this process, and sweeps so small that a test can afford them."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from ganbench import cli

TINY = (
    "network.hidden=8",
    "network.latent_dim=4",
    "dataset.n_train=500",
    "dataset.n_test=200",
    "protocol.n_real=100",
    "protocol.n_fake=100",
    "protocol.standing_passes=2",
    "protocol.standing_batch=16",
)
SHORT = ("budget=smoke", "budget.steps=4", "budget.every=2", "budget.batch_size=16")
VOLATILE = ["seconds", "score_seconds", "compile_seconds", "attempt"]  # what an interruption may change


class Ran(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def ganbench(*arguments: object) -> Ran:
    """Run a command in this process."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["ganbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
    return Ran(int(end.value.code or 0), out.getvalue(), err.getvalue())


def train(results: Path, *overrides: str) -> Ran:
    """Train one tiny trial on the ring."""
    return ganbench("train", "dataset=ring", *TINY, *SHORT, *overrides, "--results", results, "--json")


def sweep(results: Path, *arguments: str, launcher: str = "inline") -> Ran:
    """Run a tiny sweep on the ring, one model with two settings unless told otherwise; no rerun by default."""
    few = ("model=ns_gan", "dataset=ring", "search.trials=2", "rerun=null")
    return ganbench(
        "sweep", "quickstart", *few, *TINY, *SHORT, *arguments, "--launcher", launcher, "--results", results
    )


def refused(ran: Ran) -> str:
    """Return the one line of an error that the user can mend."""
    assert ran.code == 2, ran
    assert ran.out == ""
    assert ran.err.startswith("ganbench: ")
    assert ran.err.count("\n") == 1, ran.err
    assert ran.err.endswith("\n")
    return ran.err.removeprefix("ganbench: ").rstrip("\n")


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return every file's bytes and every folder's name below a folder."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
    }


def values(folder: Path) -> pd.DataFrame:
    """Return scores.parquet without what an interruption may change."""
    return pd.read_parquet(folder / "scores.parquet").drop(columns=VOLATILE)


def write_idx(folder: Path, *, images: int = 60, side: int = 28) -> None:
    """Write a data set in the files and the format of Fashion-MNIST."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "t10k"):
        pixels = bytes(i * 37 % 251 for i in range(images * side * side))
        header = struct.pack(">IIII", 0x803, images, side, side)
        (folder / f"{split}-images-idx3-ubyte").write_bytes(header + pixels)
        labels = struct.pack(">II", 0x801, images) + bytes(i % 10 for i in range(images))
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(labels)


@contextmanager
def plain_reports() -> Iterator[None]:
    """Write a report without tables and figures, which take longer than a tiny sweep."""
    import ganbench.report.build as real
    from ganbench.files import replace_text

    def build(results: Any, out: Path, **_: Any) -> Path:
        replace_text(out / "report.json", '{"tables": {}}\n')
        return out

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(real, "build", build)
        patch.setattr(real, "picture", lambda results: None)
        yield
