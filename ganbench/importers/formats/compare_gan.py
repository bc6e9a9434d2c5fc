"""scores.csv of google/compare_gan, branch v1: a row a checkpoint, with its scores and every training parameter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ganbench.errors import DataError
from ganbench.importers.readings import Readings, melted, need, numbers, plain, read_table

SAYS = "scores.csv of google/compare_gan, one file a task or of many"
SCORES = {  # column → key, bare name, space, what is better
    "fid_score": ("fid_inception", "fid", "inception", "min"),
    "inception_score": ("is_inception", "is", "inception", "max"),
    "kid_score": ("kid_inception", "kid", "inception", "min"),
    "ms_ssim": ("ms_ssim_pixels", "ms_ssim", "pixels", "none"),
}
NAN_DETECTED, CODE_FAILED, NOT_COMPUTED = 31337.0, 4242.0, -1.0
OURS = {  # as conf/sampler/replay_wide.yaml has them
    "learning_rate": "model.lr",
    "beta1": "model.beta1",
    "disc_iters": "model.d_steps",
    "discriminator_batchnorm": "model.d_batch_norm",
    "weight_clipping": "model.clip",
}
UNUSED = {
    "weight_clipping",
    "lambda",
    "gamma",
    "beta1",
    "beta2",
    "disc_iters",
    "y_dim",
}  # −1 where a model has none
IDENTITY = ("checkpoint_path", "model", "gan_type", "dataset", "tf_seed", "sample_id", "step")
DIAGNOSTICS = (  # of its further tasks: no scores of models
    "train_accuracy", "test_accuracy", "fake_accuracy", "train_d_loss", "test_d_loss", "fractal_dimension", "gilbo",
    "gilbo_train_consistency", "gilbo_eval_consistency", "gilbo_self_consistency", "log_condition_number_count",
    "log_condition_number_mean", "log_condition_number_std",
)  # fmt: skip
_STEP = re.compile(r"-(\d+)$")


def read(path: Path, columns: Mapping[str, str]) -> Readings:
    """Read a scores.csv.

    31337 stands for NaN in the samples: diverged. 4242 says that the code of the FID failed and −1 that a score was
    not computed: neither is a score. Names of models and data sets stay the file's. Raises `DataError`.
    """
    if columns:
        raise DataError("--columns is for the format csv: compare_gan's columns have fixed names")
    table = read_table(path)
    need(
        table,
        ["fid_score", "dataset"],
        path,
        "it is no scores.csv of compare_gan; --format csv reads any table",
    )
    scores = {SCORES[name][0]: _scores(table[name], path, name) for name in SCORES if name in table}
    rows = melted(_facts(table, path), scores)
    metrics = {key: (bare, space, better) for key, bare, space, better in SCORES.values()}
    ignored = tuple(name for name in DIAGNOSTICS if name in table)
    stated = {"split": "test", "preprocessing": "not rounded"}
    return Readings(rows, stated, metrics, ignored=ignored)


def _scores(cells: pd.Series, path: Path, name: str) -> list[float | None]:
    found = numbers(cells, path, name)
    return [
        None if value in (CODE_FAILED, NOT_COMPUTED) else np.nan if value == NAN_DETECTED else value
        for value in found
    ]


def _facts(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    facts = pd.DataFrame({"dataset": table["dataset"]})
    name = next((name for name in ("model", "gan_type") if name in table), None)
    if name:
        facts["model"] = table[name]
    if "sample_id" in table:
        facts["index"] = table["sample_id"].replace("-1", "")
    if "tf_seed" in table:
        facts["seed"] = table["tf_seed"]
    facts["step"] = _steps(table, path)
    if "checkpoint_path" in table:
        facts["run"] = table["checkpoint_path"].str.rpartition("/")[0]
    skipped = {*IDENTITY, *SCORES, *DIAGNOSTICS}
    for name in (str(name) for name in table if name not in skipped):
        facts[OURS.get(name, f"model.{name}")] = pd.Series(
            [_param(name, cell) for cell in table[name]], dtype=object
        )
    return facts


def _param(name: str, cell: str) -> object:
    value = plain(cell)
    return None if name in UNUSED and value == NOT_COMPUTED else value


def _steps(table: pd.DataFrame, path: Path) -> pd.Series:
    """Return the steps: a column `step`, else the number at which a checkpoint's name ends."""
    if "step" in table:
        return table["step"]
    need(table, ["checkpoint_path"], path, "a step is the number its checkpoints end with")
    found = table["checkpoint_path"].str.extract(_STEP, expand=False)
    if found.isna().any():
        place = int(found.isna().to_numpy().argmax())
        raise DataError(
            f"{path}, line {place + 2}: the checkpoint {table['checkpoint_path'].iloc[place]!r} ends with no step"
        )
    return found
