"""Budget curves against compute: the best of what a search has finished, or scored, for a price."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache, partial
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganbench.analysis.bands import Array, band_curves, philox
from ganbench.analysis.costs import AXES, planned, spent
from ganbench.analysis.curves import LEVEL, budgets, mean_band, median_curve, u_mean
from ganbench.analysis.draws import (
    LONGEST,
    StatisticsError,
    bounds,
    chosen,
    draws,
    independent,
    order_quantile,
    oriented,
    percentiles,
    running,
    searched,
)
from ganbench.analysis.results import Metric, Results

CENTRE = 1000  # orders of the search itself
MOST_ORDERS, LEAST_ORDERS = 8000, 600  # of its bootstrap samples, all together
MOST = 1_000_000  # numbers put in order at once: large searches get fewer orders
POINTS = 25
VALUES = ("median", "lower", "upper", "mean", "mean_lower", "mean_upper")
SWAPPED = {"lower": "upper", "upper": "lower", "mean_lower": "mean_upper", "mean_upper": "mean_lower"}
COLUMNS = ("dataset", "metric", "variant", "axis", "cost", "n", "finished", *VALUES, "method")
Key: TypeAlias = tuple[str, Metric, str]  # dataset, metric, variant


class Orders:
    """Random orders in which the same runs could have been tried, and what each cost buys in each of them.

    The first are orders of the runs themselves, the others of bootstrap samples of them.
    """

    def __init__(self, n: int, address: tuple[object, ...], events: int) -> None:
        rng = philox("orders", *address)
        rows = int(np.clip(MOST // (n * events), LEAST_ORDERS, MOST_ORDERS))
        self.each = round((rows / 5) ** 0.5)  # 200 samples with 40 orders each; of large searches 54 with 11
        centre = np.tile(np.arange(n, dtype=np.int32), (min(CENTRE, rows), 1))
        drawn = rng.integers(0, n, (rows // self.each, n), dtype=np.int32).repeat(self.each, axis=0)
        self._orders = [rng.permuted(rows, axis=1) for rows in (centre, drawn)]
        self._bought: dict[str, tuple[Array, list[NDArray[np.int64]]]] = {}

    def bought(self, axis: str, price: Array) -> tuple[Array, list[NDArray[np.int64]]]:
        """Return costs [grid] and how many events each buys, [orders, grid]; a run's events cost price [n, events]."""
        if axis not in self._bought:
            grid = np.geomspace(_dearest(price), LONGEST * price.sum(), POINTS)
            self._bought[axis] = grid, [_bought(price[orders], grid) for orders in self._orders]
        return self._bought[axis]

    def best(self, loss: Array, bought: list[NDArray[np.int64]]) -> list[Array]:
        """Return the best loss among the events bought, [orders, grid]; ∞ where none was."""
        found = []
        for orders, places in zip(self._orders, bought, strict=True):
            kept = orders[:, : -(-int(places.max()) // loss.shape[1])]
            so_far = np.minimum.accumulate(loss[kept].reshape(len(kept), -1), axis=1)
            padded = np.concatenate([np.full((len(kept), 1), np.inf), so_far], axis=1)
            found.append(np.take_along_axis(padded, places, axis=1))
        return found


def _dearest(price: Array) -> float:
    """Return the 95th percentile of what the first event of a run costs."""
    return float(order_quantile(price[:, 0], 0.95))


def _bought(price: Array, grid: Array) -> NDArray[np.int64]:
    """Return how many events of each order a cost pays for; price is [orders, n, events]."""
    paid = np.cumsum(price.reshape(len(price), -1), axis=1)
    row = np.arange(len(paid))[:, None]
    # One sorted list for all orders: each is lifted above the one before.
    lift = row * (2.0 * max(float(paid[:, -1].max()), float(grid[-1])) + 1.0)
    places = np.searchsorted((paid + lift).ravel(), (grid * (1.0 + 1e-9) + lift).ravel(), side="right")
    found: NDArray[np.int64] = places.reshape(len(paid), -1) - row * paid.shape[1]
    return found


def compute_curves(
    results: Results,
    table: pd.DataFrame,
    ceilings: pd.DataFrame,
    *,
    axes: Collection[str] = AXES,
    keys: Collection[str] | None = None,
    anytime: bool = False,
) -> pd.DataFrame:
    """Return the best score that a search has for its cost, one row per (dataset, metric, variant, axis, cost).

    The random settings are tried one after the other in random order; a trial counts when it is finished,
    with ``anytime`` from its first checkpoint on. `median` and `mean` (winsorised at the ceiling, which also
    stands for diverged and for nothing yet) are over 1000 orders. Their pointwise 95 % bands are percentiles
    over 200 bootstrap samples of the trials with their costs, 40 orders each (fewer of both for searches of
    several hundred); `method` is then `permutation`.
    Where all trials cost the same, cost is a number of trials, and `median` has the simultaneous band of the
    budget curve (`exact`). From the 95th percentile of one trial's cost (with ``anytime`` of the first
    checkpoint's) to a quarter of the total; `finished` counts trials, or checkpoints, on average. No rows on
    an axis where some trial's cost is not known or the former exceeds the latter, and for fewer than 4 trials.
    Raises `StatisticsError` for draws that are not independent.
    """
    independent(results, "curves against compute")
    if unknown := sorted(set(axes) - set(AXES)):
        raise StatisticsError(f"there is no compute axis {unknown[0]!r}: choose of {', '.join(AXES)}")
    runs = searched(planned(table))
    spending = spent(results, runs) if len(runs) else {}
    frames = []
    for dataset in results.datasets:
        shared = cache(partial(_orders, dataset))
        for metric in chosen(results, dataset, keys):
            here = runs[runs["dataset"] == dataset]
            so_far = running(results, here, metric) if anytime else None
            ceiling, edges = _ceiling(ceilings, dataset, metric), bounds(table, dataset, metric)
            for variant, losses in draws(results, table, dataset, metric).items():
                ours = here[(here["variant"] == variant) & here["index"].isin(losses.index)].sort_values(
                    "index"
                )
                loss = losses.to_numpy(dtype=float)[:, None]
                loss = loss if so_far is None else so_far.loc[ours.index].to_numpy(dtype=float)
                spent_by = {axis: spending[axis].loc[ours.index] for axis in axes}
                if so_far is not None:  # other datasets may have been scored at other steps
                    spent_by = {axis: cost[so_far.columns] for axis, cost in spent_by.items()}
                prices = {axis: _increments(cost, loss.shape[1]) for axis, cost in spent_by.items()}
                orders = partial(shared, variant, tuple(losses.index), loss.shape[1])
                key = (dataset, metric, variant)
                frames += list(_curves(prices, loss, ceiling, key, edges, orders))
    return (pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()).reindex(columns=list(COLUMNS))


def _orders(dataset: str, variant: str, indices: tuple[int, ...], events: int) -> Orders:
    return Orders(len(indices), (dataset, variant), events)


def _ceiling(ceilings: pd.DataFrame, dataset: str, metric: Metric) -> float:
    row = ceilings[(ceilings["dataset"] == dataset) & (ceilings["metric"] == metric.key)]
    return float(oriented(row["ceiling"].to_numpy(dtype=float), metric)[0])


def _increments(cost: pd.DataFrame, events: int) -> Array:
    """Return what each checkpoint cost, or with one event what the whole run did, [n, events]."""
    found = cost.to_numpy(dtype=float)
    return np.diff(found, axis=1, prepend=0.0) if events > 1 else found.max(axis=1, keepdims=True)


def _curves(
    prices: dict[str, Array],
    loss: Array,
    ceiling: float,
    key: Key,
    edges: tuple[float, float],
    orders: Callable[[], Orders],
) -> list[pd.DataFrame]:
    dataset, metric, variant = key
    frames, counted = [], None
    for axis, price in prices.items():
        if len(loss) * LONGEST < 1 or np.isnan(price).any() or _dearest(price) > LONGEST * price.sum():
            continue
        if price.shape[1] == 1 and np.ptp(price) <= 1e-9 * price.max():
            counted = _exact(loss[:, 0], ceiling, key, edges) if counted is None else counted
            frame = counted.assign(cost=counted["finished"] * float(price[0, 0]))
        else:
            frame = permuted_curve(orders(), axis, price, loss, ceiling, minimize=metric.minimize)
        facts = {"dataset": dataset, "metric": metric.key, "variant": variant, "axis": axis}
        frames.append(frame.assign(n=len(loss), **facts))
    return frames


def _exact(loss: Array, ceiling: float, key: Key, edges: tuple[float, float]) -> pd.DataFrame:
    """Return the budget curve itself, for trials that all cost the same."""
    dataset, metric, variant = key
    minimize, scores = metric.minimize, oriented(loss, metric)
    ks = budgets(int(LONGEST * len(loss)))
    counted = oriented(np.minimum(loss, ceiling), metric)
    rng = philox("mean band", dataset, metric.key, variant)
    columns = (
        median_curve(scores, ks, minimize=minimize),
        *band_curves(scores, ks, minimize=minimize, bounds=edges, level=LEVEL),
        u_mean(counted, ks, minimize=minimize),
        *mean_band(counted, ks, minimize=minimize, level=LEVEL, rng=rng),
    )
    values = dict(zip(VALUES, columns, strict=True))
    return pd.DataFrame({"finished": ks, **values, "method": "exact"})


def permuted_curve(
    orders: Orders, axis: str, price: Array, loss: Array, ceiling: float, *, minimize: bool
) -> pd.DataFrame:
    """Return the rows of `compute_curves` for trials whose events cost price, [n, events], and lose loss."""
    grid, bought = orders.bought(axis, price)
    best, drawn = orders.best(loss, bought)
    again = drawn.reshape(-1, orders.each, len(grid)).swapaxes(0, 1)
    values = (
        order_quantile(best, 0.5),
        *percentiles(order_quantile(again, 0.5), LEVEL),
        np.minimum(best, ceiling).mean(axis=0),
        *percentiles(np.minimum(again, ceiling).mean(axis=0), LEVEL),
    )
    found = dict(zip(VALUES, values, strict=True))
    if not minimize:
        found = {SWAPPED.get(name, name): -value for name, value in found.items()}
    frame = {"cost": grid, "finished": bought[0].mean(axis=0), **found}
    return pd.DataFrame({**frame, "method": "permutation"})
