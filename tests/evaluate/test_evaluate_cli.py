"""The verbs `evaluate` and `cache` as scripts and people use them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import contents, ganbench, refused

Array = np.ndarray


@pytest.fixture
def asked(images: Array, folder: Any, tmp_path: Path) -> tuple[object, ...]:
    """The beginning of a command that scores a folder against an array."""
    np.savez(tmp_path / "real.npz", images=images)
    fake = folder(images[::-1][:30] // 2, "fake")
    return ("evaluate", "--real", tmp_path / "real.npz", "--fake", fake, "--extractor", "lenet28")


def test_a_script_gets_one_object(asked: tuple[object, ...]) -> None:
    ran = ganbench(*asked, "--metrics", "fd,prc", "--json")
    assert (ran.code, ran.err) == (0, "")
    found = ran.json()
    assert list(found) == ["metrics"]
    assert list(found["metrics"]) == ["fd", "precision", "recall"]
    assert found["metrics"]["fd"].items() >= {"extractor": "lenet28", "n_real": 40, "n_fake": 30}.items()
    assert type(found["metrics"]["fd"]["value"]) is float
    assert ganbench(*asked, "--metrics", "fd,prc", "--json", "--batch-size", "512").json() == found


def test_a_person_gets_a_table_and_what_to_know_beside_it(asked: tuple[object, ...]) -> None:
    ran = ganbench(*asked, "--metrics", "fd, prc", "metrics.prc.k=2", "--no-cache")
    assert ran.code == 0
    assert [line.split()[:2] for line in ran.out.splitlines()[1:]] == [
        ["fd", "↓"],
        ["precision", "↑"],
        ["recall", "↑"],
    ]
    assert "lenet28: weights 468e84f74ef1" in ran.err
    assert "floor is not known" in ran.err
    assert "30 samples for 128 features" in ran.err


def test_bad_images_end_the_command_or_are_left_out(asked: tuple[object, ...]) -> None:
    (Path(str(asked[4])) / "004.png").write_bytes(b"no picture")
    assert "1 of 30 images cannot be scored: 004.png" in refused(ganbench(*asked, "--metrics", "fd"))
    ran = ganbench(*asked, "--metrics", "fd", "--json", "--skip-bad")
    assert ran.err == "fake: skipped 1 of 30 images: 004.png cannot be decoded (no known format)\n"
    assert ran.json()["metrics"]["fd"]["n_fake"] == 29


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--metrics", "fdd"), "there is no metric `fdd`"),
        (("--metrics", ""), "--metrics names none"),
        (("--metrics", "fid"), "only Inception's"),
        (("--metrics", "fd", "--fake", "nowhere"), "nowhere does not exist"),
        (("--metrics", "fd", "--extractor", "lenet"), "did you mean `lenet28`"),
        (("--metrics", "fd", "--n", "1"), "'--n'"),
        (("--metrics", "fd", "--batch-size", "0"), "'--batch-size'"),
        (("--metrics", "fd", "--config-dir", "nowhere"), "--config-dir nowhere"),
        (("--metrics", "fd", "--plugin", "nowhere_at_all"), "--plugin nowhere_at_all: no such module"),
        ((), "'--metrics'"),
    ],
)
def test_misuse_is_one_line(arguments: tuple[str, ...], message: str, asked: tuple[object, ...]) -> None:
    before = contents(Path(str(asked[2])).parent)
    assert message in refused(ganbench(*asked, *arguments))
    assert contents(Path(str(asked[2])).parent) == before


def test_the_cache_is_listed_and_cleared(asked: tuple[object, ...], cache_folder: Path) -> None:
    home = cache_folder.parent
    assert ganbench("cache", "list", "--json").json() == {"folder": str(home), "entries": []}
    assert ganbench(*asked, "--metrics", "fd", "--json").code == 0
    files = list(cache_folder.iterdir())
    found = ganbench("cache", "list", "--json").json()
    assert {entry["name"] for entry in found["entries"]} == {path.stem for path in files}
    assert "lenet28 features of 40 images of real.npz" in {entry["what"] for entry in found["entries"]}
    assert sum(entry["size"] for entry in found["entries"]) == sum(path.stat().st_size for path in files)
    shown = ganbench("cache", "list")
    assert "mu 128, root 128×128, trace 1" in shown.out
    assert f"{home}: 2 entries" in shown.err
    cleared = ganbench("cache", "clear")
    assert cleared.out == f"{home}: freed 0.1 MiB in 2 files\n"
    assert list(cache_folder.iterdir()) == []
    assert ganbench("cache", "clear", "--json").json() == {
        "folder": str(home),
        "files": 0,
        "bytes": 0,
    }


def test_an_age_has_one_unit() -> None:
    from ganbench.cli.verbs.cache import age

    assert [age(s) for s in (0, 59.4, 60, 7199, 86399, 200000)] == [
        "0 s",
        "59 s",
        "1 min",
        "1 h",
        "23 h",
        "2 d",
    ]


PROGRAM = """
import sys
from ganbench.cli import app
app(["cache", "list"], standalone_mode=False)
print("torch" in sys.modules)
"""


def test_to_list_the_cache_needs_no_torch(root: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "False\n"
