"""Parameter files of ``wtemlp run``: good ones become records, wrong ones one line."""

import copy
import json
import os
from pathlib import Path

import pytest

import wtemlp
from tests.support.params import (
    GOOD,
    JOB,
    POSCAR,
    WTE,
    changed,
    error_of,
    load,
    write_system,
)
from wtemlp.config.keys.labels import Convergence, ForceField, Selection
from wtemlp.config.keys.wte import ExtraVariable, Guard
from wtemlp.config.params import examine_params, load_params
from wtemlp.config.records import Params
from wtemlp.config.schema.dpgen_schema import run_schema
from wtemlp.config.schema.own_keys import names
from wtemlp.core.errors import InputError
from wtemlp.core.units import KCAL_MOL_IN_EV
from wtemlp.dpgen import adapter

TRAIN = "default_training_param."


# -- good files


def test_good_file_becomes_the_expected_records(root):
    params = load(root, GOOD)
    assert params.source == root / "params.json"
    assert params.seed == 7
    assert params.type_map == ("O", "H")
    assert params.mass_map == (15.9994, 1.008)
    assert params.init_data_sys == (root / "data" / "train",)
    assert params.validation_data_sys == (root / "data" / "validation",)
    a, b = root / "conf" / "a.POSCAR", root / "conf" / "b.POSCAR"
    assert params.sys_configs == ((a, b), (b, a))
    assert params.sys_format == "vasp/poscar"
    assert (params.numb_models, params.dp_compress) == (4, False)
    assert (params.f_trust_lo, params.f_trust_hi) == ((0.15, 0.15), (0.5, 0.5))
    assert params.timestep_ps == 0.0005
    assert params.fp_style == "lammps"
    assert params.reference == params.sampler == ForceField("tip3p-flexible", 6.0, 1e-5)
    assert (params.fp_task_max, params.fp_task_min, params.ratio_failed) == (20, 1, 0.05)
    assert params.convergence == Convergence(0.95, 2)
    assert params.selection == Selection("deviation", None, 1)


def test_good_file_exploration(root):
    first, second = load(root, GOOD).jobs
    assert (first.sys_idx, second.sys_idx) == ((0,), (0, 1))
    assert first.temps_K == (300.0, 330.5)
    assert (first.ensemble, first.nsteps, first.trj_freq) == ("nvt", 2000, 20)
    assert first.wte.biasfactors == (16.0, 64.0)
    assert first.wte.sigma_eV == pytest.approx(12 * KCAL_MOL_IN_EV)
    assert (first.wte.height_kT, first.wte.pace) == (1.0, 50)
    assert (first.wte.nvt_steps, first.wte.walkers) == (1000, 2)
    assert first.wte.guard == Guard(4.0, 5, 3.0, 10.0)
    assert second.wte.biasfactors == (16.0,)
    assert second.wte.sigma_eV is None
    assert (second.wte.height_kT, second.wte.pace) == (0.5, 100)
    assert (second.wte.nvt_steps, second.wte.walkers) == (2000, 1)
    assert second.wte.guard == Guard()
    assert (first.wte.start, first.wte.n_start) == ("both", 5)
    assert (second.wte.start, second.wte.n_start) == ("given", 2)
    assert (first.wte.adapt_biasfactor, second.wte.adapt_biasfactor) == (False, True)


@pytest.mark.parametrize(
    ("text", "sigma_eV"),
    [("0.5 eV", 0.5), ("50kJ/mol", 50 / 96.48533212331002), ("1e0 kcal/mol", KCAL_MOL_IN_EV)],
)
def test_sigma_with_a_unit(root, text, sigma_eV):
    params = load(root, changed({"model_devi_jobs.0.wte.sigma": text}))
    assert params.jobs[0].wte.sigma_eV == pytest.approx(sigma_eV)


def test_own_variables(root):
    (root / "cv.plumed").write_text("t: TORSION ATOMS=1,2,3,4")
    variables = [{"name": "t", "sigma": 0.3, "min": "-pi", "max": "pi"}]
    changes = {WTE + "plumed": "cv.plumed", WTE + "variables": variables, WTE + "bias": "variables"}
    extra = load(root, changed(changes)).jobs[0].wte.extra
    assert extra.lines == "t: TORSION ATOMS=1,2,3,4\n" and not extra.energy
    assert extra.variables == (ExtraVariable("t", 0.3, "-pi", "pi"),)


def test_constant_pressure(root):
    changes = {JOB + "ensemble": "npt-a", JOB + "press": [1, 1000.0], JOB + "taup": 1}
    job, second = load(root, changed(changes)).jobs
    assert (job.press_bar, job.barostat, job.barostat_ps) == ((1.0, 1000.0), "aniso", 1.0)
    assert (second.press_bar, second.barostat) == ((), "")


def test_a_window_of_temperatures(root):
    window = {"window_K": [250, 400]}
    block = {"biasfactor": window, "method": "opes", "nvt_steps": 1000, "pace": 10}
    wte = load(root, changed({JOB + "wte": block})).jobs[0].wte
    assert (wte.biasfactors, wte.window_K, wte.method) == ((None,), (250.0, 400.0), "opes")


def test_trust_levels_per_system(root):
    data = changed(
        {"model_devi_f_trust_lo": [0.1, 0.2], "model_devi_f_trust_hi": {"0": 0.4, "1": 0.5}}
    )
    params = load(root, data)
    assert (params.f_trust_lo, params.f_trust_hi) == ((0.1, 0.2), (0.4, 0.5))


def test_system_ranges_as_in_dpgens_code(root):
    params = load(root, changed({"model_devi_jobs.1.sys_idx": ["0-2"]}))
    assert params.jobs[1].sys_idx == (0, 1)


def test_no_job_is_only_a_training(root):
    assert load(root, changed({"model_devi_jobs": [], "numb_models": 1})).jobs == ()


def test_plain_lammps_is_one_unbiased_walker(root):
    data = changed({"model_devi_engine": ..., JOB + "wte": ..., "model_devi_jobs.1.wte": ...})
    first, second = load(root, data).jobs
    assert (first.wte.biasfactors, first.wte.walkers) == ((1.0,), 1)
    assert (first.wte.nvt_steps, first.nsteps) == (500, 1500)
    assert (second.wte.nvt_steps, second.nsteps) == (1000, 3000)


def test_plain_lammps_that_is_too_short_for_a_guard(root):
    changes = {"model_devi_engine": "lammps", JOB + "wte": ..., "model_devi_jobs.1.wte": ...}
    first, second = load(root, changed({**changes, JOB + "nsteps": 100})).jobs
    assert (first.script, first.nsteps, first.wte.nvt_steps) == ("dpgen", 100, 0)
    assert second.script == "own"


def test_training_in_epochs_and_one_input_per_model(root):
    load(root, changed({"default_training_param.training": {"num_epoch": 2.5}}))
    load(root, changed({"default_training_param": [GOOD["default_training_param"]] * 4}))


def test_yaml_as_dpgen_reads_it(root):
    path = root / "params.yaml"
    path.write_text(json.dumps(GOOD))  # JSON is YAML
    assert load_params(path, root).seed == 7


def test_absolute_paths_stay(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    data = changed(
        {
            "init_data_prefix": str(root / "data"),
            "sys_configs_prefix": str(root / "conf"),
        }
    )
    path = elsewhere / "params.json"
    path.write_text(json.dumps(data))
    params = load_params(path, elsewhere)
    assert params.init_data_sys == (root / "data" / "train",)
    assert params.sys_configs[0][0] == root / "conf" / "a.POSCAR"


def test_systems_in_sub_folders(root):
    write_system(root / "data" / "many" / "first", ["H", "O"])
    write_system(root / "data" / "many" / "deep" / "second")
    assert load(root, changed({"init_data_sys": ["many"]})).init_data_sys == (
        root / "data" / "many",
    )


def test_files_need_not_exist_when_not_checked(tmp_path):
    params = load(tmp_path, GOOD, check_files=False)
    assert params.init_data_sys == (tmp_path / "data" / "train",)
    assert params.sys_configs == ((), ())


def test_loading_writes_nothing(root, monkeypatch):
    path = root / "params.json"
    path.write_text(json.dumps(changed({"mass_map": "auto"})))
    before = sorted(root.rglob("*"))
    monkeypatch.chdir(root)
    load_params(path, root)
    assert sorted(root.rglob("*")) == before


def test_a_file_is_read_once(root, monkeypatch):
    path, read = root / "params.json", []
    path.write_text(json.dumps(GOOD))
    text = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda self, **how: read.append(self) or text(self, **how)
    )
    examined = examine_params(path, root)
    assert not examined.look_at_files().problems
    assert read.count(path) == 1


# -- what DP-GEN is handed


def dpgen_equivalent() -> dict:
    """The good file as a DP-GEN user would write it."""
    data = changed({"seed": ..., "convergence": ..., "validation_data_sys": ...})
    data |= {
        "model_devi_engine": "lammps",
        "fp_style": "custom",
        "fp_params": dict.fromkeys(["input_fmt", "input_fn", "output_fmt", "output_fn"], "x"),
    }
    for job in data["model_devi_jobs"]:
        del job["wte"]
    return data


def test_dpgens_defaults_are_dpgens(root):
    normalize = adapter.import_quietly("dpgen.util").normalize
    theirs = normalize(adapter.run_arginfo(), dpgen_equivalent())
    ours = dict(load(root, GOOD).jdata)
    for key in ("fp_style", "fp_params"):  # the one thing that is not DP-GEN's
        del ours[key], theirs[key]
    assert (ours.pop("model_devi_clean_traj"), theirs.pop("model_devi_clean_traj")) == (False, True)
    assert (ours.pop("model_devi_merge_traj"), theirs.pop("model_devi_merge_traj")) == (True, False)
    assert ours.pop("ratio_failed") == 0.05  # its code's default; its schema has none
    assert ours == theirs


def test_masses_are_dpgens(root):
    update_mass_map = adapter.import_quietly("dpgen.generator.run").update_mass_map
    theirs = {"type_map": ["O", "H"], "mass_map": "auto"}
    update_mass_map(theirs)
    params = load(root, changed({"mass_map": ...}))
    assert list(params.mass_map) == params.jdata["mass_map"] == theirs["mass_map"]


def test_optional_prefix_that_dpgens_code_needs(root):
    data = changed({"init_data_prefix": ..., "init_data_sys": ["data/train"]})
    data["validation_data_sys"] = ["data/validation"]
    params = load(root, data)
    assert params.jdata["init_data_prefix"] == "."
    assert params.init_data_sys == (root / "data" / "train",)


def test_dpgen_prepares_a_training_from_it(root, monkeypatch):
    run = adapter.import_quietly("dpgen.generator.run")
    monkeypatch.chdir(root)
    run.make_train(0, copy.deepcopy(load(root, GOOD).jdata), {"deepmd_version": "3.2.0"})
    written = json.loads((root / "iter.000000" / "00.train" / "000" / "input.json").read_text())
    assert written["training"]["training_data"]["systems"] == ["../data.init/train"]
    assert os.path.samefile(root / "iter.000000" / "00.train" / "data.init", root / "data")  # noqa: PTH121


# -- wrong files

WRONG_TEXT = [
    ("{", "params.json: not valid JSON: line 1, column 2"),
    ('{"seed": 1,\n "type_map": [}', "params.json: not valid JSON: line 2, column 15"),
    ("[1, 2]", "params.json: holds a list; must be one object"),
    ("null", "params.json: holds nothing; must be one object"),
    ('{"seed": 1, "seed": 2}', 'params.json: the key "seed" is given twice'),
    ('{"seed": NaN}', "params.json: NaN is not a number of JSON"),
    ('{"model_devi_dt": 1e400}', "params.json: 1e400 is too large; write a finite number"),
    ('{"model_devi_dt": -1e999}', "params.json: -1e999 is too large"),
    ('{"seed": 1' + 5000 * "0" + "}", "params.json: 10000000000000000... is too large"),
]


@pytest.mark.parametrize(("text", "line"), WRONG_TEXT)
def test_not_an_object(root, text, line):
    with pytest.raises(InputError) as caught:
        load(root, text)
    assert str(caught.value).startswith(line)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.json: no such file"):
        load_params(tmp_path / "nothing.json", tmp_path)


def test_folder_instead_of_file(tmp_path):
    with pytest.raises(InputError, match="is a folder; give the path of a file"):
        load_params(tmp_path, tmp_path)


def test_binary_file(tmp_path):
    (tmp_path / "params.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"params\.json: not a text file"):
        load_params(tmp_path / "params.json", tmp_path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: {b: [1, .inf]}", "params.yaml: a.b[1] = Infinity; write a finite number"),
        ("a: -.inf", "params.yaml: a = -Infinity; write a finite number"),
        ("a: .nan", "params.yaml: a = NaN; write a finite number"),
        ("a: 1.0e+400", "params.yaml: a = Infinity; write a finite number"),
        ("a: 1" + 400 * "0", "params.yaml: a is too large; write a finite number"),
        ("a: 1" + 5000 * "0", "params.yaml: not valid YAML: Exceeds the limit"),
    ],
)
def test_yaml_numbers_that_are_not_finite(tmp_path, text, line):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_params(tmp_path / "params.yaml", tmp_path)
    assert str(caught.value).startswith(line)


def test_wrong_yaml(tmp_path):
    (tmp_path / "params.yaml").write_text("seed: 1\ntype_map: [O\n")
    with pytest.raises(InputError, match=r"not valid YAML: line 3, column 1"):
        load_params(tmp_path / "params.yaml", tmp_path)


def test_machine_file_in_its_place(tmp_path):
    with pytest.raises(InputError, match="is a machine file; give a parameter file of wtemlp run"):
        load(tmp_path, {"train": {}})


WRONG = [
    # keys
    ({"seeed": 1}, ['seeed = 1; unknown key, did you mean "seed"?']),
    ({"colour": 1}, ["colour = 1; unknown key, remove it"]),
    ({JOB + "Nsteps": 1}, ["model_devi_jobs[0].Nsteps", 'did you mean "nsteps"?']),
    ({WTE + "bias_factor": 1}, ["[0].wte.bias_factor = 1", 'did you mean "biasfactor"?']),
    ({WTE + "guard.devi": 1}, ["model_devi_jobs[0].wte.guard.devi = 1; unknown key"]),
    ({"$ref": "other.json"}, ['$ref = "other.json"; unknown key']),
    ({"fp_params.cutoff": 6}, ["fp_params.cutoff = 6", 'did you mean "cutoff_A"?']),
    ({"type_map": ...}, ["type_map is missing; add it: a list of strings (Atom types)"]),
    ({"numb_models": ...}, ["numb_models is missing; add it: an integer"]),
    ({"fp_style": ...}, ["fp_style is missing; add it: one of", '"lammps"']),
    ({JOB + "trj_freq": ...}, ["model_devi_jobs[0].trj_freq is missing; add it: an integer"]),
    ({WTE + "biasfactor": ...}, ["model_devi_jobs[0].wte.biasfactor is missing"]),
    ({"fp_params.force_field": ...}, ["fp_params.force_field is missing"]),
    ({"convergence": {}}, ["convergence.accurate_ratio is missing; add it: a number"]),
    ({JOB + "wte": ...}, ["model_devi_jobs[0].wte is missing; add it"]),
    ({JOB + "ensemble": ...}, ['model_devi_jobs[0].ensemble is missing; add it: "nvt"']),
    ({JOB + "temps": ...}, ["model_devi_jobs[0].temps is missing; add it: a list (K)"]),
    ({JOB + "nsteps": ...}, ["model_devi_jobs[0].nsteps is missing; add it"]),
    ({"model_devi_engine": "lammps"}, ["[0].wte = ", 'it needs "model_devi_engine": "wte"']),
    # types
    ({"seed": "1"}, ['seed = "1"; must be an integer']),
    ({"seed": True}, ["seed = true; must be an integer"]),
    ({"seed": 1.5}, ["seed = 1.5; must be an integer"]),
    ({"dp_compress": "yes"}, ['dp_compress = "yes"; must be true or false']),
    ({"type_map": "OH"}, ['type_map = "OH"; must be a list of strings']),
    ({"type_map": ["O", 1]}, ["type_map[1] = 1; must be a string"]),
    ({"sys_configs": ["a"]}, ['sys_configs[0] = "a"; must be a list of strings']),
    ({"sys_configs": [["a"], [1]]}, ["sys_configs[1][0] = 1; must be a string"]),
    ({JOB + "temps": 300}, ["model_devi_jobs[0].temps = 300; must be a list of numbers"]),
    ({JOB + "temps": [300, "x"]}, ['model_devi_jobs[0].temps[1] = "x"; must be a number']),
    ({"model_devi_jobs": {}}, ["model_devi_jobs = {}; must be a list"]),
    ({"model_devi_jobs": [1]}, ["model_devi_jobs[0] = 1; must be an object"]),
    ({JOB + "wte": 16}, ["model_devi_jobs[0].wte = 16; must be an object"]),
    ({WTE + "biasfactor": "16"}, ['[0].wte.biasfactor = "16"; must be a number, an object or a']),
    ({"fp_params": "water"}, ['fp_params = "water"; must be an object']),
    ({"default_training_param": 1}, ["default_training_param = 1; must be an object or a list"]),
    # choices
    ({"model_devi_engine": "wet"}, ['model_devi_engine = "wet"; must be one of', 'mean "wte"?']),
    ({"model_devi_engine": 1}, ["model_devi_engine = 1; must be one of"]),
    ({"fp_style": "lamps"}, ['fp_style = "lamps"; must be one of', 'did you mean "lammps"?']),
    (
        {"fp_params.force_field": "tip4p"},
        ['fp_params.force_field = "tip4p"; must be "tip3p-flexible", "tip3p-rigid", "spce"'],
    ),
    # not in this version
    (
        {
            "fp_style": "vasp",
            "fp_pp_path": ".",
            "fp_pp_files": [],
            "fp_incar": "INCAR",
            "fp_params": ...,
        },
        ["fp_pp_files = []; must have one file per element of type_map (2)"],
    ),
    ({JOB + "ensemble": "npt"}, ["[0].press is missing; add it: a list (bar)"]),
    ({JOB + "ensemble": "nve"}, ['[0].ensemble = "nve"; must be one of "nvt", "npt", "npt-i"']),
    (
        {JOB + "ensemble": "npt", JOB + "press": [1.0, 1.0]},
        ["[0].press[1] = 1.0; is given twice, remove one"],
    ),
    ({JOB + "ensemble": "npt", JOB + "press": [1.0], JOB + "taup": 0}, ["[0].taup = 0; must be"]),
    ({"use_relative": True}, ["epsilon is missing; add it: a positive number"]),
    ({"model_devi_v_trust_lo": 0.3, "model_devi_v_trust_hi": 0.2}, ["model_devi_v_trust_lo = 0.3"]),
    ({"trust": {"error_meV_A": [80]}}, ["trust.error_meV_A", "a lower and an upper error"]),
    ({"trust": {"error_meV_A": [400, 80]}}, ["trust.error_meV_A", "as [80, 400]"]),
    (
        {"trust": {"error_meV_A": [80, 400]}, "model_devi_adapt_trust_lo": True},
        ["trust = ", "goes without model_devi_adapt_trust_lo"],
    ),
    ({JOB + "model_devi_f_trust_lo": 9}, ["[0].model_devi_f_trust_lo = 9", "trust_hi (0.5 eV/A"]),
    ({"model_devi_clean_traj": -1}, ["model_devi_clean_traj = -1; must be 0 or more"]),
    ({JOB + "press": [1.0, 2.0]}, ["model_devi_jobs[0].press = [1.0, 2.0]; must be left out"]),
    ({"init_batch_size": "auto"}, ['init_batch_size = "auto"; must be a list of one batch size']),
    ({"init_batch_size": []}, ["init_batch_size = []; must be a list of one", "(1)"]),
    ({"init_batch_size": ["mixed"]}, ['init_batch_size[0] = "mixed"; must be a positive']),
    ({"sys_batch_size": [1, 0]}, ["sys_batch_size[1] = 0; must be a positive integer"]),
    # numbers
    ({JOB + "nsteps": 10**30}, ["model_devi_jobs[0].nsteps = 10000", f"must be {2**53} or less"]),
    ({WTE + "nvt_steps": 2**60}, ["[0].wte.nvt_steps = ", f"must be {2**53} or less"]),
    ({WTE + "pace": 2**31}, ["[0].wte.pace = 2147483648; must be 2147483647 or less"]),
    ({WTE + "biasfactor": 1e300}, ["[0].wte.biasfactor = 1e+300; must be 1e+06 or less"]),
    ({WTE + "biasfactor": [16, 1e7]}, ["[0].wte.biasfactor[1] = 10000000.0; must be 1e+06"]),
    ({WTE + "height": 1e9}, ["[0].wte.height = 1000000000.0; must be 1000 or less (kT)"]),
    ({WTE + "sigma": "1e300 eV"}, ['wte.sigma = "1e300 eV"; must be 1e+12 eV or less']),
    ({JOB + "temps": [300, 1e9]}, ["temps[1] = 1000000000.0; must be 100000 or less (K)"]),
    ({"fp_task_max": 10**20}, ["fp_task_max = 100000000000000000000; must be 2147483647"]),
    ({TRAIN + "training.numb_steps": 10**30}, ["training.numb_steps = 1000", "or less"]),
    ({"seed": -1}, ["seed = -1; must be 0 or more"]),
    ({"numb_models": 1}, ["numb_models = 1; must be 2 or more"]),
    ({"numb_models": 0}, ["numb_models = 0; must be a positive integer"]),
    ({"model_devi_dt": 0}, ["model_devi_dt = 0; must be a positive number (ps)"]),
    ({"model_devi_dt": -0.5}, ["model_devi_dt = -0.5; must be a positive number (ps)"]),
    ({"model_devi_dt": 0.5}, ["model_devi_dt = 0.5; must be 0.01 or less: it is in ps"]),
    ({"fp_task_max": 0}, ["fp_task_max = 0; must be a positive integer"]),
    ({"fp_task_min": -1}, ["fp_task_min = -1; must be 0 or more"]),
    ({"fp_task_min": 21}, ["fp_task_min = 21; must not be above fp_task_max (20)"]),
    ({"ratio_failed": 1.5}, ["ratio_failed = 1.5; must be between 0 and 1"]),
    ({"selection": {"method": "worst"}}, ['selection.method = "worst"; must be "deviation" or']),
    ({"selection": {"energy_bins": 0}}, ["selection.energy_bins = 0; must be a positive integer"]),
    ({"selection": {"min_steps_apart": -5}}, ["selection.min_steps_apart = -5; must be a positi"]),
    ({"selection": {"energy_bin": 5}}, ["energy_bin", "energy_bins"]),
    ({"convergence.accurate_ratio": 95}, ["convergence.accurate_ratio = 95; must be between"]),
    ({"convergence.iterations": 0}, ["convergence.iterations = 0; must be a positive integer"]),
    ({JOB + "nsteps": 0}, ["model_devi_jobs[0].nsteps = 0; must be a positive integer"]),
    ({JOB + "nsteps": 10}, ["model_devi_jobs[0].trj_freq = 20; must not be above nsteps (10)"]),
    ({"model_devi_v_trust_hi": -1}, ["model_devi_v_trust_hi = -1; must be above 0 (eV/atom)"]),
    (
        {"model_devi_skip": 5000},
        ["model_devi_skip = 5000; must not be above the last step of model_devi_jobs[0] (3000)"],
    ),
    ({JOB + "nsteps": 2010}, ["[0].nsteps = 2010; must be a multiple of trj_freq (20)"]),
    ({JOB + "trj_freq": -5}, ["model_devi_jobs[0].trj_freq = -5; must be a positive integer"]),
    ({JOB + "temps": []}, ["model_devi_jobs[0].temps = []; must have one temperature"]),
    ({JOB + "temps": [300, -1]}, ["model_devi_jobs[0].temps[1] = -1; must be a positive number"]),
    ({WTE + "start": "random"}, ['wte.start = "random"; must be "given", "labelled" or "both"']),
    ({WTE + "start": "given"}, ["[0].wte.n_start = 5; is for labelled frames: remove it"]),
    ({WTE + "n_start": 0}, ["[0].wte.n_start = 0; must be a positive integer"]),
    ({WTE + "biasfactor": 0.5}, ["model_devi_jobs[0].wte.biasfactor = 0.5; must be 1 or more"]),
    ({WTE + "biasfactor": [16, 0]}, ["[0].wte.biasfactor[1] = 0; must be 1 or more"]),
    ({WTE + "biasfactor": [16, 16]}, ["[0].wte.biasfactor[1] = 16; is given twice"]),
    ({WTE + "biasfactor": []}, ["[0].wte.biasfactor = []; must have one bias factor"]),
    ({WTE + "biasfactor": {}}, ["wte.biasfactor = {}; must be a number, a list of numbers, or {"]),
    ({WTE + "biasfactor": {"window": [1, 2]}}, ['or {"window_K": [low, high]} (K)']),
    ({WTE + "biasfactor": {"window_K": [400, 250]}}, ['or {"window_K": [low, high]} (K)']),
    ({WTE + "biasfactor": {"window_K": [250, "400"]}}, ['or {"window_K": [low, high]} (K)']),
    (
        {WTE + "biasfactor": {"window_K": [310, 400]}},
        ["the window must have the run's temperature in it, and 300 K is not"],
    ),
    (
        {WTE + "biasfactor": {"window_K": [150, 400]}},
        ["no bias factor reaches 150 K from 300 K: the low end must be above half of the temp"],
    ),
    ({WTE + "method": "metad"}, ['wte.method = "metad"; must be "wte" or "opes"']),
    ({WTE + "method": "opes"}, ['[0].wte.biasfactor = [16, 64]; "opes" samples temperatures']),
    (
        {WTE + "method": "opes", WTE + "biasfactor": {"window_K": [250, 400]}},
        ['[0].wte.sigma = "12 kcal/mol"; "opes" has no hills: remove it'],
    ),
    ({WTE + "plumed": ["UNITS LENGTH=nm"]}, ['"UNITS" is in the generated input already']),
    ({WTE + "plumed": ["ene: ENERGY"]}, ['"ene:" is in the generated input already']),
    ({WTE + "plumed": ["DISTANCE ATOMS=1,2 LABEL=ene"]}, ['"LABEL=ene" is in the generated']),
    ({WTE + "plumed": ["m: METAD ARG=d SIGMA=1"]}, ["METAD is in the generated input: define"]),
    ({WTE + "plumed": ["PRINT ARG=ene FILE=HILLS"]}, ["HILLS is a file of the generated input"]),
    ({WTE + "plumed": "none.dat"}, ["must be the path of a text file, or a list of PLUMED lines"]),
    ({WTE + "bias": "variables"}, ["there are no variables to bias"]),
    ({WTE + "bias": "all"}, ['wte.bias = "all"; must be "both" or "variables"']),
    (
        {WTE + "variables": [{"name": "d", "sigma": 0.1, "min": 0, "max": 5}]},
        ['wte.variables[0].name = "d"; no line of plumed defines it: add "d: ..."'],
    ),
    (
        {
            WTE + "plumed": ["d: DISTANCE ATOMS=1,2"],
            WTE + "variables": [{"name": "d", "sigma": 0.1, "min": 5, "max": 5}],
        },
        ["variables[0].max = 5; must be above min"],
    ),
    (
        {
            WTE + "plumed": ["d: DISTANCE ATOMS=1,2"],
            WTE + "variables": [{"name": "d", "sigma": 0.1, "min": 0, "max": 5}] * 2,
        },
        ['variables[1].name = "d"; is given twice, remove one'],
    ),
    ({WTE + "share_hills": True, WTE + "walkers": 1}, ["needs walkers of 2 or more"]),
    (
        {WTE + "share_hills": True, WTE + "biasfactor": {"window_K": [250, 400]}},
        ["each walker of a window has a bias factor of its own"],
    ),
    (
        {WTE + "share_hills": True, WTE + "hills": "shift"},
        ['[0].wte.share_hills = true; not supported with "hills": "shift"'],
    ),
    (
        {WTE + "biasfactor": 1, WTE + "share_hills": True},
        ["wte.share_hills = true; there is no bias with a bias factor of 1"],
    ),
    (
        {
            JOB + "nsteps": 40,
            JOB + "wte": {
                "biasfactor": {"window_K": [250, 400]},
                "method": "opes",
                "nvt_steps": 1000,
                "pace": 10,
            },
        },
        ["[0].nsteps = 40; must be 600 or more: OPES begins with unbiased steps"],
    ),
    ({WTE + "hills": "keep"}, ['[0].wte.hills = "keep"; must be "drop" or "shift"']),
    ({WTE + "checkpoint": -1}, ["[0].wte.checkpoint = -1; must be 0 or more"]),
    ({WTE + "pace": 0}, ["model_devi_jobs[0].wte.pace = 0; must be a positive integer"]),
    ({WTE + "nvt_steps": 0}, ["[0].wte.nvt_steps = 0; must be a positive integer"]),
    ({WTE + "nvt_steps": 1010}, ["[0].wte.nvt_steps = 1010; must be a multiple of trj_freq"]),
    (
        {WTE + "nvt_steps": 100, WTE + "sigma": "auto"},
        ['[0].wte.nvt_steps = 100; "sigma": "auto" needs 500 or more'],
    ),
    ({WTE + "nvt_steps": 80}, ["[0].wte.nvt_steps = 80; must be 100 or more"]),
    ({WTE + "walkers": 0}, ["[0].wte.walkers = 0; must be a positive integer"]),
    ({WTE + "sigma": 0.5}, ['[0].wte.sigma = 0.5; must be "auto" or have a unit']),
    ({WTE + "sigma": "0.5"}, ['[0].wte.sigma = "0.5"; must be "auto" or have a unit']),
    ({WTE + "sigma": "0.5 Ry"}, ['[0].wte.sigma = "0.5 Ry"; must be "auto" or have a unit']),
    ({WTE + "sigma": "1.2.3 eV"}, ['[0].wte.sigma = "1.2.3 eV"; must be "auto" or have']),
    ({WTE + "sigma": "-1 eV"}, ['[0].wte.sigma = "-1 eV"; must be positive']),
    ({WTE + "height": "high"}, ['[0].wte.height = "high"; must be "auto" or a number (kT)']),
    ({WTE + "height": 0}, ["[0].wte.height = 0; must be a positive number (kT)"]),
    ({WTE + "guard.devi_factor": 0.5}, ["[0].wte.guard.devi_factor = 0.5; must be 1 or more"]),
    ({WTE + "guard.devi_checks": 0}, ["[0].wte.guard.devi_checks = 0; must be a positive"]),
    ({"fp_params.cutoff_A": -1}, ["fp_params.cutoff_A = -1; must be a positive number (Angstrom)"]),
    ({"fp_params.kspace_accuracy": 2}, ["fp_params.kspace_accuracy = 2; must be below 1"]),
    # trust levels
    (
        {"model_devi_f_trust_lo": 0.5},
        ["model_devi_f_trust_lo = 0.5; must be below model_devi_f_trust_hi (0.5"],
    ),
    ({"model_devi_f_trust_lo": -0.1}, ["model_devi_f_trust_lo = -0.1; must be 0 or more"]),
    (
        {"model_devi_f_trust_lo": [0.1, 0.6]},
        ["model_devi_f_trust_lo = [0.1, 0.6]; must be below model_devi_f_trust_hi of system 1"],
    ),
    ({"model_devi_f_trust_hi": [0.5]}, ["model_devi_f_trust_hi = [0.5]; must be one number, or"]),
    (
        {"model_devi_f_trust_hi": {"0": 0.5}},
        ['model_devi_f_trust_hi = {"0": 0.5}; must have one number per system'],
    ),
    # systems
    ({JOB + "sys_idx": [2]}, ["model_devi_jobs[0].sys_idx[0] = 2; must be from 0 to 1"]),
    ({JOB + "sys_idx": [-1]}, ["model_devi_jobs[0].sys_idx[0] = -1; must be from 0 to 1"]),
    ({JOB + "sys_idx": [0, 0]}, ["model_devi_jobs[0].sys_idx[1] = 0; is given twice"]),
    ({JOB + "sys_idx": []}, ["model_devi_jobs[0].sys_idx = []; must have one system"]),
    ({JOB + "sys_idx": ["0:2"]}, ['[0].sys_idx[0] = "0:2"; must be an index, or a range']),
    ({JOB + "sys_idx": ["0-2:0"]}, ['[0].sys_idx[0] = "0-2:0"; the step']),
    ({"sys_configs.0": ["*.cif"]}, ['sys_configs[0] = ["*.cif"]; no file matches', "conf/*.cif"]),
    ({"sys_configs.0": []}, ["sys_configs[0] = []; must name one structure"]),
    ({"sys_format": "lammps/lmp", "sys_configs_prefix": "no"}, ["sys_configs[0]", "no file"]),
    # elements
    ({"type_map": []}, ["type_map = []; must name one element"]),
    ({"type_map": ["O", "O"]}, ['type_map[1] = "O"; is given twice']),
    ({"type_map": ["O", "C"]}, ['type_map = ["O", "C"]; must be O and H']),
    ({"mass_map": "automatic"}, ['mass_map = "automatic"; must be "auto" or a list']),
    ({"mass_map": [1.0]}, ["mass_map = [1.0]; must have one mass per element (2)"]),
    ({"mass_map": [16, 0]}, ["mass_map[1] = 0; must be a positive number (g/mol)"]),
    # data
    ({"init_data_sys": []}, ["init_data_sys = []; must name one folder"]),
    ({"init_data_sys": ["nowhere"]}, ['init_data_sys[0] = "nowhere"; no such folder', "data/now"]),
    ({"init_data_sys": ["../conf"]}, ["init_data_sys[0]", "holds no deepmd/npy system"]),
    ({"init_data_sys": ["train/type.raw"]}, ["init_data_sys[0]", "must be a folder, or an HDF5"]),
    ({"validation_data_sys": ["no"]}, ['validation_data_sys[0] = "no"; no such folder']),
    ({"validation_data_sys": ["train"]}, ['validation_data_sys[0] = "train"; is trained on']),
    # training
    ({TRAIN + "training": ...}, ["default_training_param.training is missing; add it"]),
    ({TRAIN + "model": 1}, ["default_training_param.model = 1; must be an object"]),
    ({TRAIN + "training": {}}, ["training.numb_steps is missing; give numb_steps or numb_epoch"]),
    (
        {TRAIN + "training": {"stop_batch": 10, "num_epoch": 2}},
        ["default_training_param.training.num_epoch = 2; give either stop_batch or num_epoch"],
    ),
    ({TRAIN + "training.numb_steps": 0}, [".training.numb_steps = 0; must be a positive integer"]),
    ({TRAIN + "training.numb_steps": 1e3}, [".training.numb_steps = 1000.0; must be a positive"]),
    ({TRAIN + "training": {"numb_epoch": -1}}, [".training.numb_epoch = -1; must be a positive"]),
    ({TRAIN + "model.type_map": ["H", "O"]}, ['.model.type_map = ["H", "O"]; must be the same']),
    ({TRAIN + "model.descriptor.rcut": 0}, [".descriptor.rcut = 0; must be a positive number"]),
    ({TRAIN + "model.descriptor.rcut_smth": 7}, [".rcut_smth = 7; must be a number below rcut"]),
    ({TRAIN + "model.descriptor.sel": [40]}, [".descriptor.sel = [40]; must have one number per"]),
    ({"default_training_param": [{}]}, ["default_training_param = [{}]; must be one object, or"]),
]


@pytest.mark.parametrize(
    ("changes", "parts"), WRONG, ids=[f"{i:03d}-{next(iter(c))}" for i, (c, _) in enumerate(WRONG)]
)
def test_wrong_input_is_one_line(root, changes, parts):
    line = error_of(root, changes)
    assert line.startswith("params.json: ")
    for part in parts:
        assert part in line


def test_each_of_two_mistakes_is_a_line(root):
    for changes, parts in (
        ({"sys_configs": []}, [f"model_devi_jobs[{i}].sys_idx[0] = 0; sys_con" for i in (0, 1)]),
        (
            {"mass_map": "auto", "type_map": ["O", "X"]},
            ['type_map[1] = "X"; "mass_map": "auto" knows', "must be O and H, in any order"],
        ),
    ):
        with pytest.raises(InputError) as caught:
            load(root, changed(changes))
        lines = str(caught.value).splitlines()
        assert len(lines) == len(parts)
        assert all(part in line for part, line in zip(parts, lines, strict=True))


def test_data_of_an_element_that_is_not_in_type_map(root):
    (root / "data" / "train" / "type_map.raw").write_text("O\nC\n")
    line = error_of(root, {})
    assert "data/train/type_map.raw names C, which type_map lacks" in line


def test_data_with_more_types_than_type_map(root):
    (root / "data" / "validation" / "type.raw").write_text("0 1 2")
    (root / "data" / "validation" / "type_map.raw").unlink()
    assert "holds type 2, but type_map has 2 elements: name them all" in error_of(root, {})


def test_data_without_types(root):
    (root / "data" / "validation" / "type.raw").write_text("O H H")
    assert "must hold one integer per atom" in error_of(root, {})


def test_data_without_labels(root):
    (root / "data" / "train" / "set.000" / "force.npy").unlink()
    assert 'init_data_sys[0] = "train"' in (line := error_of(root, {}))
    assert "data/train/set.000 has no force.npy" in line


def test_raw_data_is_not_read_by_dp_train(root):
    system = root / "data" / "train"
    (system / "set.000").rename(system / "old")
    (system / "coord.raw").write_text("0 " * 9)
    assert "is deepmd/raw, which dp train does not read" in error_of(root, {})


def test_structure_of_another_element(root):
    (root / "conf" / "a.POSCAR").write_text(POSCAR.replace("O H", "O C"))
    assert error_of(root, {}).startswith(f"{root}/conf/a.POSCAR: has C, which type_map lacks; ")


def test_structure_that_is_no_poscar(root):
    (root / "conf" / "a.POSCAR").write_text("water\n")
    assert error_of(root, {}).startswith(f"{root}/conf/a.POSCAR: has 2 lines, which is too few")


# -- no key is accepted and then forgotten

#: Keys that DP-GEN's own preparation of a training reads from what it is handed.
FOR_DPGEN = {
    "init_batch_size",
    "sys_batch_size",
    "dp_train_skip_neighbor_stat",
    "one_h5",
    "skip_training",
}


def test_every_key_is_read_or_refused():
    schema = run_schema()
    engine = schema.sub_variants["model_devi_engine"].choice_dict["wte"]
    training = schema.sub_variants["mlp_engine"].choice_dict["dp"]
    jobs = engine.sub_fields["model_devi_jobs"]
    keys = {*schema.sub_fields, *engine.sub_fields, *training.sub_fields, *jobs.sub_fields}
    folder = Path(wtemlp.__file__).parent / "config"
    schemas = ("dpgen_schema.py", "dpgen_more.py")
    modules = [file for file in folder.rglob("*.py") if file.name not in schemas]
    source = "".join(file.read_text() for file in modules)
    forgotten = {key for key in keys if f'"{key}"' not in source} - FOR_DPGEN - set(names(Params))
    assert not forgotten


def test_keys_at_their_defaults_are_accepted(root):
    defaults = {
        "model_devi_clean_traj": False,
        "detailed_report_make_fp": True,
        "use_relative": False,
        "training_reuse_old_ratio": "auto",
        "training_reuse_iter": None,
        JOB + "press": [1.0],
        JOB + "taup": 0.5,
        "init_batch_size": ["auto"],
        "sys_batch_size": [4, 4, 8],
    }
    assert load(root, changed(defaults)).jdata["model_devi_clean_traj"] is False


def test_wrong_values_of_all_keys_are_told_together(root):
    """Unknown keys, wrong types, and numbers and words that are out of range."""
    changes = {
        "sed": 1,
        "numb_models": 0,
        WTE + "pace": 0,
        WTE + "hills": "keep",
        "validation": {"press": "1"},
    }
    with pytest.raises(InputError) as caught:
        load(root, changed(changes))
    told = [str(one) for one in caught.value.each]
    for words in (
        "sed = 1; unknown key",
        "numb_models = 0; must be a positive integer",
        "wte.pace = 0; must be a positive integer",
        'wte.hills = "keep"; must be "drop" or "shift"',
        'validation.press = "1"; must be a number',
    ):
        assert any(words in line for line in told), words
    assert len(told) == len(changes)
