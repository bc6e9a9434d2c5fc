"""How much of the spread is the setting and how much the seed."""

from __future__ import annotations

from matplotlib.axes import Axes

from ganbench.report.cells import Row
from ganbench.report.pairs import interval
from ganbench.report.paper.drawing import board_panels, intervals_down, nothing
from ganbench.report.paper.exhibit import Block, Drawing, Exhibit, Settings, blocks, stacked, stamps_of, title
from ganbench.report.paper.shelf import Board, Shelf
from ganbench.report.style import Look

HEADER = (
    "model",
    "settings × seeds",
    "scale",
    "sd of settings",
    "sd of seeds",
    "share of the setting",
    "of good settings",
)
SAID = (
    "Analysis of variance of settings that were re-run with several seeds each: sd between settings and between seeds"
    " of one setting, on the log of what is minimised and the logit of shares, with 95 % intervals. Settings × seeds"
    " of each, from the fewest to the most where they differ. Share: the"
    " setting's part of the variance. Where only the best of the search were re-run (of good settings: yes) the"
    " components are theirs."
)


def make(name: str, settings: Settings, shelf: Shelf) -> Exhibit:
    """Return a figure of shares with intervals, and one table."""
    boards = shelf.boards(settings.sweeps)

    def panel(ax: Axes, board: Board, look: dict[str, Look]) -> None:
        frame = board.of(board.ready.components, board.metric(settings.metric))
        variants = board.results.variants
        if frame.empty:
            nothing(ax, "no settings re-run\nwith several seeds")
            return
        intervals_down(ax, frame, ("share", "share_lower", "share_upper"), variants, look)
        ax.set_xlim(-0.02, 1.02)
        ax.set_xlabel(f"share of the setting in the variance\nof {title(board.metric(settings.metric))}")

    def block(board: Board) -> Block:
        metric = board.metric(settings.metric)
        frame = board.of(board.ready.components, metric)
        rows = [_row(row) for _, row in frame.iterrows()]
        return Block(board, f"{board.label}, {title(metric)}", rows, frame=frame)

    figure = board_panels(boards, panel, text="Variance components: setting against seed", key=False)
    table = stacked(name, "Variance components", HEADER, blocks(boards, block), [SAID])
    return Exhibit([table], [Drawing(name, SAID, figure)], stamps_of(boards))


def _row(row: Row) -> tuple[str, ...]:
    names = ("sd_setting", "sd_seed", "share")
    found = [interval(row, (name, f"{name}_lower", f"{name}_upper"), 2) for name in names]
    least, most = row["seeds_least"], row["seeds_most"]
    seeds = f"{row['settings']} × {least}" + (f"–{most}" if most > least else "")
    return str(row["variant"]), seeds, str(row["scale"]), *found, "yes" if row["selected"] else "no"
