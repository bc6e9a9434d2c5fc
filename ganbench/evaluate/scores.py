"""Scores of anyone's samples: two paths, an extractor and metrics in, one stamped number per name out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ganbench.errors import DataError
from ganbench.evaluate.evaluation import Evaluation, Request
from ganbench.evaluate.side import Side, key_of, take
from ganbench.evaluate.stream import Stream, listed, open_source, said
from ganbench.rng import Rng
from ganbench.terminal import Console

NAMED = 5  # files named that are no pictures


@dataclass(frozen=True)
class Report:
    """Scores by bare name as `--json` prints them, what is odd about them, and how to read them."""

    metrics: dict[str, dict[str, Any]]
    notes: list[str]
    advice: list[str]


def evaluate(request: Request, console: Console) -> Report:
    """Score the images at one path against those at another.

    Both are streamed: never more than one batch of images is in memory; features are. Raises `ConfigError` for
    names and settings and `DataError` for files that cannot be scored.
    """
    evaluation = Evaluation(request)
    real, fake = (_stream(evaluation, address, console) for address in ("real", "fake"))
    if real.shape and fake.shape and real.shape != fake.shape:
        sizes = f"--real holds images of {said(real.shape)}, --fake of {said(fake.shape)}"
        raise DataError(f"{sizes}: bring both to one size, by one method")
    sides = {
        "real": _side(evaluation, "real", real, console),
        "fake": _side(evaluation, "fake", fake, console),
    }
    metrics = _scores(evaluation, sides, console)
    notes = [*_notes("real", real, sides["real"]), *_notes("fake", fake, sides["fake"])]
    notes += ["--real and --fake hold the same images"] if real.hash == fake.hash else []
    notes += [f"{name} is not a finite number" for name, entry in metrics.items() if entry["value"] is None]
    return Report(metrics, notes, _advice(sides))


def _stream(evaluation: Evaluation, address: str, console: Console) -> Stream:
    """Open one side and look it over: all of its images, or as many as are asked for, drawn by the seed."""
    request, protocol = evaluation.request, evaluation.protocol
    source = open_source(request.real if address == "real" else request.fake)
    order = Rng.of(protocol["evaluation_seed"], "evaluation").permutation(address, source.count)
    chosen = sorted(order[: protocol[f"n_{address}"]].tolist())
    with console.bar(f"{address}: reading", len(chosen)) as on_done:
        return Stream(source, chosen, skip_bad=request.skip_bad, on_done=on_done)


def _side(evaluation: Evaluation, address: str, stream: Stream, console: Console) -> Side:
    request, wanted = evaluation.request, evaluation.wanted()
    cached = request.use_cache and address == "real"
    key = key_of(stream, wanted, skip_bad=request.skip_bad) if cached else None
    label = f"{address}: {request.extractor if wanted.extractor else 'images'}"
    return take(stream, wanted, console.bar, label, key)


def _notes(address: str, stream: Stream, side: Side) -> list[str]:
    """Say what was not scored of one side, and whether it is one image over and over."""
    aside, notes = stream.source.aside, []
    if aside:
        more = f" and {len(aside) - NAMED} more" if len(aside) > NAMED else ""
        notes.append(f"{address}: left aside, no pictures by their names: {', '.join(aside[:NAMED])}{more}")
    if side.refused:
        skipped = f"skipped {len(side.refused)} of {len(stream)} images"
        notes.append(f"{address}: {skipped}: {listed(side.refused)}")
    return notes + ([f"{address}: all {side.n} images are the same"] if side.identical else [])


def _scores(evaluation: Evaluation, sides: dict[str, Side], console: Console) -> dict[str, dict[str, Any]]:
    real, fake = (evaluation.samples(sides[address]) for address in ("real", "fake"))
    sizes = (sides["real"].n, sides["fake"].n)
    found: dict[str, dict[str, Any]] = {}
    with console.working("score") as say:
        for family, metric in evaluation.metrics.items():
            say(family)
            found |= evaluation.entries(family, metric(real, fake), sizes)
    return found


def _advice(sides: dict[str, Side]) -> list[str]:
    """Say what a person should know who reads the scores as they stand."""
    features, n = sides["real"].features, min(side.n for side in sides.values())
    advice = ["the floor is not known: score other real images against --real, as many as there are fakes"]
    if features is not None and n <= features.shape[1]:
        advice.append(
            f"{n} samples for {features.shape[1]} features: a covariance has not full rank, and Fréchet "
            "distances stand far above their limit"
        )
    return advice


def table(report: Report) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the scores for a person."""
    arrows = {"min": " ↓", "max": " ↑", "none": ""}
    rows = [
        [
            f"{name}{arrows[entry['direction']]}",
            "–" if entry["value"] is None else f"{entry['value']:.6g}",
            entry["extractor"],
            str(entry["n_real"]),
            str(entry["n_fake"]),
            entry["protocol"],
        ]
        for name, entry in report.metrics.items()
    ]
    return ["metric", "value", "extractor", "n real", "n fake", "protocol"], rows


def stamps(report: Report) -> list[str]:
    """Return one line for each way in which features were made."""
    lines = {
        f"{e['extractor']}: weights {e['weights_hash'][:12]}, {e['preprocessing']}, {e['dtype']}": None
        for e in report.metrics.values()
    }
    return list(lines)
