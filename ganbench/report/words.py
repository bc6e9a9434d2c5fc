"""How metrics are written, and what is said under every table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ganbench.analysis.bands import two_sided_until
from ganbench.analysis.comparisons import UNDECIDED
from ganbench.analysis.curves import LEVEL, sampler_name
from ganbench.analysis.distributions import LEAST_RUNS
from ganbench.analysis.results import CEILING, FLOOR, Metric, Results
from ganbench.analysis.summary import Summary
from ganbench.report.render import number

STUDY_CHANNELS = 64
COUNTS = "n is planned/done/diverged/failed trials."
OPTIMISM = "Scores are the best over checkpoints that have them, chosen on the images they are scored on: optimistic."
OUTLIERS = (
    "Without outliers: left out are runs without a finite score and runs whose robust z, 0.6745 × deviation from the"
    " median / MAD, exceeds 3.5 on the bad side (log of scores to minimise, logit of shares to maximise, MAD at least"
    " 1 % of the median). * some run was left out, ** at least 20 % were. Among fewer than"
    f" {LEAST_RUNS} runs none is judged an outlier, and no star is given."
)
WHEN = {"best_last": "at the best and the last checkpoint"}
GAP = "Gap: the chosen setting's searched score minus its untrimmed mean over seeds."
MEANS = "Over seeds: mean ± sd, untrimmed."
LATER = "Scored after training, at the checkpoints whose snapshots were kept."
MEDIAN = "Median of the best of k random settings (the default is not one of them); diverged is worst."
BAND = "[ ] is the 95 % band, simultaneous over k, where both sides say something; nothing beyond k = n/2."
TIES = "Equal scores occur: the bands are conservative."
PAIRS = (
    "P(row beats column): the share of draws in which the best of k settings of the row's model is better than the"
    " best of k of the column's, ties counted half. Framed: decided, that is different from ½ after Holm's correction"
    " over all pairs and budgets of the data set that could be tested; all others are undecided. Blank beyond half of"
    " the settings."
)
ALIKE = "Alike: the whole 95 % interval lies between 0.25 and 0.75, uncorrected; decided and alike is better by little."
DAGGER = "†"
CROSSINGS = (
    "The smallest k at which the best of k settings of the worse model beats the best of b of the better one more"
    " often than not; > m: not reached with m, half of its settings. [ ] is the 95 % interval, ∞ where it is open."
    f" Which of two models is the better one may change with b. {DAGGER} undecided: P(better beats worse) with b"
    " settings each is not different from ½ after Holm's correction, so that who has to catch up is not known."
)
RANKS = (
    "Rank of the median best of k settings, 1 is best; [ ] holds it in 95 % of 1000 bootstrap samples of the"
    " settings. First: share of those samples in which the model is first. No rank with fewer than 4k settings, nor"
    " where more is better and most medians are 0."
)
SENSITIVITY = (
    "Share of the spread of ranks that a hyperparameter explains by itself (ε², in at most five levels; 0 on average"
    " where it does not matter, so it may be below), with its 95 % interval; all together: adjusted R² of all main"
    " effects. The rest is interaction, seed and what five levels are too coarse for. None with fewer than 16"
    " settings."
)
SELECTION = (
    "Gap: a re-run setting's searched score minus the untrimmed mean of its reruns, with Student's 95 % interval;"
    " where smaller scores are better, below 0 is optimism. As good: share of reruns at least as good as the searched"
    " score, about one half where nothing was luck, with Clopper and Pearson's interval."
)


# How names that are no words are written; any other is shown as it is.
NAMES = {
    "fd_inf": "FD∞", "fd_diag": "FD, diagonal", "fd_a": "FD, first half", "fd_b": "FD, second half", "f1": "F1",
    "tv": "total variation", "ms_ssim": "MS-SSIM", "nn1": "1-NN accuracy", "kid": "KID", "is": "IS", "fd": "FD",
    "distance": "median distance", "gap": "train–test gap",
}  # fmt: skip
LOWER_BOUNDS = frozenset(
    {"recall", "recall_test", "recall_train"}
)  # where a search for the nearest sample stops early
INVERTED = "polygons"  # the space in which recall inverts the generator


def slug(text: str) -> str:
    """Return a name that is safe in a file name."""
    return re.sub(r"[^\w.-]", "-", text)


def part_name(bare: str) -> str:
    """Write a bare metric name for readers."""
    words = bare.replace("_", " ")
    return NAMES.get(bare, words.upper() if len(words) <= 3 else words)


def metric_name(metric: Metric) -> str:
    """Write a metric for readers: `fd_lenet28` → FD (lenet28); only Inception's Fréchet distance is FID."""
    if metric.bare == "fid" or (metric.bare, metric.space) == ("fd", "inception"):
        return "FID"
    facts = [metric.space, f"δ = {metric.at}" if metric.at else ""]
    facts += ["lower bound" if metric.space == INVERTED and metric.bare in LOWER_BOUNDS else ""]
    return f"{part_name(metric.bare)} ({', '.join(filter(None, facts))})"


def arrow(metric: Metric) -> str:
    """Return the sign of the better direction."""
    return "↓" if metric.minimize else "↑"


def protocol_note(results: Results, dataset: str) -> str:
    """Name the protocol, its id where that says more, and its sizes."""
    protocol = results.protocol(dataset)
    ids = [i for i in results.protocol_ids(dataset) if i != protocol["name"]]
    name = f"Protocol {protocol['name']}" + (f" [{', '.join(ids)}]" if ids else "")
    if "n_real" not in protocol:
        return f"{name}."
    sizes = f"{protocol['n_fake']} generated against {protocol['n_real']} real samples"
    said = f"{name}: {sizes} of the {protocol['split']} split, evaluation seed {protocol['evaluation_seed']}."
    others = "; ".join(filter(None, (_own_facts(spec, protocol) for spec in protocol["metrics"].values())))
    said = f"{said} But {others}." if others else said
    return f"{said} {LATER}" if results.later(dataset) else said


def _own_facts(spec: Mapping[str, Any], protocol: Mapping[str, Any]) -> str:
    """Say where a metric differs from its protocol: in its sample sizes and the checkpoints it is computed at."""
    sizes = (("n_fake", "generated"), ("n_real", "real samples"))
    facts = [f"{spec[key]} {what}" for key, what in sizes if spec.get(key, protocol[key]) != protocol[key]]
    facts += [WHEN[spec["at"]]] if spec.get("at") in WHEN else []
    names = " and ".join(map(part_name, spec["directions"]))
    return f"{names} ({spec['space']}): {', '.join(facts)}" if facts else ""


def budget_note(results: Results) -> str:
    """Name the training budget and the search."""
    budget, search = results.definition.get("budget", {}), results.definition.get("search", {})
    parts = [f"Budget {budget.get('name', 'unnamed')}: {budget.get('steps', '?')} D steps"]
    parts += [f"batches of {budget['batch_size']}"] if "batch_size" in budget else []
    parts += [f"scored every {budget['every']}"] if "every" in budget and results.own is None else []
    found = f"{search.get('trials', '?')} settings of space {search.get('space', '?')}"
    return f"{', '.join(parts)}. Search: {found}, sampler {sampler_name(results)}."


def baseline_note(results: Results, dataset: str, metric: Metric, places: int) -> str:
    """State the floor, the ceiling and the other baselines of a metric."""
    named = ((FLOOR, "real against real (floor)"), (CEILING, "untrained generator (ceiling)"))
    others = (("blank", "blank sample"), ("replay", "training set replayed"))
    values = [(words, results.baseline(dataset, name, metric.key)) for name, words in named + others]
    said = [f"{words} {number(value, places)}" for words, value in values if not np.isnan(value)]
    return f"Baselines, {metric_name(metric)}: {', '.join(said) if said else 'none stored'}."


def ceiling_note(summary: Summary, dataset: str, places: Mapping[str, int]) -> str:
    """Name what stands in for diverged, for the metrics that ``places`` gives decimals."""
    rows = summary.ceilings[summary.ceilings["dataset"] == dataset].set_index("metric").loc[list(places)]
    names = [metric_name(summary.results.metric(dataset, key)) for key in places]
    columns = zip(names, rows["source"], rows["ceiling"], places.values(), strict=True)
    said = [f"{name}: {source} {number(float(value), digits)}" for name, source, value, digits in columns]
    return f"In means a run without a finite score counts as the ceiling ({'; '.join(said)})."


def small_n_note(summary: Summary, dataset: str) -> str:
    """Say beyond which budget nothing two-sided can be said, or that bands are refused."""
    if not summary.iid:
        return (
            f"Sampler {sampler_name(summary.results)} does not draw independently: median, band and mean of the"
            " best of k are refused; compare several independent searches."
        )
    curves = summary.curves[summary.curves["dataset"] == dataset]
    sizes = sorted(set(curves.loc[curves["n"] > 0, "n"].astype(int)))
    if not sizes:
        return "No random setting has finished: nothing can be said about budgets."
    limits = [(two_sided_until(n, LEVEL), n) for n in sizes]
    said = [f"{f'beyond k = {k}' if k else 'at any k'} with {n} random settings" for k, n in limits]
    return f"Nothing two-sided can be said at {100 * LEVEL:.0f} % {', '.join(said)}."


def divergence_note(summary: Summary, dataset: str) -> str:
    """Tell which diverged trials were never finite; the others gave scores before they diverged."""
    rows = summary.counts[(summary.counts["dataset"] == dataset) & (summary.counts["diverged"] > 0)]
    if rows.empty:
        return ""
    never = rows[rows["never_finite"] > 0]
    columns = zip(never["variant"], never["never_finite"], never["stage"], strict=True)
    said = [f"{variant} {count} ({stage})" for variant, count, stage in columns]
    others = "; the others diverged later" if (rows["diverged"] > rows["never_finite"]).any() else ""
    return f"Diverged trials that were never finite: {', '.join(said) or 'none'}{others}."


def default_note(results: Results) -> str:
    """Give both learning rates of the models whose default setting is not run with the authors'."""
    trials = results.plan()
    if "model.lr" not in trials:
        return ""
    defaults = trials[(trials["stage"] == "search") & trials["is_default"].astype(bool)]
    used = defaults.drop_duplicates("variant").set_index("variant")["model.lr"].dropna()
    said = {}
    for variant in results.definition.get("variants", []):
        authors = variant["config"].get("model", {}).get("lr")
        rate = used.get(results.label(variant["choices"]))
        if authors is not None and rate is not None and float(rate) != float(authors):
            said[results.label(variant["choices"])] = (
                f"{power(float(rate))} (authors' {power(float(authors))})"
            )
    listed = ", ".join(f"{variant} {rates}" for variant, rates in said.items())
    return f"The default setting's learning rate is rescaled to the budget: {listed}." if said else ""


def width_note(results: Results, dataset: str) -> str:
    """Say that networks narrower than the study's shift what its settings mean, weight clipping above all."""
    found = (v for v in results.definition.get("variants", []) if v["choices"].get("dataset") == dataset)
    widths = {v["config"].get("network", {}).get("channels", STUDY_CHANNELS) for v in found} - {
        STUDY_CHANNELS
    }
    if not widths:
        return ""
    said = " or ".join(map(str, sorted(widths)))
    return (
        f"Networks have {said} channels where the study's have {STUDY_CHANNELS}: learning rates shift, and a default"
        " weight clip does not carry over, since the critic's slope shrinks with its width."
    )


def power(value: float) -> str:
    """Write 5e-05 as 5e-5, and 20000 as 2e4."""
    plain = f"{value:.3g}"
    mantissa, _, exponent = (plain if 1e-4 <= abs(value) < 1e4 or not value else f"{value:.2e}").partition(
        "e"
    )
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa and exponent else mantissa
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def rerun_note(results: Results, dataset: str) -> str:
    """Say how the re-run setting was chosen."""
    rerun = results.definition.get("rerun") or {}
    top = rerun.get("top", 1)
    which = "the setting" if top == 1 else f"the {top} settings"
    said = f"{which} with the best {_chosen_by(results, dataset)}"
    seeds = rerun.get("seeds", "?")
    said_seeds = ", ".join(map(str, seeds)) if isinstance(seeds, list) else seeds
    return f"Seeds: {said}, re-trained with {said_seeds} seeds."


def chosen_note(results: Results, dataset: str, metric: Metric) -> str:
    """Say by which metric the best setting was the best, and by which the re-run one was chosen."""
    name = metric_name(metric)
    return (
        f"Best setting: the best of the search by {name}. Over seeds, with n seeds and gap: the setting with the best"
        f" {_chosen_by(results, dataset)}; {DAGGER} another one was better by {name}."
    )


def _chosen_by(results: Results, dataset: str) -> str:
    """Name the metric by which the rerun chooses, and the checkpoint."""
    at = {"best": "at its best checkpoint", "last": "at the last checkpoint"}[results.chosen_at]
    return f"{metric_name(results.choosing(dataset))} {at}{under_own(results, dataset)}"


def under_own(results: Results, dataset: str) -> str:
    """Return ` under <protocol>` of a score by the sweep's own, where others are shown; else nothing."""
    return f" under {results.history.protocol(dataset)['name']}" if results.later(dataset) else ""


def decided_note(comparisons: pd.DataFrame) -> str:
    """Count what Holm's correction decided among the comparisons that were tested, and those that could not be."""
    tested = int(comparisons["p"].notna().sum())
    decided = int((comparisons["verdict"] != UNDECIDED).sum())
    left = len(comparisons) - tested
    more = f"; {left} more could not be tested: too few settings" if left else ""
    alike = int(comparisons["alike"].sum())
    return f"{decided} of {tested} comparisons are decided, {alike} alike{more}"


def common_notes(summary: Summary, dataset: str) -> tuple[str, ...]:
    """Return what stands under every table."""
    results = summary.results
    notes = (
        f"Partial: {summary.missing}." if summary.partial else "",
        COUNTS,
        divergence_note(summary, dataset),
        protocol_note(results, dataset),
        budget_note(results),
        default_note(results),
        width_note(results, dataset),
    )
    return tuple(note for note in notes if note)
