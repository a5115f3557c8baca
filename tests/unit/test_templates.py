"""Scripts of the user's own: words replaced, mistakes told, and DP-GEN's scripts made."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.params import JOB, POSCAR, changed, load, write_system
from tests.support.templates import DPGEN_JOB, DPGEN_LMP, DPGEN_PLM, EV, LMP, SEEDS, make_context
from wtemlp.config.keys.wte import Guard
from wtemlp.config.params import load_params
from wtemlp.config.templates.job import WORDS
from wtemlp.config.templates.plumed_output import EnergyFile, energy_file, written_files
from wtemlp.config.templates.plumed_text import actions
from wtemlp.config.templates.text import commands, left_over, occurs, replaced
from wtemlp.core.errors import InputError
from wtemlp.dpgen import adapter
from wtemlp.md import template_words
from wtemlp.md.walker import Walker
from wtemlp.stages.context import RunContext
from wtemlp.stages.exploration import explore
from wtemlp.stages.exploration.template_scripts import timestep_ps
from wtemlp.stages.exploration.walker_results import read_walker

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/templates"
HEADER = "# step max_devi_v min_devi_v avg_devi_v max_devi_f min_devi_f avg_devi_f\n"


# -- text


def test_only_whole_words_are_replaced():
    text = "run V_T V_TEMP ${V_T} V_T.x V_T2 _V_T V_T*2\n"
    assert replaced(text, {"V_T": 1, "V_TEMP": 2.5}) == "run 1 2.5 ${1} 1.x V_T2 _V_T 1*2\n"


def test_values_are_not_replaced_again():
    assert replaced("A B", {"A": "B", "B": "A"}) == "B A"


def test_words_without_letters_at_their_ends():
    assert replaced("x<T>y @T @TT", {"<T>": 300, "@T": 5}) == "x300y 5 @TT"


def test_words_in_comments_do_not_occur():
    assert not occurs("V_T", "run 10 # V_T\n") and occurs("V_T", "print '# V_T'\n")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("run V_A\n", None),
        ("run 1\nrun V_AB\n", (2, "V_AB")),
        ("run V_AB # V_OTHER\n# V_MORE\nfoo", (1, "V_AB")),
        ('print "# V_X"\n', (1, "V_X")),
        ("dump d all custom 1 colvar_V_A\n", (1, "colvar_V_A")),
        ("variable x equal v_V_A\n", (1, "v_V_A")),
    ],
)
def test_what_is_left_over(text, found):
    assert left_over(text, ["V_A", "KEY"]) == found


def test_commands_of_lammps():
    text = 'if "x" then & # why\n  "y" &\n  z\n\nprint "a # b" # c\n'
    assert commands(text) == [["if", '"x"', "then", '"y"', "z"], ["print", '"a', "#", 'b"']]


def test_actions_of_plumed():
    text = "e: ENERGY # all\nMETAD ...\n LABEL=m ARG=e\n FILE=H\n... METAD\n"
    text += "PRINT ARG=e,m.bias FILE=C\n"
    found = actions(text)
    assert [(one.label, one.name) for one in found] == [
        ("e", "ENERGY"),
        ("m", "METAD"),
        ("", "PRINT"),
    ]
    energies = energy_file(found)
    assert energies == EnergyFile("C", "e", "m.bias", pytest.approx(1 / 96.485, rel=1e-4), 1.0)
    assert written_files(found) == ("H", "C")


def test_files_that_are_read_are_not_written():
    text = "INCLUDE FILE=a\nEXTERNAL FILE=b ARG=d\nMETAD ARG=d GRID_WFILE=g\nPRINT ARG=d\n"
    assert written_files(actions(text)) == ("g", "HILLS")
    assert energy_file(actions(text)) is None


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("units metal\n", 0.001),
        ("units metal\ntimestep 0.0005\n", 0.0005),
        ("units metal\nvariable DT equal 0.002\ntimestep ${DT}\n", 0.002),
        ("units metal\nvariable DT equal 1/2\ntimestep ${DT}\n", None),
        ("units metal\ntimestep 0.0005\nrun 1\ntimestep 0.001\n", None),
        ("units real\ntimestep 0.5\n", None),
    ],
)
def test_time_step_of_a_script(script, expected):
    assert timestep_ps(script) == expected


# -- the parameter file


PLM = (
    EV
    + """ene: ENERGY
metad: METAD ARG=ene SIGMA=V_SIGMA HEIGHT=V_HEIGHT PACE=V_PACE BIASFACTOR=V_BIASFACTOR TEMP=V_TEMP
PRINT ARG=ene,metad.bias FILE=COLVAR.V_WIDTH STRIDE=V_STRIDE
"""
)
#: What the good file's job must not have beside a template, or does not need.
WTE_JOB = {
    JOB + "template": {"lmp": "in.lammps", "plm": "in.plumed"},
    JOB + "rev_mat": {"plm": {"V_WIDTH": [1, 2], "V_STRIDE": [10]}},
    JOB + "wte.guard": {},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A run's folder with data, structures and scripts."""
    write_system(tmp_path / "data" / "train", ["O", "H"])
    write_system(tmp_path / "data" / "validation", energies=[0.1])
    (tmp_path / "conf").mkdir()
    for name in ("b", "a"):
        (tmp_path / "conf" / f"{name}.POSCAR").write_text(POSCAR)
    (tmp_path / "in.lammps").write_text(LMP)
    (tmp_path / "in.plumed").write_text(PLM)
    return tmp_path


@pytest.fixture
def dpgens(root: Path) -> Path:
    """The same with scripts for DP-GEN's engine."""
    (root / "in.lammps").write_text(DPGEN_LMP)
    (root / "in.plumed").write_text(DPGEN_PLM)
    return root


def line_of(root: Path, changes: dict) -> str:
    before = sorted(root.rglob("*"))
    (root / "params.json").touch()
    with pytest.raises(InputError) as caught:
        load(root, changed(changes))
    assert sorted(root.rglob("*")) == sorted({*before, root / "params.json"})
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value)
    return str(caught.value)


def test_a_template_is_read(root):
    job = load(root, changed(WTE_JOB)).jobs[0]
    assert job.template.lmp == LMP and job.template.plm == PLM
    assert [one.all for one in job.template.revisions[0]] == [
        {"V_WIDTH": 1, "V_STRIDE": 10},
        {"V_WIDTH": 2, "V_STRIDE": 10},
    ]
    assert set(job.template.own) == {
        "V_TEMP",
        "V_DT",
        "V_NSTEPS",
        "V_NVT_STEPS",
        "V_BIASFACTOR",
        "V_SIGMA",
        "V_HEIGHT",
        "V_PACE",
        "V_VELOCITY_SEED",
    }
    assert job.wte.checkpoint == 0


def test_dpgens_template_is_read(dpgens):
    job = load(dpgens, changed(DPGEN_JOB)).jobs[0]
    assert (job.trj_freq, job.temps_K, job.nsteps, job.template.own) == (10, (), 0, ())
    first = job.template.revisions[0]
    assert [tuple(one.all.values()) for one in first[:4]] == [
        (1000, 300, 1, 0.5),
        (1000, 300, 2, 0.5),
        (1000, 300, 3, 0.5),
        (1000, 300, 1, "0.25"),
    ]
    assert (len(first), len(job.template.revisions[1])) == (12, 4)


@pytest.mark.parametrize("name", ["params.json", "params_dpgen.json"])
def test_the_examples_are_read(tmp_path, name):
    for file in EXAMPLE.iterdir():
        (tmp_path / file.name).write_text(file.read_text())
    job = load_params(tmp_path / name, tmp_path, check_files=False).jobs[0]
    assert len(job.template.revisions[0]) == 2


def test_every_word_has_a_value():
    walker = Walker(
        graphs=(),
        type_map=("O",),
        mass_map=(16.0,),
        temperature_K=300.0,
        biasfactor=16.0,
        sigma_eV=0.5,
        height_kT=1.0,
        pace=50,
        nvt_steps=1000,
        nsteps=2000,
        trj_freq=20,
        timestep_ps=0.0005,
        trust_hi=1.0,
        guard=Guard(),
        velocity_seed=11,
        thermostat_seed=12,
        pressure_bar=1.0,
        barostat_ps=0.4,
    )
    values = template_words.values(walker)
    assert list(values) == list(WORDS)
    assert (values["V_TEMP"], values["V_DT"], values["V_SIGMA"]) == ("300", "0.0005", "0.5")
    assert float(values["V_HEIGHT"]) == pytest.approx(0.0258520)


LAMMPS_WRONG = [
    ({"model_devi_plumed": False}, {}, '.lmp = "in.lammps"; its "fix dpgen_plm" has no input'),
    ({JOB + "template": {"lmp": "in.lammps"}}, {}, ".template.plm is missing; add it"),
    ({JOB + "template": {"plm": "in.plumed"}}, {}, ".template.lmp is missing; add it"),
    ({JOB + "template.lmp": "no"}, {}, '.template.lmp = "no"; cannot be read (No such file'),
    ({JOB + "template.lmp": "conf"}, {}, '.template.lmp = "conf"; cannot be read (Is a directory'),
    ({}, {"lmp": "\n"}, '.template.lmp = "in.lammps"; is empty'),
    ({JOB + "rev_mat.lmp.V_X": [1]}, {}, "rev_mat.lmp.V_X = [1]; V_X is not in in.lammps"),
    ({JOB + "rev_mat.plm.V_NVT": [1]}, {}, "rev_mat.plm.V_NVT = [1]; V_NVT is not in in.plumed"),
    ({JOB + "rev_mat.plm.V_TEMP": [1]}, {}, "rev_mat.plm.V_TEMP = [1]; is given twice"),
    ({JOB + "sys_rev_mat": {"1": {"lmp": {"V_TEMP": [1]}}}}, {}, "V_TEMP = [1]; is given"),
    ({JOB + "sys_rev_mat": SEEDS | {"2": {}}}, {}, "sys_rev_mat[2] = {}; must be the index of a"),
    (
        {JOB + "sys_rev_mat": SEEDS | {"1": {}}},
        {},
        "V_VELOCITY_SEED in line 7 is replaced by "
        "nothing: give it in rev_mat.lmp, or for system 1 in sys_rev_mat",
    ),
    ({JOB + "rev_mat.lmp.V_TEMP": 300}, {}, "rev_mat.lmp.V_TEMP = 300; must be a list"),
    ({JOB + "rev_mat.lmp.V_TEMP": []}, {}, "rev_mat.lmp.V_TEMP = []; must be a list"),
    ({JOB + "rev_mat.lmp.V_TEMP": "300"}, {}, 'rev_mat.lmp.V_TEMP = "300"; must be a list'),
    ({JOB + "rev_mat.lmp.V_TEMP": [1, True]}, {}, "V_TEMP[1] = true; must be a number or a str"),
    ({JOB + "rev_mat.lmp.V_TEMP": [1, 1]}, {}, "V_TEMP[1] = 1; is given twice"),
    ({JOB + "rev_mat.gro": {}}, {}, "rev_mat.gro = {}; unknown key"),
    ({JOB + "sys_rev_mat": {"0": {"gro": {}}}}, {}, "sys_rev_mat[0].gro = {}; unknown key"),
    ({JOB + "sys_rev_mat": {"0": 1}}, {}, "sys_rev_mat[0] = 1; must be an object"),
    ({}, {"lmp": ("run V_NSTEPS", "run V_NSTEPS V_PRES")}, "V_PRES in line 10 is replaced by noth"),
    ({}, {"plm": ("H.V_TEMP", "H_V_TEMP")}, "H_V_TEMP in line 3 is not replaced, for only whole"),
    ({}, {"lmp": ("pair_style deepmd", "pair_style lj")}, 'has no line "pair_style deepmd"'),
    ({}, {"lmp": ("pair_coeff", "pair_style deepmd\npair_coeff")}, 'has 2 lines "pair_style deep'),
    (
        {},
        {"lmp": ("style deepmd", "style deepmd a b c d out_freq 7 out_file model_devi.out")},
        'must end with "out_freq 10 out_file model_devi.out"',
    ),
    (
        {},
        {"lmp": ("style deepmd", "style deepmd a b c d out_freq 10 out_file model_devi.out")},
        'its line "pair_style deepmd" must name ../graph.000.pb ../graph.001.pb',
    ),
    ({}, {"lmp": ("dump dpgen_dump", "dump 1 all atom 10 x")}, 'has no line "dump dpgen_dump"'),
    ({}, {"lmp": ("dump dpgen_dump", "dump dpgen_dump\ndump dpgen_dump")}, "has 2 lines"),
    ({}, {"lmp": ("fix dpgen_plm\n", "")}, 'has no line "fix dpgen_plm": add it'),
    ({}, {"lmp": ("energy no", "virial yes")}, 'add "fix_modify dpgen_plm energy no" after'),
    ({}, {"lmp": ("energy no", "energy yes")}, 'add "fix_modify dpgen_plm energy no" after'),
    ({}, {"plm": ("ene: ENERGY", "ene: ENERGY\nRESTART")}, "remove RESTART"),
    ({}, {"plm": ("FILE=H.", "FILE=../H.")}, "it writes ../H.300: a walker's files must be in"),
    ({}, {"plm": ("FILE=H.", "WALKERS_DIR=.. FILE=H.")}, "remove WALKERS_DIR"),
    (
        {},
        {
            "plm": (
                "UNITS LENGTH=A TIME=ps ENERGY=eV\nene: ENERGY",
                "ene: ENERGY\nPRINT ARG=ene FILE=COLVAR.wte",
            )
        },
        "is read in eV and ps",
    ),
]
SCRIPTS = {"lmp": "in.lammps", "plm": "in.plumed"}


def edit(root: Path, edits: dict) -> None:
    for kind, change in edits.items():
        file = root / SCRIPTS[kind]
        text = file.read_text()
        if isinstance(change, tuple):
            assert change[0] in text
            change = text.replace(*change)
        file.write_text(change)


@pytest.mark.parametrize(("changes", "edits", "part"), LAMMPS_WRONG)
def test_mistakes_in_dpgens_templates_are_one_line(dpgens, changes, edits, part):
    edit(dpgens, edits)
    line = line_of(dpgens, {**copy.deepcopy(DPGEN_JOB), **changes})
    assert line.startswith("params.json: model_devi_jobs[0]") and part in line


WTE_WRONG = [
    ({JOB + "rev_mat.lmp": {"V_TEMP": [1]}}, {}, "V_TEMP is this job's own, from its other keys"),
    ({JOB + "wte.sigma": "auto"}, {}, "V_SIGMA in line 3 is replaced by nothing"),
    ({JOB + "wte.checkpoint": 5}, {}, ".wte.checkpoint = 5; is of generated scripts"),
    ({JOB + "wte.hills": "shift"}, {}, '.wte.hills = "shift"; is of generated scripts'),
    ({JOB + "wte.share_hills": True}, {}, ".wte.share_hills = true; is of generated scripts"),
    ({JOB + "wte.plumed": ["x: VOLUME"]}, {}, ".wte.plumed = "),
    ({JOB + "wte.biasfactor": {"window_K": [250, 400]}}, {}, "not with a template"),
    ({JOB + "wte.guard.temp_factor": 2}, {}, "guard.temp_factor = 2; does not reach the template"),
    ({JOB + "wte.guard.devi_checks": 2}, {}, "write guard.awk there"),
    (
        {},
        {"lmp": ("create V_TEMP", "create 300"), "plm": ("=V_TEMP", "=300")},
        ".temps = [300, 330.5]; does not reach the template: write V_TEMP there",
    ),
    ({}, {"lmp": ("V_NSTEPS)", "10)")}, ".nsteps = 2000; does not reach the template: write V_NST"),
    ({}, {"lmp": ("V_NVT_STEPS", "1")}, ".wte.nvt_steps = 1000; does not reach"),
    ({}, {"plm": ("V_PACE", "1")}, ".wte.pace = 50; does not reach the template: write V_PACE"),
    ({}, {"plm": ("V_BIASFACTOR", "5")}, ".wte.biasfactor = [16, 64]; does not reach"),
    ({}, {"plm": ("V_SIGMA", "5")}, '.wte.sigma = "12 kcal/mol"; does not reach'),
    ({}, {"plm": ("V_HEIGHT", "5")}, ".wte.height = 1; does not reach"),
    ({}, {"lmp": ("V_VELOCITY_SEED", "5")}, ".wte.walkers = 2; all would be the same: write V_VEL"),
    ({}, {"plm": (EV, "")}, 'V_SIGMA is in eV: add "UNITS LENGTH=A TIME=ps ENERGY=eV"'),
    ({}, {"lmp": ("fix dpgen_plm\n", "")}, 'has no line "fix dpgen_plm": add it'),
    ({}, {"lmp": ("fix_modify dpgen_plm energy no\n", "")}, "PLUMED's ENERGY would have the bias"),
    ({JOB + "ensemble": "npt", JOB + "press": [1.0]}, {}, ".press = [1.0]; does not reach"),
    (
        {},
        {"lmp": ("dump dpgen_dump", "dump d all custom 10 traj/*.lammpstrj id type x y z")},
        'its line "dump d" must be "all custom 20 traj/*.lammpstrj id type x y z"',
    ),
    (
        {},
        {"lmp": ("dump dpgen_dump", "dump d all custom 10 all.lammpstrj id type x y z")},
        'its line "dump d" must be "all custom 20 all.lammpstrj id type x y z"',
    ),
    (
        {JOB + "template": {"lmp": "in.lammps"}, JOB + "rev_mat": {}},
        {},
        'its "fix dpgen_plm" has no input: give template.plm',
    ),
]


@pytest.mark.parametrize(("changes", "edits", "part"), WTE_WRONG)
def test_mistakes_in_templates_are_one_line(root, changes, edits, part):
    edit(root, edits)
    line = line_of(root, {**copy.deepcopy(WTE_JOB), **changes})
    assert line.startswith("params.json: model_devi_jobs[0]") and part in line


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({JOB + "rev_mat": {"lmp": {"V_A": [1]}}}, "rev_mat = "),
        ({JOB + "sys_rev_mat": {"0": {}}}, "sys_rev_mat = "),
        ({"model_devi_plumed": True}, "model_devi_plumed = true"),
    ],
)
def test_what_has_no_effect_without_a_template(root, changes, part):
    line = line_of(root, changes)
    assert part in line and "has no effect without a template: add it" in line


def test_the_script_that_a_walker_was_made_with_is_a_template(root):
    """One's own copy of the generated file, with the words that the job needs."""
    params = load(root, changed({JOB + "wte.guard": {}}))
    context = make_context(root, params)
    explore.prepare(context, 0)
    generated = (context.paths.explore_task(0, 0, 0) / "input.lammps").read_text()
    for number, word in (
        ("300 ", "V_TEMP "),
        ("equal 16\n", "equal V_BIASFACTOR\n"),
        ("3000 upto", "$(V_NVT_STEPS+V_NSTEPS) upto"),
        ("PACE=50", "PACE=V_PACE"),
        ("sigma equal $(0.520369383705:%.15g)", "sigma equal V_SIGMA"),
        ("height equal 0.0258519997864", "height equal V_HEIGHT"),
    ):
        assert number in generated
        generated = generated.replace(number, word)
    seed = json.loads((context.paths.explore_task(0, 0, 0) / "job.json").read_text())
    generated = generated.replace(str(seed["velocity_seed"]), "V_VELOCITY_SEED")
    (root / "in.lammps").write_text(generated)
    settings = {JOB + "template": {"lmp": "in.lammps"}, JOB + "wte.guard": {}}
    params = load(root, changed(settings))
    again = make_context(root, params)
    explore.prepare(again, 0)
    text = (again.paths.explore_task(0, 0, 0) / "input.lammps").read_text()
    assert "create 300 " in text and "biasfactor equal 16\n" in text and "V_" not in text
    task = explore.tasks(again, 0)[0][0]
    assert task.forward == ("conf.lmp", "guard.awk", "input.lammps")


# -- walkers


def dpgens_scripts(folder: Path, context: RunContext, monkeypatch) -> list[Path]:
    """The tasks that DP-GEN itself makes, in a folder of its own."""
    train = folder / "iter.000000/00.train"
    train.mkdir(parents=True)
    for model in range(4):
        (train / f"graph.{model:03d}.pb").touch()
    for name in SCRIPTS.values():
        (folder / name).write_text((context.paths.root / name).read_text())
    generator = adapter.import_quietly("dpgen.generator.run")
    monkeypatch.chdir(folder)
    jdata = copy.deepcopy(dict(context.params.jdata))
    confs = [["x"] * len(context.params.sys_configs[s]) for s in context.params.jobs[0].sys_idx]
    generator._make_model_devi_revmat(0, jdata, {"deepmd_version": "3.2.0"}, confs)
    return sorted((folder / "iter.000000/01.model_devi").glob("task.*"))


@pytest.mark.parametrize("plumed", [True, False])
@pytest.mark.parametrize("full", [True, False])
def test_scripts_are_dpgens(dpgens, monkeypatch, plumed, full):
    """Word for word, task for task; DP-GEN numbers conf.lmp's structures as we do."""
    changes = copy.deepcopy(DPGEN_JOB)
    if not plumed:
        changes |= {"model_devi_plumed": False, JOB + "template": {"lmp": "in.lammps"}}
        changes[JOB + "rev_mat"] = {"lmp": {"V_NSTEPS": [1000, 2000], "V_TEMP": [300]}}
        edit(dpgens, {"lmp": ("fix dpgen_plm\nfix_modify dpgen_plm energy no\n", "")})
    if full:
        models = " ".join(f"../graph.{model:03d}.pb" for model in range(4))
        edit(
            dpgens,
            {
                "lmp": (
                    "pair_style deepmd",
                    f"pair_style deepmd {models} out_freq 10 out_file model_devi.out",
                )
            },
        )
    context = make_context(dpgens, load(dpgens, changed(changes)))
    explore.prepare(context, 0)
    expected = dpgens_scripts(dpgens / "dpgen", context, monkeypatch)
    found = sorted(context.paths.explore(0).glob("task.*"))
    assert len(found) == (2 * 12 + 2 * 4 if plumed else 2 * 6 + 2 * 2)
    assert [task.name for task in found] == [task.name for task in expected]
    for ours, its in zip(found, expected, strict=True):
        for name in ("input.lammps", "input.plumed")[: 1 + plumed]:
            assert (ours / name).read_text() == (its / name).read_text()
        made = json.loads((ours / "job.json").read_text())
        assert made["revised"] == json.loads((its / "job.json").read_text())
        assert (ours / "conf.lmp").readlink() == (its / "conf.lmp").readlink()
        assert not (ours / "guard.awk").exists()


def test_dpgens_scripts_differ_where_its_words_are_parts_of_others(dpgens, monkeypatch):
    edit(dpgens, {"lmp": ("run V_NSTEPS", "print V_NSTEPS_MAX\nrun V_NSTEPS")})
    changes = copy.deepcopy(DPGEN_JOB)
    changes[JOB + "rev_mat.lmp.V_NSTEPS_MAX"] = [7]
    context = make_context(dpgens, load(dpgens, changed(changes)))
    explore.prepare(context, 0)
    its = dpgens_scripts(dpgens / "dpgen", context, monkeypatch)[0] / "input.lammps"
    ours = context.paths.explore_task(0, 0, 0) / "input.lammps"
    assert "print 1000_MAX\n" in its.read_text() and "print 7\n" in ours.read_text()


def test_tasks_of_a_template(root):
    """Every combination, its words, its recorded seeds, and all that PLUMED writes."""
    context = make_context(root, load(root, changed(WTE_JOB)))
    explore.prepare(context, 0)
    tasks, _ = explore.tasks(context, 0)
    # structures, temperatures, bias factors, values of V_WIDTH, walkers
    assert len(tasks) == 2 * 2 * 2 * 2 * 2
    seen = set()
    for task in tasks:
        made = json.loads((task.folder / "job.json").read_text())
        lmp, plm = ((task.folder / name).read_text() for name in ("input.lammps", "input.plumed"))
        assert f"create {made['temps']:g} {made['velocity_seed']}\n" in lmp
        assert f"BIASFACTOR={made['biasfactor']:g} TEMP={made['temps']:g}\n" in plm
        assert "thermostat_seed" not in made and "V_" not in plm
        assert f"FILE=COLVAR.{made['revised']['V_WIDTH']} STRIDE=10\n" in plm
        assert "plumedfile input.plumed outfile output.plumed" in lmp
        assert task.forward == ("conf.lmp", "guard.awk", "input.lammps", "input.plumed")
        assert {"HILLS*", f"COLVAR.{made['revised']['V_WIDTH']}*"} <= set(task.backward)
        assert (task.steps, "-var restart 0" in task.command) == (3000, True)
        seen.add(
            (
                made["temps"],
                made["biasfactor"],
                made["revised"]["V_WIDTH"],
                made["structure"],
                made["walker"],
                made["velocity_seed"],
            )
        )
    assert len(seen) == len(tasks) == len({one[-1] for one in seen})
    # How they were prepared counts, not what the parameter file says by now.
    jobs = tuple(replace(job, template=None) for job in context.params.jobs)
    now = replace(context, params=replace(context.params, jobs=jobs))
    assert not explore.goes_on(now, 0)
    for task in tasks:
        made = json.loads((task.folder / "job.json").read_text())
        (task.folder / "job.json").write_text(json.dumps(made | {"method": "wte"}))
    assert explore.goes_on(context, 0)


def test_a_fix_that_is_written_in_full_is_left_alone(root):
    fix = "fix dpgen_plm all plumed plumedfile mine.dat outfile mine.log"
    edit(root, {"lmp": ("fix dpgen_plm\n", f"{fix}\n")})
    context = make_context(root, load(root, changed(WTE_JOB)))
    explore.prepare(context, 0)
    assert fix in (context.paths.explore_task(0, 0, 0) / "input.lammps").read_text()


def fill(folder: Path, steps, energies: str = "") -> None:
    """What a job might leave."""
    rows = "".join(f"{step} 0 0 0 0.1 0 0\n" for step in steps)
    (folder / "model_devi.out").write_text(HEADER + rows)
    for step in steps[1:]:
        (folder / f"traj/{step}.lammpstrj").touch()
    if energies:
        (folder / "COLVAR").write_text(energies)


def test_a_template_that_tells_nothing(dpgens):
    """No energy, no NVT part, no temperature: nothing is known, and nothing breaks."""
    edit(dpgens, {"plm": "d: VOLUME\nMETAD ARG=d SIGMA=V_W\n", "lmp": ("V_TEMP", "300")})
    changes = copy.deepcopy(DPGEN_JOB)
    del changes["model_devi_jobs"][0]["rev_mat"]["lmp"]["V_TEMP"]
    context = make_context(dpgens, load(dpgens, changed(changes)))
    explore.prepare(context, 0)
    folder = context.paths.explore_task(0, 0, 0)
    fill(folder, [0, 10, 20])
    table, row, _ = read_walker(folder, 3, 0.0005)
    np.testing.assert_array_equal(table.step, [10, 20])
    assert np.isnan(table.energy_eV).all() and np.isnan(table.biasfactor).all()
    assert np.isnan(table.temperature_K).all()
    assert {
        getattr(row, key)
        for key in (
            "biasfactor",
            "temperature_K",
            "sigma_nvt_eV",
            "sigma_wte_eV",
            "mean_wte_eV",
            "biasfactor_asked",
        )
    } == {None}


def test_energies_in_the_units_of_the_template(dpgens):
    kj = "#! FIELDS time e m.bias\n 0 0 0\n 0.01 96.48533212 9.648533212\n"
    edit(dpgens, {"plm": "e: ENERGY\nm: METAD ARG=e SIGMA=V_W\nPRINT ARG=e,m.bias FILE=COLVAR\n"})
    context = make_context(dpgens, load(dpgens, changed(DPGEN_JOB)))
    explore.prepare(context, 0)
    folder = context.paths.explore_task(0, 0, 0)
    fill(folder, [0, 10, 20], kj)
    table, row, _ = read_walker(folder, 3, 0.0005)
    np.testing.assert_allclose(table.energy_eV, [1.0, np.nan])
    np.testing.assert_allclose(table.bias_eV, [0.1, 0.0])
    assert (row.temperature_K, row.biasfactor) == (300.0, None)
    assert row.method == "template"
