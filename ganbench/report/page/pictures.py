"""Samples as pictures inside the page: tiles of images, scatter plots of vectors."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from ganbench.analysis.best import of_metric
from ganbench.analysis.results import Metric
from ganbench.analysis.selection import ranked_settings
from ganbench.analysis.summary import Summary
from ganbench.report import samples, words
from ganbench.report.render import decimals, number
from ganbench.report.style import GREY, looks

INCHES, DPI = 1.9, 200


@dataclass(frozen=True)
class Picture:
    """What a variant's best searched trial makes, or the real data; ``pixels`` are to be shown unsmoothed."""

    name: str
    source: str  # a data URI
    caption: str
    pixels: bool


def pictures(summary: Summary, dataset: str) -> list[Picture]:
    """Return a dataset's pictures, the real samples first; none where none were kept. Draw in `styled()`."""
    kept = summary.results.samples
    names = [name for name in (samples.REAL, *summary.results.variants) if (name, dataset) in kept]
    return [_picture(summary, dataset, name) for name in names]


def _picture(summary: Summary, dataset: str, name: str) -> Picture:
    kept = summary.results.samples
    array, real = kept[name, dataset], kept.get((samples.REAL, dataset))
    look = looks(summary.results.variants)
    colour = look[name].colour if name in look else GREY
    vectors = array.ndim == 2
    png = _scatter(array, real, colour) if vectors else _tiles(array)
    return Picture(name, data_uri(png), _caption(summary, dataset, name), pixels=not vectors)


def data_uri(png: bytes) -> str:
    """Return a picture as the address that a page can hold in itself."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _caption(summary: Summary, dataset: str, name: str) -> str:
    """Say which trial made the samples, and what it scored."""
    results = summary.results
    if name not in results.variants:
        return "samples of the data"
    ranking = ranked_settings(results, summary.outcomes, dataset, name)
    if ranking.empty:
        return ""
    best, metric = ranking.iloc[0], results.choosing(dataset)
    score = number(float(best["best"]), _places(summary, dataset, metric))
    return (
        f"setting {best['index']}, seed {best['seed']}, step {best['best_step']:.0f}:"
        f" {words.metric_name(metric)} {score}{words.under_own(results, dataset)}"
    )


def _places(summary: Summary, dataset: str, metric: Metric) -> int:
    _, table = summary.results.own or (summary.results, summary.outcomes)
    return decimals(of_metric(table, dataset, metric)["best"])


def _tiles(images: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.rint(255 * samples.mosaic(images)).astype(np.uint8)).save(file, "PNG", optimize=True)
    return file.getvalue()


def _scatter(vectors: NDArray[Any], real: NDArray[Any] | None, colour: str) -> bytes:
    figure, file = Figure(figsize=(INCHES, INCHES), dpi=DPI), io.BytesIO()
    figure.set_layout_engine("none")
    samples.scatter(figure.add_axes((0.0, 0.0, 1.0, 1.0)), vectors, real, colour)
    FigureCanvasAgg(figure).print_png(file, metadata={"Software": None})  # type: ignore[no-untyped-call]
    return file.getvalue()
