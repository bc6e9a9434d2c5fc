"""What `ganbench doctor` finds, and the fix it names for what is not there."""

from __future__ import annotations

import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import pytest
from commands import ganbench, write_idx

from ganbench import doctor
from ganbench.datasets.idx import FashionMNIST
from ganbench.doctor import Check, examine
from ganbench.doctor.areas import data, machine, packages


def bare(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the machine have no downloads of earlier days and no system folder."""
    patch.setenv("GANBENCH_CACHE", str(folder / "cache"))
    patch.setattr(FashionMNIST, "system", (folder / "system",))


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Check]:
    """What there is to see on such a machine."""
    with pytest.MonkeyPatch.context() as patch:
        bare(patch, tmp_path_factory.mktemp("machine"))
        return {check.name: check for check in examine()}


def test_it_looks_at_packages_devices_data_weights_and_disk(checks: dict[str, Check]) -> None:
    assert {
        "python",
        "torch",
        "hydra-core",
        "optuna",
        "opda",
        "processors",
        "GPUs",
        "C++ compiler",
        "disk",
    } <= checks.keys()
    assert checks["torch"].found == version("torch")
    assert {name for name in checks if name.startswith("dataset ")} == {
        f"dataset {name}" for name in ("celeba", "cifar10", "fashion_mnist", "image_folder", "mnist")
    }
    assert checks["extractor lenet28"].ok
    assert checks["extractor lenet28"].found.startswith("weights 468e84f74ef1")


def test_what_is_missing_is_named_with_its_fix(checks: dict[str, Check]) -> None:
    for name, words in (
        ("dataset fashion_mnist", "dataset.root=FOLDER"),
        ("dataset image_folder", "dataset.root=FOLDER"),
        ("dataset cifar10", "dataset.root=FOLDER"),
        ("extractor inception", "protocol.extractors.inception.weights=PATH"),
    ):
        assert not checks[name].ok
        assert checks[name].found == "not available"
        assert words in checks[name].fix
    assert all(bool(check.fix) != check.ok for check in checks.values())


def test_data_that_are_there_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare(monkeypatch, tmp_path)
    monkeypatch.setattr(data, "options", lambda group: ["fashion_mnist", "ring"])
    write_idx(tmp_path / "system", images=12)
    assert list(data._data()) == [Check("dataset fashion_mnist", ok=True, found="12 training images")]


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(name: str) -> str:
        if name == "opda":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(packages, "version", lacking)
    (check,) = (check for check in packages.checks() if not check.ok)
    assert (check.name, check.found) == ("opda", "not installed")
    assert "make setup" in check.fix


class Usage(NamedTuple):
    free: int


@pytest.mark.parametrize(("gib", "ok"), [(4, False), (6, True)])
def test_a_disk_that_is_nearly_full(monkeypatch: pytest.MonkeyPatch, gib: int, ok: bool) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(gib * 2**30))
    check = machine._disk()
    assert (check.ok, check.found) == (ok, f"{gib} GiB free here")
    assert ("--results DIR" in check.fix) != ok


def test_it_prints_json_or_a_table(checks: dict[str, Check], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "examine", lambda _: list(checks.values()))
    ran = ganbench("doctor", "--json")
    assert (ran.code, ran.err) == (0, "")
    rows = {row["name"]: row for row in ran.json()}
    assert rows["extractor inception"]["ok"] is False
    assert rows["python"].keys() == {"name", "ok", "found", "fix"}
    table = ganbench("doctor")
    assert table.code == 0
    assert "✓" in table.out
    assert "–  extractor inception" in table.out


def test_a_missing_compiler_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    check = machine._compiler()
    assert (check.ok, check.found) == (False, "no no-such-compiler")
    assert "train with mode=vmap" in check.fix
