"""Published numbers: where each comes from, how it is shown, and when it may be compared with ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from synthetic import Run, results

from ganbench.analysis.results import Results
from ganbench.errors import ConfigError, DataError
from ganbench.report.references import COLUMNS, Source, comparable, differences, read_references, shown
from papers import ROOT

FOLDER = ROOT / "results" / "reference"
STATED = {
    "extractor": "inception",
    "n_real": 50,
    "n_fake": 50,
    "split": "test",
    "preprocessing": "rounded to 8 bits",
}


def ours(metric: str = "fid_inception", channels: int = 64, **protocol: Any) -> Results:
    made = results({"a": [Run(0, [1.0])]}, metric=metric)
    found = {"n_real": 50, "n_fake": 50, "split": "test", **protocol}
    found.setdefault("extractors", {"inception": {"quantize": True}})
    made.definition["protocols"]["toy"] |= found
    made.definition["variants"] = [{"choices": {}, "config": {"network": {"channels": channels}}}]
    return made


def counting(metric: str, **counts: int) -> Results:
    """Return results whose metric takes its own numbers of samples."""
    made = ours(metric)
    made.definition["protocols"]["toy"]["metrics"]["m"] |= counts
    return made


def apart(
    made: Results,
    dataset: str = "toy",
    *,
    metrics: tuple[str, ...] = ("fid",),
    published: str | None = None,
    **stated: Any,
) -> list[str]:
    protocol = {**STATED, **stated}
    source = Source("p", "t", "c", "s", protocol, metrics)
    return differences(source, protocol["extractor"], dataset, made, made.metrics("toy")[0], published)


def test_the_registry_is_whole():
    found = read_references(FOLDER)
    assert list(found.numbers) == [*COLUMNS, "places"]
    stated = ["paper", "table", "model", "dataset", "metric", "extractor", "source", "tag", "value"]
    assert found.numbers[stated].notna().all(axis=None)
    assert not found.numbers.duplicated(
        ["paper", "table", "model", "dataset", "metric", "k", "value", "source"]
    ).any()
    assert (found.numbers["value"] >= 0).all()


@pytest.mark.parametrize(
    ("table", "model", "dataset", "k", "said"),
    [
        ("lucic2018/best_fid", "mm_gan", "mnist", None, "9.8 ± 0.9"),
        ("lucic2018/best_fid", "lsgan", "cifar10", None, "87.1 ± 47.5"),
        ("lucic2018/best_fid", "wgan_gp", "celeba", None, "30.0 ± 1.0"),
        ("lucic2018/best_fid", "vae", "celeba", None, "85.7 ± 3.8 [memory]"),
        ("lucic2018/wide_best", "wgan", "fashion_mnist", None, "17.0"),
        ("lucic2018/budget", "ns_gan", "cifar10", 70, "57"),
        ("lucic2018/fid_bias", "real", "cifar10", None, "5.19 ± 0.02 [memory]"),
        ("studiogan2022/tiny_imagenet", "wgan_gp", "tiny_imagenet", None, "311.8"),
    ],
)
def test_numbers_are_the_published_ones(table: str, model: str, dataset: str, k: int | None, said: str):
    _, rows = read_references(FOLDER).table(table)
    rows = rows[(rows["model"] == model) & (rows["dataset"] == dataset)]
    (row,) = (rows if k is None else rows[rows["k"] == k]).to_dict("records")
    assert shown(row) == said


def test_what_is_from_recollection_is_marked_wherever_it_is_shown():
    numbers = read_references(FOLDER).numbers
    for row in numbers.to_dict("records"):
        assert shown(row).endswith("[memory]") == (row["tag"] == "memory")
    assert set(numbers.loc[numbers["model"] == "vae", "tag"]) == {"memory", "digitised"}


def test_the_same_protocol_is_comparable_and_every_difference_is_named():
    made = ours()
    assert apart(made) == []
    source = Source("p", "t", "c", "s", STATED, ("fid",))
    assert comparable(source, "inception", "toy", made, made.metrics("toy")[0])
    assert apart(ours(channels=8)) == ["8 channels against 64"]
    assert apart(ours(n_fake=49)) == ["n_fake 49 against 50"]
    assert apart(ours(split="train")) == ["split train against test"]
    assert apart(ours("fd_lenet28")) == [
        "metric fd against fid",
        "extractor lenet28 against inception",
        "preprocessing not stated against rounded to 8 bits",
    ]
    assert apart(made, dataset="mnist") == ["data toy against mnist"]
    assert apart(made, preprocessing="unrounded floats") == [
        "preprocessing rounded to 8 bits against unrounded floats"
    ]
    assert not comparable(source, "inception", "toy", ours(n_real=1), made.metrics("toy")[0])


@pytest.mark.parametrize("fact", ["n_real", "n_fake", "split", "preprocessing"])
def test_what_a_source_does_not_state_is_a_difference(fact: str):
    (said,) = apart(ours(), **{fact: None})
    assert said.endswith("against not stated")


@pytest.mark.parametrize(
    ("key", "published", "said"),
    [
        ("is_inception", "fid", "metric is against fid"),
        ("kid_inception", "fid", "metric kid against fid"),
        ("f1_inception@3", "f1@0.75", "metric f1@3 against f1@0.75"),
        ("f1_inception", "f1@0.75", "metric f1 against f1@0.75"),
        ("f1_inception@0.75", "f1", "metric f1@0.75 against f1"),
        ("precision_inception@0.75", "f1@0.75", "metric precision@0.75 against f1@0.75"),
    ],
)
def test_another_metric_or_threshold_is_a_difference(key: str, published: str, said: str):
    assert apart(ours(key), metrics=(published,)) == [said]
    assert apart(ours(key), published=published) == [said]


def test_a_metric_at_the_same_threshold_is_comparable():
    assert apart(ours("f1_inception@0.75"), metrics=("f1@0.75",)) == []
    assert apart(ours(), metrics=()) == ["metric fid against not stated"]


def test_of_a_table_of_several_metrics_the_number_s_own_has_to_be_named():
    made, several = ours("f1_inception@0.75"), ("f1@0.75", "recall@0.75")
    assert apart(made, metrics=several) == ["metric f1@0.75 against f1@0.75, recall@0.75"]
    assert apart(made, metrics=several, published="f1@0.75") == []
    source = Source("p", "t", "c", "s", STATED, several)
    score = made.metrics("toy")[0]
    assert comparable(source, "inception", "toy", made, score, "f1@0.75")
    assert not comparable(source, "inception", "toy", made, score, "recall@0.75")


def test_a_source_knows_the_metrics_of_its_rows(tmp_path: Path):
    found = read_references(FOLDER)
    assert found.table("lucic2018/best_fid")[0].metrics == ("fid",)
    assert set(found.table("lucic2018/triangles")[0].metrics) == {"f1@0.75", "precision@0.75", "recall@0.75"}
    unnamed = ROW.replace("fid", "")
    other = ROW.replace("p,t,", "p,u,")
    tables = "cite: c\ntables: {t: &t {says: s, protocol: {}}, u: *t}\n"
    here = read_references(write(tmp_path, f"{HEAD}\n{ROW}\n{ROW}\n{unnamed}\n{other}\n", tables))
    assert here.sources["p", "t"].metrics == ("fid", "not stated")
    assert here.sources["p", "u"].metrics == ("fid",)


@pytest.mark.parametrize("inputs", ["settings of the inversion unpublished", "rounded to 8 bits", None])
def test_preprocessing_has_to_be_stated_on_both_sides_for_every_extractor(inputs: str | None):
    made = ours("f1_polygons@0.75")
    (said,) = apart(made, metrics=("f1@0.75",), extractor="polygons", preprocessing=inputs)
    assert said == f"preprocessing not stated against {inputs or 'not stated'}"


def test_what_ours_does_to_images_is_what_its_protocol_says():
    unrounded = ours(extractors={"inception": {"quantize": False}})
    assert apart(unrounded, preprocessing="unrounded floats") == []
    assert apart(unrounded) == ["preprocessing unrounded floats against rounded to 8 bits"]
    assert apart(ours(extractors={})) == ["preprocessing not stated against rounded to 8 bits"]


def test_a_metric_s_own_sample_counts_are_compared():
    made = counting("fid_inception", n_real=20, n_fake=30)
    assert apart(made, n_real=20, n_fake=30) == []
    assert apart(made) == ["n_real 20 against 50", "n_fake 30 against 50"]
    assert apart(counting("fid_inception", n_fake=30), n_fake=30) == []
    assert apart(counting("fid_inception", n_fake=80)) == []  # it takes all 50 that there are


def test_sample_counts_of_another_metric_are_not_this_one_s():
    made = ours()
    specs = made.definition["protocols"]["toy"]["metrics"]
    others = {
        "space": {"space": "polygons", "directions": {"fid": "min"}, "n_fake": 30},
        "name": {"space": "inception", "directions": {"kid": "min"}, "n_fake": 30},
    }
    made.definition["protocols"]["toy"]["metrics"] = {**others, **specs}
    assert apart(made) == []


def test_no_published_number_is_comparable_with_the_committed_sweep():
    """Its extractor is not Inception: that must never pass."""
    references, made = read_references(FOLDER), ours("fd_lenet28")
    for source in references.sources.values():
        assert not comparable(source, "inception", "mnist", made, made.metrics("toy")[0])


def write(folder: Path, csv: str, yaml: str) -> Path:
    (folder / "p.csv").write_text(csv)
    (folder / "p.yaml").write_text(yaml)
    return folder


HEAD = ",".join(COLUMNS)
ROW = "p,t,m,d,fid,inception,,1.0,,,somewhere,code"
YAML = "cite: c\ntables: {t: {says: s, protocol: {}}}\n"


@pytest.mark.parametrize(
    ("csv", "yaml", "said"),
    [
        (f"{HEAD}\n{ROW}\n".replace("code", "rumour"), YAML, "'rumour' is no tag"),
        (f"{HEAD}\n{ROW}\n".replace("code", ""), YAML, "'nothing' is no tag"),
        ("paper,table\np,t\n", YAML, "lacks the column 'model'"),
        (f"{HEAD}\n{ROW}\n".replace("1.0", "x"), YAML, "'x' is no number"),
        (f"{HEAD}\n{ROW}\n", "cite: c\ntables: {}\n", "says nothing of table 't'"),
        (f"{HEAD}\n{ROW}\n", "cite: c\ntables: {t: {says: s}}\n", "a table `says` and `protocol`"),
    ],
)
def test_a_registry_that_lacks_something_is_named(tmp_path: Path, csv: str, yaml: str, said: str):
    with pytest.raises(DataError) as error:
        read_references(write(tmp_path, csv, yaml))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_table_is_named():
    with pytest.raises(ConfigError, match=r"no published table 'lucic2018/best'; did you mean"):
        read_references(FOLDER).table("lucic2018/best")
