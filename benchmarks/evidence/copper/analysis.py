"""The endpoints of the copper study (design.md), from its CSV files alone.

    python benchmarks/evidence/copper/analysis.py runs/evidence/core
    python benchmarks/evidence/copper/analysis.py runs/evidence/core --shuffle 200

Prints the tables as Markdown; ``--figure FILE`` draws them.  With ``--shuffle N`` the names of
the arms are dealt anew within each replicate N times: exit 1 if a difference is then found in more
than 5 %.
"""

import argparse
import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from wtemlp.analysis.intervals import holm

LEVEL = 0.05
MARGIN = 0.15  #: of non-inferiority
QUANTILES = (10, 50, 90)  #: of data.csv
FEWEST = 6  #: replicates that a verdict needs: of fewer, a deal of the names is too often no other
CRYSTALS = ("crystal600", "crystal1000", "crystal1200", "crystal1300")
MELTS = ("melt1500", "melt2000", "melt2500")
HOME = "crystal1200"
#: (arm, steps) -> set -> one number a replicate, in their order
Table = Mapping[tuple[str, int], Mapping[str, NDArray[np.float64]]]


@dataclass(frozen=True)
class Errors:
    """What a study found for one number of labels."""

    replicates: tuple[int, ...]
    steps: tuple[int, int]  #: all, and a fifth
    force: Table  #: RMSE of components, meV/Angstrom
    energy: Table  #: RMSE without the mean offset, meV/atom
    offset: Table  #: meV/atom

    @property
    def arms(self) -> list[str]:
        """In the order of the file."""
        return list(dict.fromkeys(arm for arm, _ in self.force))


def read(file: Path) -> dict[int, Errors]:
    """The errors of a study, by number of labels."""
    with file.open() as text:
        rows = list(csv.DictReader(text))
    return {labels: _of(rows, labels) for labels in sorted({int(row["labels"]) for row in rows})}


def _of(rows: Sequence[Mapping[str, str]], labels: int) -> Errors:
    mine = [row for row in rows if int(row["labels"]) == labels]
    # Comparisons are paired: of a study that is on its way, the replicates that all models have.
    models = {(row["arm"], row["steps"]) for row in mine}
    have = {(int(row["replicate"]), row["arm"], row["steps"]) for row in mine}
    numbers = sorted({replicate for replicate, *_ in have})
    replicates = tuple(one for one in numbers if all((one, *model) in have for model in models))
    mine = [row for row in mine if int(row["replicate"]) in replicates]
    steps = sorted({int(row["steps"]) for row in mine}, reverse=True)

    def table(column: str) -> Table:
        found: dict[tuple[str, int], dict[str, NDArray[np.float64]]] = {}
        for row in mine:
            model = found.setdefault((row["arm"], int(row["steps"])), {})
            values = model.setdefault(row["set"], np.full(len(replicates), np.nan))
            values[replicates.index(int(row["replicate"]))] = float(row[column])
        return found

    names = ("force_rmse_meV_A", "energy_rmse_shifted_meV_atom", "energy_offset_meV_atom")
    return Errors(replicates, (steps[0], steps[-1]), *map(table, names))


def latent_heat(errors: Errors, model: tuple[str, int]) -> NDArray[np.float64]:
    """Error of the latent heat, one a replicate, meV/atom."""
    found = errors.offset[model]
    melt = np.mean([found[name] for name in MELTS], axis=0)
    crystal = np.mean([found[name] for name in CRYSTALS], axis=0)
    return np.asarray(melt - crystal)


def log_force(errors: Errors, model: tuple[str, int], sets: Sequence[str]) -> NDArray[np.float64]:
    """Mean over sets of the logarithm of the force RMSE, one a replicate."""
    return np.asarray(np.mean([np.log(errors.force[model][name]) for name in sets], axis=0))


@dataclass(frozen=True)
class Difference:
    """A paired difference over replicates."""

    mean: float
    low: float
    high: float  #: 95 % interval
    p_two_sided: float
    values: NDArray[np.float64]

    def p_below(self, bound: float) -> float:
        """One-sided p-value of: the mean difference is below a bound."""
        if len(self.values) < 2:
            return 1.0
        return float(stats.ttest_1samp(self.values, bound, alternative="less").pvalue)


def paired(one: NDArray[np.float64], other: NDArray[np.float64]) -> Difference:
    """One less the other; t over the replicates."""
    values = one - other
    if len(values) < 2:
        return Difference(float(values.mean()), -np.inf, np.inf, 1.0, values)
    test = stats.ttest_1samp(values, 0.0)
    low, high = test.confidence_interval(1 - LEVEL)
    return Difference(float(values.mean()), float(low), float(high), float(test.pvalue), values)


@dataclass(frozen=True)
class Endpoint:
    """A claim, its p-value, and the numbers behind it."""

    name: str
    claim: str
    p: float
    parts: Mapping[str, Difference]
    difference: bool  #: the claim is of a difference; else of being no worse
    adjusted: float = 1.0  #: the p-value after Holm

    @property
    def shown(self) -> bool:
        """Whether the claim, or its contrary, can be made."""
        return self.adjusted < LEVEL and all(len(p.values) >= FEWEST for p in self.parts.values())

    @property
    def verdict(self) -> str:
        """Yes, no, or not told apart."""
        if not self.shown:
            return "not told apart" if self.difference else "not shown"
        if not self.difference:
            return "yes"
        return "yes" if all(part.mean < 0 for part in self.parts.values()) else "no: the contrary"


def endpoints(errors: Errors) -> list[Endpoint]:
    """The four endpoints, with their p-values of Holm; those whose arms are there."""
    full, fifth = errors.steps
    wte, plain = ("wte16", full), ("unbiased", full)

    def force(one: tuple[str, int], other: tuple[str, int], sets: Sequence[str]) -> Difference:
        return paired(log_force(errors, one, sets), log_force(errors, other, sets))

    def heat(one: tuple[str, int], other: tuple[str, int]) -> Difference:
        return paired(np.abs(latent_heat(errors, one)), np.abs(latent_heat(errors, other)))

    home = {"force at home (log)": force(wte, plain, [HOME])}
    across = {
        "latent heat (meV/atom)": heat(wte, plain),
        "force of the melt (log)": force(wte, plain, MELTS),
    }
    found = [
        Endpoint(
            "a",
            "other force error at home than unbiased",
            home["force at home (log)"].p_two_sided,
            home,
            True,
        ),
        Endpoint(
            "b",
            "better than unbiased in latent heat and forces of the melt",
            max(part.p_two_sided for part in across.values()),
            across,
            True,
        ),
    ]
    rivals = [arm for arm in ("ladder", "strained") if arm in errors.arms]
    if rivals:
        allowed = MARGIN * float(np.abs(latent_heat(errors, plain)).mean())
        parts: dict[str, Difference] = {}
        p_values: list[float] = []
        for arm in rivals:
            heats, forces = heat(wte, (arm, full)), force(wte, (arm, full), MELTS)
            parts |= {
                f"latent heat against {arm} (meV/atom)": heats,
                f"force of the melt against {arm} (log)": forces,
            }
            p_values += [heats.p_below(allowed), forces.p_below(np.log(1 + MARGIN))]
        claim = f"no worse than {' and '.join(rivals)} by 15 % in both"
        found.append(Endpoint("c", claim, max(p_values), parts, False))
    short = {"force, all sets (log)": force(("wte16", fifth), plain, (*CRYSTALS, *MELTS))}
    found.append(
        Endpoint(
            "d",
            "a fifth of the steps is no worse than unbiased with all by 15 %",
            short["force, all sets (log)"].p_below(np.log(1 + MARGIN)),
            short,
            False,
        )
    )
    adjusted = holm([one.p for one in found])
    return [
        Endpoint(one.name, one.claim, one.p, one.parts, one.difference, p)
        for one, p in zip(found, adjusted, strict=True)
    ]


def shuffled(errors: Errors, rng: np.random.Generator) -> Errors:
    """The same numbers, the names of the arms dealt anew within each replicate."""
    arms = errors.arms
    order = np.array([rng.permutation(len(arms)) for _ in errors.replicates])

    def deal(table: Table) -> Table:
        found: dict[tuple[str, int], dict[str, NDArray[np.float64]]] = {}
        for number, arm in enumerate(arms):
            for steps in errors.steps:
                found[arm, steps] = {
                    name: np.array(
                        [
                            table[arms[order[row, number]], steps][name][row]
                            for row in range(len(errors.replicates))
                        ]
                    )
                    for name in table[arm, steps]
                }
        return found

    return Errors(
        errors.replicates,
        errors.steps,
        deal(errors.force),
        deal(errors.energy),
        deal(errors.offset),
    )


def false_findings(errors: Errors, n: int, seed: int = 0) -> int:
    """In how many deals a difference is found."""
    rng = np.random.default_rng(seed)
    deals = (endpoints(shuffled(errors, rng)) for _ in range(n))
    return sum(any(one.difference and one.shown for one in deal) for deal in deals)


def mean_and_interval(values: NDArray[np.float64], form: str = ".1f") -> str:
    """Mean and half of its 95 % interval over replicates, as text."""
    if len(values) < 2:
        return f"{values.mean():{form}} ± ?"
    half = stats.t.ppf(1 - LEVEL / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():{form}} ± {half:{form}}"


def tables(errors: Errors, labels: int) -> str:
    """The errors of all arms, and the endpoints, as Markdown."""
    columns: list[tuple[str, Callable[[tuple[str, int]], NDArray[np.float64]]]] = [
        ("force at home, meV/Å", lambda model: errors.force[model][HOME]),
        (
            "force of the melt",
            lambda model: np.mean([errors.force[model][name] for name in MELTS], axis=0),
        ),
        (
            "energy of the melt, meV/atom",
            lambda model: np.mean([errors.energy[model][name] for name in MELTS], axis=0),
        ),
        ("latent heat, meV/atom", lambda model: latent_heat(errors, model)),
    ]
    lines = [
        f"{labels} labels, {len(errors.replicates)} replicates; mean ± half of the 95 % interval "
        "over replicates.",
        "",
        "| arm | steps | " + " | ".join(name for name, _ in columns) + " |",
        "|---|---|" + "---|" * len(columns),
    ]
    for arm in errors.arms:
        for steps in errors.steps:
            values = [mean_and_interval(of((arm, steps))) for _, of in columns]
            lines.append(f"| `{arm}` | {steps} | " + " | ".join(values) + " |")
    lines += ["", "| endpoint | p (Holm) | answer | effect, 95 % interval |", "|---|---|---|---|"]
    for one in endpoints(errors):
        effects = "; ".join(
            f"{name}: {part.mean:+.2f} ({part.low:+.2f} to {part.high:+.2f})"
            for name, part in one.parts.items()
        )
        lines.append(
            f"| ({one.name}) {one.claim} | {one.adjusted:.2g} | {one.verdict} | {effects} |"
        )
    return "\n".join(lines)


def md_table(file: Path, labels: int) -> str:
    """What the models' MD did, as Markdown: failures of all runs, and their mean temperature."""
    with file.open() as text:
        rows = [row for row in csv.DictReader(text) if int(row["labels"]) == labels]
    kelvins = sorted({int(float(row["kelvin"])) for row in rows})
    lines = [
        "MD with the models from the crystal: runs that failed, and the mean temperature of the "
        "others, K.",
        "",
        "| arm | steps | " + " | ".join(f"{kelvin} K" for kelvin in kelvins) + " |",
        "|---|---|" + "---|" * len(kelvins),
    ]
    for arm, steps in dict.fromkeys((row["arm"], row["steps"]) for row in rows):
        cells = []
        for kelvin in kelvins:
            asked = (arm, steps, kelvin)
            runs = [
                row
                for row in rows
                if (row["arm"], row["steps"], int(float(row["kelvin"]))) == asked
            ]
            failed = [row for row in runs if row["failed"]]
            means = [float(row["mean_K"]) for row in runs if row not in failed and row["mean_K"]]
            mean = f"; {mean_and_interval(np.array(means), '.0f')}" if means else ""
            cells.append(f"{len(failed)} of {len(runs)}{mean}")
        lines.append(f"| `{arm}` | {steps} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def data_table(file: Path, errors: Errors, labels: int, arm: str = "wte16") -> str:
    """What an arm's frames are in each replicate, beside the error of the melt, as Markdown."""
    with file.open() as text:
        rows = [
            row
            for row in csv.DictReader(text)
            if (row["arm"], int(row["labels"]), int(row["steps"])) == (arm, labels, errors.steps[0])
        ]
    quantities = {"energy, eV/atom": "energy_{}_eV_atom", "volume, Å³/atom": "volume_{}_A3_atom"}
    columns = [(of, q) for of in quantities for q in QUANTILES]
    lines = [
        f"Frames of `{arm}` in each replicate (quantiles), and what came of them.",
        "",
        "| replicate | "
        + " | ".join(f"{of}: {q} %" for of, q in columns)
        + " | force of the melt, meV/Å | latent heat, meV/atom |",
        "|---|" + "---|" * (len(columns) + 2),
    ]
    model = (arm, errors.steps[0])
    melt = np.mean([errors.force[model][name] for name in MELTS], axis=0)
    for row in rows:
        if int(row["replicate"]) in errors.replicates:
            place = errors.replicates.index(int(row["replicate"]))
            cells = [row[quantities[of].format(q)] for of, q in columns]
            cells += [f"{melt[place]:.1f}", f"{latent_heat(errors, model)[place]:.1f}"]
            lines.append(f"| {row['replicate']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def figure(errors: Errors, file: Path) -> None:
    """Draw the errors of all arms with all steps, each replicate a point."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    full, arms = errors.steps[0], errors.arms
    drawing, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for row, arm in enumerate(arms):
        heat = latent_heat(errors, (arm, full))
        left.plot(heat, np.full(len(heat), row), "o", color="0.6", markersize=4)
        left.plot(heat.mean(), row, "|", color="C3", markersize=16, markeredgewidth=2)
        for name, shift, colour in ((HOME, -0.15, "C0"), ("melt1500", 0.15, "C1")):
            force = errors.force[arm, full][name]
            label = {HOME: "crystal, 1200 K", "melt1500": "melt, 1500 K"}[name]
            height = np.full(len(force), row + shift)
            right.plot(force, height, "o", color=colour, markersize=4, label=label * (row == 0))
    left.axvline(0, color="0.8", zorder=0)
    left.set_xlabel("error of the latent heat (meV/atom)")
    right.set_xlabel("RMSE of force components (meV/Å)")
    right.set_xlim(left=0)
    right.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    for axes in (left, right):
        axes.set_yticks(range(len(arms)), arms)
        axes.invert_yaxis()
    drawing.savefig(file, dpi=150)


def main() -> None:
    """Print the tables; draw; shuffle."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="with errors.csv")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--shuffle", type=int, metavar="N")
    given = parser.parse_args()
    found = read(given.folder / "errors.csv")
    if given.shuffle:
        # All numbers of labels are one family of claims here: each is held to the level.
        worst = max(false_findings(errors, given.shuffle) for errors in found.values())
        print(f"a difference in {worst} of {given.shuffle} deals (at most {LEVEL:.0%} allowed)")
        sys.exit(worst > LEVEL * given.shuffle)
    for labels, errors in found.items():
        print(tables(errors, labels), end="\n\n")
        if (given.folder / "data.csv").exists():
            print(data_table(given.folder / "data.csv", errors, labels), end="\n\n")
        if (given.folder / "md.csv").exists():
            print(md_table(given.folder / "md.csv", labels), end="\n\n")
        if given.figure:
            figure(errors, given.figure.with_stem(f"{given.figure.stem}_{labels}"))


if __name__ == "__main__":
    main()
