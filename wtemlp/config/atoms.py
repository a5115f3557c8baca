"""LAMMPS runs of DP-GEN in which atoms are labelled, or that have an electron temperature.

``use_clusters`` labels clusters around the atoms that the models disagree on, and
``use_ele_temp`` hands every label's electron temperature to the models.  What is chosen and what a
label is then differ from wtemlp's own frames, so DP-GEN does both.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from wtemlp.config.schema.dpgen_schema import LAMMPS, engine_of
from wtemlp.config.schema.section import Section
from wtemlp.core.errors import NotRunnable

CLUSTERS, CUTOFF, ELECTRONS = "use_clusters", "cluster_cutoff", "use_ele_temp"
_STYLE = "vasp"  #: the one whose inputs DP-GEN writes an electron temperature into
#: Keys of the file and of its entries that go with neither, and why.
_NOT_WITH = {
    "selection": "wtemlp chooses frames, and DP-GEN does it here",
    "fp_by_system": "DP-GEN labels all alike",
    "labels_by_hand": "what is labelled are no whole frames",
    "model_devi_f_avg_relative": "DP-GEN's levels are no deviations then",
}
_MERGED = {"model_devi_merge_traj": "DP-GEN cuts clusters out of files that have a frame each"}
_NOT_IN_ENTRY = {
    "nbeads": "each bead has a file of deviations of its own",
    "pka_e": "DP-GEN knocks an atom with another element's mass",
}


def by_atoms(params: Section | Mapping[str, Any]) -> bool:
    """Whether clusters around atoms are labelled."""
    return bool(params.get(CLUSTERS)) or params.get(CUTOFF) is not None


def with_electrons(params: Section | Mapping[str, Any]) -> bool:
    """Whether there is an electron temperature."""
    return bool(params.get(ELECTRONS))


def problems(params: Section) -> Iterator[NotRunnable]:
    """Why such a file cannot be run."""
    if by_atoms(params):
        if params.get(CUTOFF) is None:
            yield NotRunnable.of(params.missing(CUTOFF, f"add it (Angstrom): {CLUSTERS} needs it"))
        if not params.get(CLUSTERS):
            remedy = f'needs "{CLUSTERS}": true: else the models give no deviation of each atom'
            yield NotRunnable.of(params.wrong(CUTOFF, remedy))
        yield from _numbers(params)
        if params.get("model_devi_adapt_trust_lo"):
            remedy = f"not with {CLUSTERS} (DP-GEN adapts the level by frames): remove it"
            yield NotRunnable.of(params.wrong("model_devi_adapt_trust_lo", remedy))
        yield from _others(params, CLUSTERS)
    if with_electrons(params):
        if params[ELECTRONS] not in (1, 2):
            remedy = "must be 0, 1 (of the frame) or 2 (of each atom)"
            yield NotRunnable.of(params.wrong(ELECTRONS, remedy))
        if params["fp_style"] != _STYLE:
            remedy = f'must be "{_STYLE}" with {ELECTRONS}: DP-GEN writes no other input with it'
            yield NotRunnable.of(params.wrong("fp_style", remedy))
        for entry in params.sections("model_devi_jobs"):
            if "template" in entry:
                remedy = f"not with {ELECTRONS}: DP-GEN gives the electrons' to its own scripts"
                yield NotRunnable.of(entry.wrong("template", remedy))
        yield from _others(params, ELECTRONS)


def _numbers(params: Section) -> Iterator[NotRunnable]:
    """Radii that are no lengths, and trajectories of one frame, which DP-GEN cannot read."""
    for key in (CUTOFF, "cluster_cutoff_hard"):
        if params.get(key) is not None and not params[key] > 0:
            yield NotRunnable.of(params.wrong(key, "must be a positive number (Angstrom)"))
    for entry in params.sections("model_devi_jobs"):
        nsteps, trj_freq = entry.get("nsteps"), entry.get("trj_freq")
        if nsteps is not None and trj_freq is not None and trj_freq > nsteps:
            remedy = f"must not be above nsteps ({nsteps}) with {CLUSTERS}: there is one frame"
            yield NotRunnable.of(entry.wrong("trj_freq", remedy))


def _others(params: Section, kind: str) -> Iterator[NotRunnable]:
    if engine_of(params) != LAMMPS:
        remedy = 'only with "model_devi_engine": "lammps", whose frames DP-GEN chooses from'
        yield NotRunnable.of(params.wrong(kind, remedy))
    places = [(params, _NOT_WITH | (_MERGED if kind == CLUSTERS else {}))]
    places += [(entry, _NOT_IN_ENTRY) for entry in params.sections("model_devi_jobs")]
    for section, keys in places:
        for other, why in keys.items():
            if section.get(other):
                yield NotRunnable.of(section.wrong(other, f"not with {kind} ({why}): remove it"))
