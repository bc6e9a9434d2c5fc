"""Draw throughput against pack size, a panel a network, with the peer and the limit of the core.

    python benchmarks/throughput_figure.py

Reads benchmarks/results/throughput.csv (`make bench`), writes throughput.pdf and throughput.png beside it.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ganbench.report.style import GREY, headline, log_scale, looks, panels, styled, to_bytes

TABLE = Path(__file__).parent / "results" / "throughput.csv"
WIDTHS = {"mlp": "hidden units", "study": "channels"}
PEER, LIMIT = {"linestyle": ":", "color": GREY}, {"linestyle": "--", "color": GREY}


def figure(table: pd.DataFrame) -> Figure:
    """Return a panel for each network and width of which more than one way to train NS GAN was measured."""
    mine = table[(table["model"] == "ns_gan") & (table["case"] != "ring_sweep")]  # which counts trials
    mine = mine.assign(way=mine["mode"] + mine["precision"].map({"float32": "", "bf16": ", bf16"}))
    groups = [(key, rows) for key, rows in mine.groupby(["network", "width"]) if len(rows) > 1]
    look = looks(sorted(mine["way"].unique()))
    drawn, axes = panels(-(-len(groups) // 2), 2, size=(3.4, 2.4))
    for ax, ((network, width), rows) in zip(axes, groups, strict=False):
        for way, points in rows.sort_values("pack").groupby("way"):
            style = look[str(way)]
            ax.plot(points["pack"], points["ours_per_s"], color=style.colour, marker=style.marker)
        _lines(ax, rows[rows["precision"] == "float32"])
        log_scale(ax, "x", 0.8, 1.25 * max(8, rows["pack"].max()))
        ticks = sorted(set(rows["pack"]))
        ax.set_xticks(ticks, [str(tick) for tick in ticks])
        ax.set_ylim(0.0, 1.05 * ax.get_ylim()[1])
        ax.set_title(f"{network}, {width} {WIDTHS[str(network)]}")
        ax.set_xlabel("trials in a pack")
        ax.set_ylabel("trial-steps per second")
    for ax in axes[len(groups) :]:
        ax.set_axis_off()
    headline(drawn, "One core: packs of NS GAN trials")
    keys = [Line2D([], [], color=s.colour, marker=s.marker, label=way) for way, s in look.items()]
    keys += [Line2D([], [], **PEER, label="plain eager loop")]
    keys += [Line2D([], [], **LIMIT, label="matrix products alone, at the core's peak, float32")]
    drawn.legend(handles=keys, loc="outside lower center", ncols=3)
    return drawn


def _lines(ax: Axes, rows: pd.DataFrame) -> None:
    ax.axhline(float(rows["peer_per_s"].median()), **PEER)
    ax.axhline(float(rows["limit_per_s"].median()), **LIMIT)


def main() -> None:
    with TABLE.open(newline="", encoding="utf-8") as file:
        table = pd.DataFrame(list(csv.DictReader(file)))
    floats = dict.fromkeys(["ours_per_s", "peer_per_s", "limit_per_s"], float)
    whole = table.astype({"width": int, "pack": int, **floats})
    with styled():
        for suffix, content in to_bytes(figure(whole)).items():
            TABLE.with_suffix(f".{suffix}").write_bytes(content)


if __name__ == "__main__":
    main()
