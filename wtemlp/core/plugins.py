"""What other packages add: objects by name, from the entry points of a group.

The built-in ones are entry points too, of the same kind: a package is imported when its object is
used.  They are listed here as well as in ``setup.cfg``, so that a source tree is whole without
being installed.
"""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

LABELLERS = "wtemlp.labellers"  #: by ``fp_style``
SELECTORS = "wtemlp.selectors"  #: by ``selection.method``
EXPLORERS = "wtemlp.explorers"  #: by ``model_devi_engine``

_DPGEN_STYLE = "wtemlp.reference.dpgen_style:DpgenStyle"
_DPGEN_EXPLORER = "wtemlp.stages.dpgen.explorer:DpgenExplorer"
_EXPLORER = "wtemlp.stages.exploration.explorer"
BUILT_IN = {
    LABELLERS: {
        "lammps": "wtemlp.reference.lammps_ff:LammpsForceField",
        "deepmd": "wtemlp.reference.lammps_ff:LammpsForceField",
        "ase": "wtemlp.reference.ase_calculator:AseCalculator",
        "abacus": _DPGEN_STYLE,
        "amber/diff": _DPGEN_STYLE,
        "cp2k": _DPGEN_STYLE,
        "cpx": _DPGEN_STYLE,
        "custom": _DPGEN_STYLE,
        "gaussian": _DPGEN_STYLE,
        "pwmat": _DPGEN_STYLE,
        "pwscf": _DPGEN_STYLE,
        "siesta": _DPGEN_STYLE,
        "vasp": _DPGEN_STYLE,
    },
    SELECTORS: {
        "deviation": "wtemlp.stages.selectors:ByDeviation",
        "random": "wtemlp.stages.selectors:AtRandom",
    },
    EXPLORERS: {
        "wte": f"{_EXPLORER}:LammpsExplorer",
        "lammps": f"{_EXPLORER}:PlainExplorer",
        "amber": _DPGEN_EXPLORER,
        "calypso": _DPGEN_EXPLORER,
        "gromacs": _DPGEN_EXPLORER,
    },
}


@cache
def _found(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group by name; a built-in one is not replaced."""
    points = {point.name: point for point in entry_points(group=group)}
    own = {name: EntryPoint(name, value, group) for name, value in BUILT_IN[group].items()}
    return points | own


def names(group: str) -> tuple[str, ...]:
    """The names of a group, sorted."""
    return tuple(sorted(_found(group)))


def added(group: str) -> tuple[str, ...]:
    """The names of a group that other packages add, sorted."""
    return tuple(name for name in names(group) if name not in BUILT_IN[group])


def load(group: str, name: str) -> Any:
    """The object of a name; its package is imported.

    Raises
    ------
    KeyError
        If there is none of that name.
    """
    return _found(group)[name].load()
