"""The numbers at the top of a run's page."""

from collections.abc import Sequence

from wtemlp.core.formatting import duration, finite, number
from wtemlp.records.summary import Summary
from wtemlp.report.document import Headline
from wtemlp.report.figures import style
from wtemlp.report.sampling import Sampling
from wtemlp.report.table import MISSING, lawful_samplings, measured
from wtemlp.report.widths import Widths


def headlines(summaries: Sequence[Summary], only_trains: bool = False) -> list[Headline]:
    """The numbers at the top of the page; of a run that only trains, none of exploration."""
    explored = [s for s in summaries if s.explored is not None]
    tested = [s for s in summaries if finite(s.force_rmse_meV_A) is not None]
    labelled = sum(s.labelled or 0 for s in summaries)
    frames = sum(s.explored or 0 for s in summaries)
    trained = [s.n_train_frames for s in summaries if s.n_train_frames is not None]
    counts = [
        Headline(str(len(explored)), "iterations", f"{frames} frames explored"),
        Headline(
            str(labelled),
            "frames labelled",
            f"{trained[-1]} in the last training" if trained else "",
        ),
    ]
    if only_trains:
        counts = [Headline(str(trained[-1]) if trained else MISSING, "frames, trained on")]
    result = [
        *counts,
        _rmse_headline(tested),
        *(_ratio_headline(explored, *one) for one in lawful_samplings(summaries).items()),
    ]
    spent = [finite(v) or 0.0 for s in summaries for v in s.seconds.values()]
    if spent:
        result.append(Headline(duration(sum(spent)), "wall time", "all stages"))
    return result


def _rmse_headline(tested: Sequence[Summary]) -> Headline:
    label = "force RMSE, meV/Å"
    if not tested:
        return Headline(MISSING, label, "no model was tested yet")
    first, last = tested[0].force_rmse_meV_A, tested[-1].force_rmse_meV_A
    if len(tested) < 2 or not first or last is None:
        return Headline(number(first), label, "on the validation set")
    change = 100 * (last - first) / first
    word = "lower" if change < 0 else "higher"
    return Headline(
        f"{number(first)} → {number(last)}",
        label,
        f"first to last training, {abs(change):.0f} % {word}",
    )


def _ratio_headline(
    explored: Sequence[Summary], sampling: Sampling, factors: Sequence[float]
) -> Headline:
    label = f"σ WTE / σ NVT at {style.gamma(sampling.name(factors))}"
    widths = Widths.of_run(explored)
    for summary in reversed(explored):
        found = widths.of(summary.iteration, sampling)
        if found is not None and found.ratio is not None:
            words = [f"law: {measured(found.law)}", found.against_law()]
            notes = [*(words if found.law else ()), f"iteration {summary.iteration}"]
            return Headline(measured(found.ratio), label, "; ".join(notes))
    return Headline(MISSING, label, "none measured")
