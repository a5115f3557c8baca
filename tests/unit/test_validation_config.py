"""The ``validation`` block: defaults from the rest of the file, and one line for each mistake."""

import copy
import json
import math

import pytest

from tests.support.loop_runs import PARAM
from wtemlp.config.keys.validation import MdVariable
from wtemlp.config.params import load_params
from wtemlp.config.validation import for_box
from wtemlp.core.errors import InputError


def read(tmp_path, block=None, **changes):
    content = copy.deepcopy(PARAM) | changes
    if block is not None:
        content["validation"] = block
    file = tmp_path / "param.json"
    file.write_text(json.dumps(content))
    return load_params(file, tmp_path, check_files=False).validation


def test_without_a_block_all_is_from_the_rest_of_the_file(tmp_path):
    jobs = copy.deepcopy(PARAM["model_devi_jobs"])
    jobs[0]["temps"] = [330, 300]
    jobs[1]["temps"] = [300, 270]
    jobs[1]["wte"]["guard"] = {"temp_factor": 5}
    found = read(tmp_path, model_devi_jobs=jobs, model_devi_dt=0.001)
    assert found.temps_K == (270, 300, 330)
    assert (found.system, found.models, found.reference) == (0, 4, True)
    assert found.ensembles == ("nvt", "nve", "npt")
    lengths = (found.equil_steps, found.nvt_steps, found.nve_steps)
    assert lengths == (5000, 20_000, 50_000)  # 5, 20 and 50 ps
    assert (found.trj_freq, found.thermo_freq) == (50, 10)
    assert found.temp_factor == 5
    assert found.pairs == (("O", "O"), ("O", "H"), ("H", "H"))
    assert found.diffusion == ("O",)
    assert found == read(tmp_path, {}, model_devi_jobs=jobs, model_devi_dt=0.001)


def test_a_small_box_is_run_longer_where_the_file_does_not_say(tmp_path):
    found = read(tmp_path, {"nvt_steps": 40_000})
    small = for_box(found, 96, 0.0005)
    # 40,000 and 30,000 ps by 96 atoms, of 0.5 fs; what is given stays
    assert (small.nve_steps, small.npt_steps) == (833_334, 625_000)
    assert small.nvt_steps == 40_000 and small.trj_freq == math.ceil(833_334 / 2000)
    assert for_box(found, 3000, 0.0005) == found
    assert for_box(found, 2, 0.0005).nve_steps == 20 * found.nve_steps  # at most
    assert for_box(read(tmp_path), 96, 0.0005).nvt_steps == math.ceil(8000 / 96 / 0.0005)


def test_a_long_part_has_its_frames_further_apart(tmp_path):
    assert read(tmp_path, {"nve_steps": 2_000_000}).trj_freq == 1000
    assert read(tmp_path, {"nve_steps": 400}).trj_freq == 80


def test_what_is_given_is_taken(tmp_path):
    block = {
        "temps": [280, 300],
        "ensembles": ["npt"],
        "press": 10,
        "models": 1,
        "reference": False,
        "npt_steps": 8000,
        "pairs": ["H-O"],
        "diffusion": ["H", "O"],
        "viscosity_mPa_s": [0.4, 0.32],
        "bounds": {"rdf": 0.1, "force_rmse_meV_A": 120},
    }
    found = read(tmp_path, block)
    assert found.ensembles == ("nvt", "npt")
    assert (found.pressure_bar, found.models, found.reference) == (10, 1, False)
    assert (found.pairs, found.diffusion) == ((("H", "O"),), ("H", "O"))
    assert found.viscosity_mPa_s == (0.4, 0.32)
    assert (found.bounds.rdf, found.bounds.density) == (0.1, 0.02)
    assert found.bounds.force_rmse_meV_A == 120
    assert read(tmp_path, {"viscosity_mPa_s": 0.5, "temps": [1, 2]}).viscosity_mPa_s == (0.5, 0.5)


ALONE = {"fp_style": "ase", "fp_params": {"calculator": "emt", "periodic": False}}


def test_a_molecule_alone_is_asked_for_its_torsions_and_for_nothing_of_a_cell(tmp_path):
    found = read(tmp_path, **ALONE)
    assert found.alone and not found.has_pressure
    assert (found.ensembles, found.pairs, found.diffusion) == (("nvt", "nve"), (), ())
    slab = {"units": "metal", "lines": ["pair_style zero 5", "pair_coeff * *"], "boundary": "p p f"}
    found = read(tmp_path, fp_style="lammps", fp_params={"force_field": slab})
    assert found.ensembles == ("nvt", "nve") and found.pairs and found.diffusion


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"ensembles": ["nvt", "npt"]}, "ensembles[1]"),
        ({"pairs": ["O-H"]}, "a molecule alone has none: remove it"),
        ({"diffusion": ["O"]}, "a molecule alone has none: remove it"),
    ],
)
def test_what_needs_a_cell_is_refused_of_a_molecule_alone(tmp_path, block, message):
    with pytest.raises(InputError) as caught:
        read(tmp_path, block, **ALONE)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_variables_are_those_of_the_walkers_as_far_as_they_are_of_atoms(tmp_path):
    jobs = copy.deepcopy(PARAM["model_devi_jobs"])
    jobs[0]["wte"]["plumed"] = [
        "d: DISTANCE ATOMS=1,2",
        "TORSION ...",
        "LABEL=phi ATOMS=4,3,2,1",
        "...",
        "far: DISTANCE ATOMS=1,2 NOPBC",
        "c: COORDINATION GROUPA=1 GROUPB=2,3 R_0=3",
    ]
    found = read(tmp_path, model_devi_jobs=jobs).variables
    assert found == (MdVariable("d", (1, 2)), MdVariable("phi", (4, 3, 2, 1)))
    own = read(tmp_path, {"variables": ["w: ANGLE ATOMS=2,1,3"]}, model_devi_jobs=jobs).variables
    assert own == (MdVariable("w", (2, 1, 3)),) and own[0].kind == "ANGLE"


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"temps": []}, "validation.temps = []; must have one temperature or more"),
        ({"temps": [300, -1]}, "validation.temps[1] = -1; must be a positive number (K)"),
        ({"temps": [300, 300]}, "validation.temps[1] = 300; is given twice"),
        ({"temps": [1e9]}, "must be 100000 or less"),
        ({"ensembles": ["nvt", "nph"]}, 'ensembles[1] = "nph"; must be "nvt", "nve" or "npt"'),
        ({"ensembles": []}, 'must have one or more of "nvt"'),
        ({"ensembles": ["nvt"], "nve_steps": 5}, 'nve_steps = 5; ensembles has no "nve"'),
        ({"ensembles": ["nvt"], "npt_steps": 5}, 'npt_steps = 5; ensembles has no "npt"'),
        ({"ensembles": ["nvt"], "vacf": True}, 'vacf = true; velocities are recorded in "nve"'),
        ({"models": 5}, "models = 5; must be numb_models (4) or less"),
        ({"models": 0}, "models = 0; must be a positive integer"),
        ({"sys_idx": 1}, "sys_idx = 1; must be from 0 to 0"),
        ({"nvt_steps": 0}, "nvt_steps = 0; must be a positive integer"),
        ({"nvt_steps": 100}, "nvt_steps = 100; nvt_steps (100) must be 20 times thermo_freq (10)"),
        ({"thermo_freq": 10_000}, "thermo_freq = 10000; nvt_steps (40000) must be 20 times"),
        ({"trj_freq": 30_000}, "trj_freq = 30000; nvt_steps (40000) must be 5 times trj_freq"),
        ({"temp_factor": 1}, "temp_factor = 1; must be above 1"),
        ({"pairs": ["O-N"]}, 'pairs[0] = "O-N"; must be two elements of type_map'),
        ({"pairs": ["O-H", "H-O"]}, 'pairs[1] = "H-O"; is given twice'),
        ({"diffusion": ["C"]}, 'diffusion[0] = "C"; must be an element of type_map (O, H)'),
        ({"variables": ["TORSION ATOMS=1,2,3,4"]}, "must be a distance, an angle or a torsion"),
        ({"variables": ["t: TORSION ATOMS=1,2,3"]}, "must be a distance, an angle or a torsion"),
        ({"variables": ["t: TORSION ATOMS=1,2,3,3"]}, "must be a distance, an angle or a torsion"),
        ({"variables": ["d: DISTANCE ATOMS=0,1"]}, "must be a distance, an angle or a torsion"),
        ({"variables": [""]}, "must be a distance, an angle or a torsion"),
        ({"variables": ["d: DISTANCE ATOMS=1,2"] * 2}, "variables[1]"),
        ({"bounds": {"variables": 1}}, "bounds.variables = 1; must be"),
        ({"viscosity_mPa_s": [1, 2]}, "one number, or a list of one per temperature (1)"),
        ({"viscosity_mPa_s": 0}, "viscosity_mPa_s = 0; must be positive"),
        ({"viscosity_mPa_s": [-1]}, "viscosity_mPa_s[0] = -1; must be positive"),
        ({"bounds": {"rdf": -1}}, "bounds.rdf = -1; must be a positive number"),
        ({"nvt_step": 4}, 'unknown key, did you mean "nvt_steps"?'),
        ({"press": 1e20}, "press = 1e+20; must be 1e+12 or less (bar)"),
    ],
)
def test_mistakes_are_one_line(tmp_path, block, message):
    with pytest.raises(InputError) as caught:
        read(tmp_path, block)
    assert str(caught.value).startswith("param.json: validation")
    assert "\n" not in str(caught.value)
    assert message in str(caught.value)
