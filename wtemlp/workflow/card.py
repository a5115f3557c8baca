"""The text of a potential's card, and the files that show how to use it."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SystemOfData:
    """What the models were trained on of one composition."""

    composition: str  #: as "H2 O1"
    source: str  #: "initial data", or "labels of iteration 0"
    frames: int
    periodic: bool
    virials: bool
    energy_eV_atom: tuple[float, float]  #: lowest and highest
    density_g_cm3: tuple[float, float] | None  #: None: no cell
    largest_force_eV_A: float


@dataclass(frozen=True)
class Card:
    """What is known of a potential."""

    run: str
    iteration: int
    finished: str  #: why the run ended; "": it has not
    made: str  #: date and time
    elements: tuple[str, ...]
    masses: tuple[float, ...]  #: g/mol
    models: Mapping[str, str]  #: SHA-256 of each file; "": a folder
    network: Mapping[str, Any]  #: descriptor, fitting net, training: of the parameter file
    reference: tuple[tuple[int, Mapping[str, str]], ...]  #: since which iteration, and its pins
    data: tuple[SystemOfData, ...]
    data_folders: tuple[str, ...]  #: relative to the card
    versions: Mapping[str, str]
    seed: int
    retrained: tuple[int, ...]  #: models that were trained again, with another seed
    temperatures_K: tuple[float, ...]
    pressures_bar: tuple[float, ...]
    biasfactors: tuple[float, ...]
    validation: Mapping[str, tuple[float, float | None]]
    """Errors on the validation data: mean over the models, and their standard deviation."""
    by_energy: tuple[Mapping[str, float], ...]  #: of the energies, in bins of the reference energy
    new_labels: tuple[tuple[str, int, float | None, float | None], ...]
    """What, frames, errors of energies (meV/atom) and forces (meV/Angstrom) before training."""
    verdict: str  #: of ``wtemlp validate``; "": there was none

    @property
    def frames(self) -> int:
        """That were trained on."""
        return sum(one.frames for one in self.data)


def card_text(card: Card) -> str:
    """The card, as Markdown."""
    parts = [
        f"# Deep Potential of {' '.join(card.elements)}",
        f"{len(card.models)} models of iteration {card.iteration} of the run `{card.run}` "
        f"({card.finished or 'not finished'}), put together {card.made} "
        "by wtemlp; the same as data: `card.json`.",
        "## Use it",
        _use(card),
        "## It must not be used for",
        "\n".join(f"- {line}" for line in limits(card)),
        "## What it covers",
        _covered(card),
        "## Errors",
        _errors(card),
        "## Level of theory",
        _reference(card),
        "## Data",
        _data(card),
        "## Network and training",
        f"```json\n{json.dumps(card.network, indent=1)}\n```",
        "## Provenance",
        _provenance(card),
    ]
    return "\n\n".join(parts) + "\n"


def _first(card: Card) -> str:
    return next(iter(card.models))


def _use(card: Card) -> str:
    first, elements = _first(card), " ".join(card.elements)
    several = " ".join(card.models)
    return f"""\
The models differ in their seeds alone: run MD with one of them, and take the others for its
uncertainty. Units: eV, Angstrom, ps (LAMMPS `metal`).

**LAMMPS** with DeePMD-kit, or `wtemlp lmp`, in this folder: `wtemlp lmp -in in.lammps`, which is an
example; with `pair_style deepmd {several} out_freq 100 out_file model_devi.out` the deviation of
the models is written, too.

```
pair_style deepmd {first}
pair_coeff * * {elements}
```

**ASE**: `python use_ase.py structure.vasp` prints energy and largest force; in a script:

```python
from deepmd.calculator import DP
atoms.calc = DP(model="{first}")
```

**i-PI**: `python use_ipi.py structure.vasp` is a client for its forces; i-PI's input has

```xml
<ffsocket name="dp" mode="unix"><address>wtemlp</address></ffsocket>
```"""


def limits(card: Card) -> list[str]:
    """What the potential is not made for, a sentence each."""
    found = [
        f"other elements than {', '.join(card.elements)}, and other compositions or phases than "
        "those below: nothing warns there but the deviation of the models",
    ]
    if card.temperatures_K:
        found.append(
            f"temperatures much above {card.temperatures_K[-1]:g} K, or frames whose energy is "
            "above the window below"
        )
    if all(one.periodic for one in card.data):
        found.append("clusters, isolated molecules and free surfaces: all its data are periodic")
    densities = [one.density_g_cm3 for one in card.data if one.density_g_cm3 is not None]
    narrow = [low for low, high in densities if high - low < 0.02 * high]
    if densities and len(narrow) == len(densities):
        found.append("other densities than those of its data, each of which has one alone")
    if not any(one.virials for one in card.data):
        found.append("pressures, stress and constant-pressure MD: no virial was trained on")
    if len(card.reference) > 1:
        found.append("comparison with one level of theory: its labels are of several, see below")
    if not card.verdict:
        found.append("results, before it is validated: `wtemlp validate` has not been run on it")
    elif not card.verdict.startswith("good"):
        found.append(f"what its validation has found wanting: {card.verdict}")
    return found


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _covered(card: Card) -> str:
    groups: dict[str, list[SystemOfData]] = defaultdict(list)
    for one in card.data:
        groups[one.composition].append(one)
    rows = []
    for composition, own in groups.items():
        densities = [x for one in own if one.density_g_cm3 is not None for x in one.density_g_cm3]
        rows.append(
            [
                composition,
                str(sum(one.frames for one in own)),
                f"{min(o.energy_eV_atom[0] for o in own):.4f} to "
                f"{max(o.energy_eV_atom[1] for o in own):.4f}",
                f"{min(densities):.3f} to {max(densities):.3f}" if densities else "no cell",
                f"{max(o.largest_force_eV_A for o in own):.3g}",
            ]
        )
    table = _table(
        ["composition", "frames", "energy, eV/atom", "density, g/cm3", "largest force, eV/A"], rows
    )
    explored = []
    if card.temperatures_K:
        explored.append(f"{_numbers(card.temperatures_K)} K")
    if card.pressures_bar:
        explored.append(f"{_numbers(card.pressures_bar)} bar")
    biased = [factor for factor in card.biasfactors if factor > 1]
    if biased:
        explored.append(f"bias factors {_numbers(biased)} of the well-tempered ensemble")
    said = f"Explored at {', '.join(explored)}.\n\n" if explored else ""
    return f"{said}{table}"


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


_NAMES = {
    "energy_rmse_meV_atom": "energies, meV/atom",
    "energy_rmse_shifted_meV_atom": "energies without the offset of each composition, meV/atom",
    "force_rmse_meV_A": "force components, meV/A",
}


def _errors(card: Card) -> str:
    parts = []
    if card.validation:
        rows = [
            [_NAMES[key], f"{mean:.3g}" + ("" if spread is None else f" ± {spread:.2g}")]
            for key, (mean, spread) in card.validation.items()
        ]
        parts.append(
            "RMSE on the validation data, which were not trained on; mean and standard deviation "
            "over the models:\n\n" + _table(["of", "RMSE"], rows)
        )
    if card.by_energy:
        rows = [
            [
                f"{one['low_eV_atom']:.4f} to {one['high_eV_atom']:.4f}",
                f"{one['frames']:.0f}",
                f"{one['rmse_meV_atom']:.3g} ± {one['std_meV_atom']:.2g}",
            ]
            for one in card.by_energy
        ]
        parts.append(
            "The same by energy (without the mean offset):\n\n"
            + _table(["reference energy, eV/atom", "frames", "RMSE, meV/atom"], rows)
        )
    if card.new_labels:
        rows = [
            [
                what,
                str(frames),
                "-" if energy is None else f"{energy:.3g}",
                "-" if force is None else f"{force:.3g}",
            ]
            for what, frames, energy, force in card.new_labels
        ]
        parts.append(
            "RMSE on frames that were chosen for being hard, before they were trained on:\n\n"
            + _table(["labels of", "frames", "energies, meV/atom", "forces, meV/A"], rows)
        )
    if card.verdict:
        parts.append(f"`wtemlp validate`: {card.verdict}")
    return "\n\n".join(parts) or "Not known: the run has no validation data."


def _reference(card: Card) -> str:
    if not card.reference:
        return "Not on record: an earlier version of wtemlp began this run."
    parts = []
    for since, pins in card.reference:
        head = "Labels" if since == 0 else f"Labels from iteration {since} on"
        rows = [f"{name} = {value}" for name, value in pins.items()]
        parts.append(f"{head} (files by content, SHA-256):\n\n```\n" + "\n".join(rows) + "\n```")
    mixed = "**These models are trained on labels of several references.**\n\n"
    return (mixed if len(parts) > 1 else "") + "\n\n".join(parts)


def _data(card: Card) -> str:
    rows = [
        [
            one.source,
            one.composition,
            str(one.frames),
            "yes" if one.virials else "no",
        ]
        for one in card.data
    ]
    lines = [
        f'dpdata.MultiSystems().load_systems_from_file("{place}", fmt="deepmd/npy")'
        for place in card.data_folders
    ]
    code = "\n".join(["import dpdata", *lines])
    head = (
        f"{card.frames} frames, those of each composition together; with virials, without and "
        f"without a cell apart, as a training needs them:\n\n```python\n{code}\n```"
    )
    return f"{head}\n\n" + _table(["from", "composition", "frames", "virials"], rows)


def _provenance(card: Card) -> str:
    lines = [f"- seed {card.seed}"]
    lines += [f"- model {one} was trained again with another seed" for one in card.retrained]
    lines += [f"- {name} {version}" for name, version in card.versions.items()]
    lines += [f"- {name}: SHA-256 {digest or '(a folder)'}" for name, digest in card.models.items()]
    return "\n".join(lines)


def usage_files(card: Card) -> dict[str, str]:
    """Files that run as they are, where DeePMD-kit is installed."""
    first = _first(card)
    masses = "\n".join(
        f"mass            {kind} {mass:g}" for kind, mass in enumerate(card.masses, 1)
    )
    kelvin = card.temperatures_K[0] if card.temperatures_K else 300
    return {
        "in.lammps": f"""\
# Example: NVT with one of the models, from structure.data.
units           metal
atom_style      atomic
read_data       structure.data
{masses}
pair_style      deepmd {first}
pair_coeff      * * {" ".join(card.elements)}
velocity        all create {kelvin:g} 1
timestep        0.0005
fix             move all nvt temp {kelvin:g} {kelvin:g} 0.1
thermo          10
run             100
""",
        "use_ase.py": f'''\
"""Energy and largest force of a structure that ASE reads: python use_ase.py STRUCTURE."""

import sys
from pathlib import Path

import numpy as np
from ase.io import read
from deepmd.calculator import DP

atoms = read(sys.argv[1])
atoms.calc = DP(model=str(Path(__file__).parent / "{first}"))
print("energy", atoms.get_potential_energy(), "eV")
print("largest force", np.linalg.norm(atoms.get_forces(), axis=1).max(), "eV/A")
''',
        "use_ipi.py": f'''\
"""Force client of i-PI (address "wtemlp", unix socket): python use_ipi.py STRUCTURE."""

import sys
from pathlib import Path

from ase.calculators.socketio import SocketClient
from ase.io import read
from deepmd.calculator import DP

atoms = read(sys.argv[1])
atoms.calc = DP(model=str(Path(__file__).parent / "{first}"))
SocketClient(unixsocket="wtemlp").run(atoms)
''',
    }
