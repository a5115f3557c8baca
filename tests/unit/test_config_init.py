"""Init files of a box of water: good ones become records, wrong ones one line."""

import json
from pathlib import Path

import pytest

from wtemlp.config.init_params import box_length_A, load_init_params
from wtemlp.config.keys.init import WaterParams
from wtemlp.config.keys.labels import ForceField
from wtemlp.core.errors import InputError

GOOD = {
    "_comment": "dropped",
    "seed": 3,
    "type_map": ["H", "O"],
    "n_molecules": 32,
    "density_g_cm3": 0.95,
    "force_field": {"name": "tip3p-flexible", "cutoff_A": 6},
    "temperature_K": 310,
    "pressure_bar": 10,
    "timestep_fs": 0.25,
    "npt_steps": 1000,
    "nvt_steps": 4000,
    "biasfactor": [4, 16],
    "wte_steps": 5000,
    "height_kT": 0.7,
    "pace": 50,
    "frames_per_ensemble": 100,
    "validation_fraction": 0.2,
    "starting_structures": 2,
    "output": "start",
}
REQUIRED = (
    "type_map",
    "n_molecules",
    "force_field",
    "temperature_K",
    "npt_steps",
    "nvt_steps",
    "frames_per_ensemble",
)


def load(root: Path, data: object) -> WaterParams:
    """Write an init file of a box of water, and load it."""
    path = root / "init.json"
    path.write_text(json.dumps(data))
    water = load_init_params(path, root).water
    assert water is not None
    return water


def test_good_file_becomes_the_expected_record(tmp_path):
    assert load(tmp_path, GOOD) == WaterParams(
        source=tmp_path / "init.json",
        seed=3,
        type_map=("H", "O"),
        n_molecules=32,
        density_g_cm3=0.95,
        force_field=ForceField("tip3p-flexible", 6.0, 1e-5),
        temperature_K=310.0,
        pressure_bar=10.0,
        timestep_fs=0.25,
        npt_steps=1000,
        nvt_steps=4000,
        biasfactors=(4.0, 16.0),
        wte_steps=5000,
        height_kT=0.7,
        pace=50,
        frames_per_ensemble=100,
        validation_fraction=0.2,
        starting_structures=2,
        output=Path("start"),
    )


def test_defaults(tmp_path):
    data = {key: GOOD[key] for key in REQUIRED}
    params = load(tmp_path, data)
    assert (params.seed, params.density_g_cm3, params.pressure_bar) == (1, 1.0, 1.0)
    assert (params.timestep_fs, params.biasfactors, params.wte_steps) == (0.5, (), 0)
    assert (params.height_kT, params.pace, params.validation_fraction) == (0.5, 100, 0.1)
    assert (params.starting_structures, params.output) == (1, Path("init"))


def test_one_bias_factor_needs_no_list(tmp_path):
    assert load(tmp_path, GOOD | {"biasfactor": 16}).biasfactors == (16.0,)


def test_box_of_1000_waters():
    # 0.9373 g/cm3 is the thesis box: 1000 waters in (31.72 A)^3
    assert box_length_A(1000, 0.9373) == pytest.approx(31.72, abs=0.005)


def test_loading_writes_nothing(tmp_path, monkeypatch):
    path = tmp_path / "init.json"
    path.write_text(json.dumps(GOOD))
    monkeypatch.chdir(tmp_path)
    load_init_params(path, tmp_path)
    assert list(tmp_path.iterdir()) == [path]


FF = GOOD["force_field"]
WRONG = [
    ({"npt_steps": 10**30}, f"must be {2**53} or less"),
    ({"n_molecules": 10**10}, "n_molecules = 10000000000; must be 2147483647 or less"),
    ({"temperature_K": 1e300}, "temperature_K = 1e+300; must be 100000 or less (K)"),
    ({"pressure_bar": -1e300}, "pressure_bar = -1e+300; must be -1e+12 or more (bar)"),
    *(({key: ...}, f"{key} is missing; add it") for key in REQUIRED),
    ({"n_molecule": 3}, 'n_molecule = 3; unknown key, did you mean "n_molecules"?'),
    ({"biasfactors": 3}, 'biasfactors = 3; unknown key, did you mean "biasfactor"?'),
    ({"n_molecules": "32"}, 'n_molecules = "32"; must be an integer'),
    ({"n_molecules": 0}, "n_molecules = 0; must be a positive integer"),
    ({"seed": -1}, "seed = -1; must be 0 or more"),
    ({"type_map": ["O"]}, 'type_map = ["O"]; must be O and H, in any order'),
    ({"density_g_cm3": 0}, "density_g_cm3 = 0; must be a positive number (g/cm3)"),
    ({"temperature_K": -300}, "temperature_K = -300; must be a positive number (K)"),
    ({"pressure_bar": "1"}, 'pressure_bar = "1"; must be a number'),
    ({"timestep_fs": 0}, "timestep_fs = 0; must be a positive number (fs)"),
    ({"timestep_fs": 2}, "timestep_fs = 2; must be 1 or less"),
    ({"npt_steps": 0}, "npt_steps = 0; must be a positive integer"),
    ({"nvt_steps": 1.5}, "nvt_steps = 1.5; must be an integer"),
    ({"biasfactor": [4, 0.5]}, "biasfactor[1] = 0.5; must be 1 or more"),
    ({"biasfactor": [4, "x"]}, 'biasfactor[1] = "x"; must be a number'),
    ({"wte_steps": ...}, "wte_steps is missing; add it"),
    ({"wte_steps": 0}, "wte_steps = 0; must be a positive integer"),
    (
        {"wte_steps": 10},
        "frames_per_ensemble = 100; wte_steps (10) gives at most 5: its second half",
    ),
    ({"height_kT": "low"}, 'height_kT = "low"; must be "auto" or a number (kT)'),
    ({"height_kT": -1}, "height_kT = -1; must be a positive number (kT)"),
    ({"pace": 0}, "pace = 0; must be a positive integer"),
    ({"frames_per_ensemble": 3001}, "frames_per_ensemble = 3001; nvt_steps (4000) gives at most"),
    ({"validation_fraction": 1.2}, "validation_fraction = 1.2; must be between 0 and 1"),
    ({"validation_fraction": 1}, "validation_fraction = 1; of 300 frames it must leave some"),
    ({"validation_fraction": 1e-4}, "validation_fraction = 0.0001; of 300 frames"),
    ({"starting_structures": 101}, "starting_structures = 101; must not be above"),
    ({"output": " "}, 'output = " "; must be the name of a folder'),
    ({"output": "init.json"}, 'output = "init.json"; is a file: give the name of a folder'),
    ({"force_field": "tip3p"}, 'force_field = "tip3p"; must be an object'),
    ({"force_field": {}}, "force_field.name is missing"),
    ({"force_field": FF | {"name": "spc"}}, 'force_field.name = "spc"; must be "tip3p-flexible"'),
    ({"force_field": FF | {"cutoff": 1}}, "force_field.cutoff = 1; unknown key"),
    ({"force_field": FF | {"cutoff_A": 0}}, "force_field.cutoff_A = 0; must be a positive"),
]


@pytest.mark.parametrize(
    ("changes", "part"), WRONG, ids=[f"{i:02d}-{next(iter(c))}" for i, (c, _) in enumerate(WRONG)]
)
def test_wrong_input_is_one_line(tmp_path, changes, part):
    data = {key: value for key, value in (GOOD | changes).items() if value is not ...}
    with pytest.raises(InputError) as caught:
        load(tmp_path, data)
    line = str(caught.value)
    assert line.startswith("init.json: ")
    assert "\n" not in line
    assert part in line


def test_run_file_in_its_place(tmp_path):
    with pytest.raises(InputError, match="is a parameter file of wtemlp run; give a parameter"):
        load(tmp_path, {"default_training_param": {}})
