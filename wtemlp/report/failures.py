"""What went wrong in a run and was dealt with, in words."""

from collections.abc import Sequence

from wtemlp.summary import Summary


def failures(summaries: Sequence[Summary]) -> list[str]:
    """What went wrong and was dealt with, a line each."""
    lines = []
    for summary in summaries:
        ended = [walker for walker in summary.walkers if walker.get("stopped")]
        left = [walker for walker in ended if walker.get("left_grid")]
        if left:
            lines.append(
                f"Iteration {summary.iteration}: {len(left)} of {len(summary.walkers)} walkers "
                f"ended early, their frames are kept; {left[0].get('name')}: {left[0]['stopped']}."
            )
        if stopped := len(ended) - len(left):
            lines.append(
                f"Iteration {summary.iteration}: the guard stopped {stopped} of "
                f"{len(summary.walkers)} walkers; their last frames count as failed and were not "
                "labelled."
            )
        lines += [
            f"Iteration {summary.iteration}: {note['text']}."
            for note in summary.lowered
            if isinstance(note, dict) and "text" in note
        ]
        if summary.label_failures:
            lines.append(
                f"Iteration {summary.iteration}: {summary.label_failures} of "
                f"{summary.selected or 0} labels failed and were left out."
            )
    return lines
