"""Shared by tests: runs whose frames are labelled by a DFT program that costs nothing."""

import json
import sys
from pathlib import Path

from tests.support.loop_runs import ROOT, make_run

COUNT = "count.txt"
SCF = {
    "control": {"calculation": "scf"},
    "system": {"ecutwfc": 30},
    "electrons": {},
    "kspacing": 1.0,
}


def dft_run(folder: Path, style: str = "pwscf", **changes):
    """A run whose frames are labelled by a DFT program that costs nothing."""
    keys = {"fp_style": style, "fp_pp_path": "pp", "fp_pp_files": ["O.pp", "H.pp"]}
    keys |= {"vasp": {"fp_incar": "INCAR"}, "pwscf": {"user_fp_params": SCF}}[style]
    run = make_run(folder, **keys, **changes)
    data = json.loads((folder / "param.json").read_text())
    del data["fp_params"]
    (folder / "param.json").write_text(json.dumps(data))
    (folder / "pp").mkdir()
    for name in ("O.pp", "H.pp"):
        (folder / "pp" / name).write_text(name)
    (folder / "INCAR").write_text("KSPACING = 0.5\nKGAMMA = T\n")
    machine = json.loads((folder / "machine.json").read_text())
    engine = f"{sys.executable} {ROOT}/tests/support/fp_outputs.py {style}"
    machine["fp"]["command"] = f"PYTHONPATH={ROOT} FAKE_DFT_COUNT={folder}/{COUNT} {engine}"
    machine["fp"]["machine"]["retry_count"] = 0
    machine["fp"]["resources"]["group_size"] = 2
    (folder / "machine.json").write_text(json.dumps(machine))
    return run


def environment(run, **variables: str) -> None:
    """What the fake program is told."""
    machine = json.loads((run.folder / "machine.json").read_text())
    machine["fp"]["resources"]["envs"] = variables
    (run.folder / "machine.json").write_text(json.dumps(machine))
