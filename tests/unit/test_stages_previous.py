"""Hills that are taken over from the iteration before."""

import json

import pytest

from wtemlp.md.walker_record import read_record
from wtemlp.stages.exploration.previous_hills import PreviousWalkers

JOB = {
    "system": 0,
    "structure": "a.POSCAR",
    "temps": 300.0,
    "method": "wte",
    "biasfactor": 4.0,
    "window_K": None,
    "walker": 0,
}
D = {"name": "d", "sigma": 0.1, "minimum": 0.0, "maximum": "pi"}
OWN = {"lines": "d: DISTANCE ATOMS=1,2\n", "variables": [D], "energy": True}


@pytest.mark.parametrize(
    ("before", "now", "taken"),
    [
        ({}, {}, True),
        ({"own": OWN}, {"own": OWN}, True),
        ({"own": OWN}, {}, False),
        ({}, {"own": OWN}, False),
        ({"own": OWN}, {"own": OWN | {"energy": False}}, False),
        ({}, {"walker": 1}, False),
    ],
)
def test_hills_are_taken_over_on_the_same_variables_only(tmp_path, before, now, taken):
    def record(changes):
        (tmp_path / "job.json").write_text(json.dumps(JOB | changes))
        return read_record(tmp_path)

    wanted = record(now)
    record(before)
    (tmp_path / "HILLS").write_text("#! FIELDS time ene sigma_ene height biasf\n")
    (tmp_path / "sigma.out").write_text("mean_eV -3.5 sigma_eV 0.2 biasfactor 4\n")
    found = PreviousWalkers([tmp_path]).hills(wanted)
    assert (found is not None) == taken and (not taken or found.mean_eV == -3.5)
