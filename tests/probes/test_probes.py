"""Probes on small data whose answers are known."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from commands import ganbench
from synthetic import Run, results

from ganbench.errors import ConfigError
from ganbench.metrics.pixels import Pixels
from ganbench.probes.ask import names
from ganbench.probes.kinds import extractor_agreement, fid_bias, memorization, mode_drop
from ganbench.probes.probe import Finding, Panel, Question, Series
from ganbench.probes.subject import Subject, halves
from ganbench.protocols import Images
from ganbench.report.probes import draw, write
from ganbench.rng import Rng
from ganbench.terminal import Console

CLASSES, SIZE, SIDE = 10, 240, 4
OTHERS = {"fd_same": lambda value: 2.0 * value, "fd_opposite": lambda value: 100.0 - value}


def images(*, labelled: bool = True) -> Images:
    """Ten classes, each a bright pixel of its own in noise; brightness grows with the class."""
    stream = torch.Generator().manual_seed(1)

    def split(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.arange(n) % CLASSES
        data = 0.005 * torch.rand((n, 1, SIDE, SIDE), generator=stream)
        flat = data.flatten(1)
        flat[torch.arange(n), labels] += 0.4 + 0.02 * labels
        return data, labels

    train, labels = split(CLASSES * SIZE)
    test, test_labels = split(CLASSES * 60)
    return Images(train, test, labels if labelled else None, test_labels if labelled else None, "toy")


def toy(*, labelled: bool = True) -> Subject:
    metric = "ganbench.metrics"
    protocol: dict[str, Any] = {
        "name": "toy", "split": "test", "n_real": 500, "n_fake": 500, "evaluation_seed": 1,
        "standing_passes": 1, "standing_batch": 1,
        "extractors": {"pixels": {"_target_": f"{metric}.pixels.Pixels"}},
        "metrics": {
            "fd": {"_target_": f"{metric}.frechet.FrechetDistance", "space": "pixels",
                   "directions": {"fd": "min"}, "at": "every"},
            "gap": {"_target_": f"{metric}.manifold_gap.NearestGap", "space": "pixels",
                    "directions": {"gap": "min", "gap_se": "min"}, "at": "every", "quantiles": [0.1]},
        },
    }  # fmt: skip
    return Subject("toy", {"protocol": protocol}, None, images(labelled=labelled), {"pixels": Pixels()})


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (fid_bias, mode_drop, memorization):
        monkeypatch.setattr(module, "subject_of", lambda _: toy())
    monkeypatch.setattr(fid_bias, "SIZES", (100, 200, 400, 800))


def test_the_bias_falls_as_one_over_n(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = torch.rand((2400, 1, 5, 5), generator=torch.Generator().manual_seed(3))
    plain = replace(toy(), images=Images(noise, noise[:10], None, None, "noise"))
    monkeypatch.setattr(fid_bias, "subject_of", lambda _: plain)
    found = fid_bias.run(Question(repeats=6), Console(quiet=True))
    fit = found.verdict["pixels"]
    assert fit["power_of_n"] == pytest.approx(-1.0, abs=0.1)
    assert fit["r_squared"] > 0.98
    assert abs(fit["a"]) < 0.05 * found.table["fd_mean"].max()
    assert found.table["n"].tolist() == [100, 200, 400, 800]
    assert (found.table["pairs"] == 6).all()


def test_a_line_through_exact_points_is_found() -> None:
    n = np.array([10.0, 20.0, 40.0])
    table = pd.DataFrame({"n": n, "fd_mean": 2.0 + 30.0 / n, "fd_sd": [0.1, 0.1, 0.1], "pairs": 4})
    fit = fid_bias._fit(table)
    assert (fit["a"], fit["c"]) == (pytest.approx(2.0), pytest.approx(30.0))
    assert fit["r_squared"] == pytest.approx(1.0)
    assert fit["largest_relative_sd"] == pytest.approx(0.1 / 2.75)
    assert set(re.findall(r"`(\w+)`", fid_bias._fit.__doc__ or "")) <= set(fit)


def test_pairs_are_disjoint_and_differ() -> None:
    pairs = list(halves(40, 15, Rng.of(0), 3))
    assert all(len(set(a.tolist()) | set(b.tolist())) == 30 for a, b in pairs)
    assert not torch.equal(pairs[0][0], pairs[1][0])
    with pytest.raises(ConfigError, match="two disjoint samples of 21 need 42 images, there are 40"):
        next(halves(40, 21, Rng.of(0), 1))


@pytest.mark.parametrize("labelled", [True, False])
def test_the_distance_falls_with_every_class(labelled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mode_drop, "subject_of", lambda _: toy(labelled=labelled))
    found = mode_drop.run(Question(repeats=3), Console(quiet=True))
    verdict = found.verdict["pixels"]
    assert (verdict["orders"], verdict["mean_monotone"]) == (3, True)
    assert verdict["monotone_orders"] == 3 or not labelled  # tenths of brightness overlap
    assert verdict["fd_all_classes"] < 0.05 * verdict["fd_one_class"]
    assert len(set(found.table["n"])) == 1
    assert ("no labels" in found.notes[0]) is not labelled


def test_unlabelled_images_are_classed_by_brightness() -> None:
    labels, _ = mode_drop._labels(toy(labelled=False))
    truth = toy().images.train_labels
    assert truth is not None
    assert (labels == truth).double().mean() > 0.9
    assert torch.bincount(labels).tolist() == [SIZE] * CLASSES


def test_a_replay_deceives_the_distance_and_not_the_gap() -> None:
    found = memorization.run(Question(), Console(quiet=True)).verdict
    fd, gap = found["fd_pixels"], found["gap_pixels@0.1"]
    blank = 1.0  # the distance of a constant image is far above both
    assert abs(fd["replay"] - fd["fresh"]) < 0.02 < blank
    assert abs(gap["fresh"]) < 0.1
    assert gap["replay"] > 0.8


@pytest.mark.parametrize(("space", "said"), [("lenet28", True), ("pixels", False)])
def test_what_lenet28_has_seen_is_said_where_it_looks(
    space: str, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memorization, "subject_of", lambda _: replace(toy(), extractors={space: Pixels()}))
    notes = " ".join(memorization.run(Question(), Console(quiet=True)).notes)
    assert ("lenet28 was trained on 50 000 of Fashion-MNIST's 60 000 training images" in notes) is said


def finding() -> Finding:
    series = Series("a<b", (1.0, 2.0), (3.0, 4.0), (2.5, 3.5), (3.5, 4.5))
    dashed = Series("fit", (1.0, 2.0), (3.0, 4.0), dashed=True)
    panel = Panel("left", "n", "value", (series, dashed), "xy")
    return Finding(
        "toy", "s", "A title", pd.DataFrame({"n": [1, 2], "fd": [0.5, float("nan")]}), (panel, panel),
        {"x": {"v": np.float64(1.5)}}, ("A note.",),
        ({"name": "pixels", "weights_hash": "none", "preprocessing": "as they are", "dtype": "float32"},),
    )  # fmt: skip


def test_a_finding_is_written_the_same_twice(tmp_path: Path) -> None:
    first, second = write(finding(), tmp_path / "a"), write(finding(), tmp_path / "b")
    files = {path.name for path in first.iterdir()}
    assert files == {"table.csv", "table.md", "table.tex", "figure.pdf", "figure.png", "finding.json"}
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in files)
    said = json.loads((first / "finding.json").read_text())
    assert said["verdict"] == {"x": {"v": 1.5}}
    assert said["rows"] == [{"n": 1, "fd": 0.5}, {"n": 2, "fd": None}]
    assert "pixels: weights none" in (first / "table.md").read_text()


def test_only_solid_series_stand_in_the_legend() -> None:
    (legend,) = draw(finding()).legends
    assert [text.get_text() for text in legend.get_texts()] == ["a<b"]


def test_every_probe_of_the_command_line_is_there() -> None:
    assert names() == ["extractor-agreement", "fid-bias", "memorization", "mode-drop"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fid-bia",), "there is no probe 'fid-bia'; did you mean `fid-bias`"),
        (("extractor-agreement",), "--sweep NAME"),
        (("extractor-agreement", "--sweep", "none"), "no sweep 'none'"),
        (("fid-bias", "--repeats", "1"), "repeats"),
    ],
)
def test_bad_questions_get_one_line(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    ran = ganbench("probe", *words, "--results", str(tmp_path))
    assert ran.code == 2
    assert said in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_vectors_are_refused_by_what_reads_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    ran = ganbench("probe", "fid-bias", "dataset=ring", "--results", str(tmp_path))
    assert (ran.code, len(ran.err.strip().splitlines())) == (2, 1)
    assert "lenet28" in ran.err


def test_extractors_that_agree_and_one_that_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = {m: [Run(i, [10.0 * j + i]) for i in range(5)] for j, m in enumerate("abcd", start=1)}
    one = results(runs, metric="fd_x")
    scores = [
        one.scores,
        *(one.scores.assign(metric=k, value=f(one.scores["value"])) for k, f in OTHERS.items()),
    ]
    protocol = one.definition["protocols"]["toy"]
    metrics = {k: {"space": k.partition("_")[2], "directions": {"fd": "min"}} for k in ("fd_x", *OTHERS)}
    definition = {**one.definition, "protocols": {"toy": {**protocol, "metrics": metrics}}}
    three = replace(one, definition=definition, scores=pd.concat(scores))
    monkeypatch.setattr(extractor_agreement, "open_store", lambda *_: None)
    monkeypatch.setattr(extractor_agreement, "read_results", lambda _: three)
    found = extractor_agreement.run(Question(sweep="toy"), Console(quiet=True))
    models = found.table[found.table["unit"] == "models"].set_index(["metric_a", "metric_b"])["spearman"]
    assert models["fd_x", "fd_same"] == pytest.approx(1.0)
    assert models["fd_x", "fd_opposite"] == pytest.approx(-1.0)
    assert len(found.panels) == 3
    assert found.notes[0] == "Sweep: 5 settings a model, 100 steps; changed from the defaults: nothing."


def test_one_distance_has_nothing_to_agree_with(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = results({"a": [Run(0, [1.0])]}, metric="fd_x")
    monkeypatch.setattr(extractor_agreement, "open_store", lambda *_: None)
    monkeypatch.setattr(extractor_agreement, "read_results", lambda _: alone)
    with pytest.raises(ConfigError, match="fewer than two distances on toy"):
        extractor_agreement.run(Question(sweep="toy"), Console(quiet=True))
