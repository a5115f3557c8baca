"""Files that scripts of the user's own include: looked at, refused and sent as the scripts are."""

import copy
from pathlib import Path

import pytest

from tests.support.params import POSCAR, WTE, changed, load, write_system
from tests.support.templates import DPGEN_JOB, DPGEN_LMP, DPGEN_PLM, make_context
from wtemlp.config.templates.includes import origin, place
from wtemlp.config.templates.plumed_text import actions, effective
from wtemlp.core.errors import InputError, NotRunnable
from wtemlp.preflight.plumed_lines import refused_by_plumed
from wtemlp.preflight.user_files import check_included
from wtemlp.stages.exploration import explore


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_system(tmp_path / "data" / "train", ["O", "H"])
    write_system(tmp_path / "data" / "validation", ["O", "H"], energies=[0.1])
    (tmp_path / "conf").mkdir()
    for name in ("b", "a"):
        (tmp_path / "conf" / f"{name}.POSCAR").write_text(POSCAR)
    (tmp_path / "lib").mkdir()
    return tmp_path


# -- PLUMED as PLUMED reads it


@pytest.mark.parametrize(
    ("text", "label", "name", "keywords"),
    [
        ("m: METAD ARG=d", "m", "METAD", {"ARG": "d"}),
        ("METAD ARG=d LABEL=m", "m", "METAD", {"ARG": "d", "LABEL": "m"}),
        ("METAD arg=d label=m", "m", "METAD", {"ARG": "d", "LABEL": "m"}),
        ("\tm:\tmetad  Arg=d # ARG=e", "m", "METAD", {"ARG": "d"}),
        ("m: METAD ...\n\n # why\n ARG=d\n...", "m", "METAD", {"ARG": "d"}),
        ("METAD ...\n LABEL=m ARG=d\n... METAD", "m", "METAD", {"ARG": "d", "LABEL": "m"}),
        ("...\n", "", "...", None),
        ("m: {METAD} ARG={d e} FILE={H}", "m", "METAD", {"ARG": "d e", "FILE": "H"}),
        ("m: METAD ARG=d\r\n", "m", "METAD", {"ARG": "d"}),
    ],
)
def test_an_action_is_read_as_plumed_reads_it(text, label, name, keywords):
    found = actions(text)
    if keywords is None:
        assert [one.name for one in found] == [] or not found[0].closed
        return
    (one,) = found
    assert (one.label, one.name, dict(one.keywords), one.closed) == (label, name, keywords, True)


def test_what_comes_after_the_end_is_not_read():
    assert [one.name for one in effective("d: VOLUME\nENDPLUMED\nRESTART\n")] == ["VOLUME"]


#: Lines that no walker's input may have, and what is said of them.
REFUSED = {
    "units": ("UNITS LENGTH=nm", '"UNITS" is in the generated input already: remove it'),
    "small letters": ("units ENERGY=kj/mol", '"UNITS" is in the generated input already'),
    "restart": ("RESTART", '"RESTART" is in the generated input already'),
    "flush": ("FLUSH STRIDE=1", '"FLUSH" is in the generated input already'),
    "end": ("ENDPLUMED", '"ENDPLUMED" is in the generated input already'),
    "several lines": ("UNITS ...\n LENGTH=nm\n... UNITS", '"UNITS" is in the generated'),
    "metad": ("METAD ARG=ene SIGMA=1 HEIGHT=1 PACE=1", "METAD is in the generated input: define"),
    "labelled": ("m: metad ARG=ene SIGMA=1", "METAD is in the generated input: define"),
    "braces": ("m: {METAD} ARG=ene", "METAD is in the generated input: define"),
    "opes": ("o: OPES_METAD ARG=ene", "OPES_METAD is in the generated input: define"),
    "memory": ("v: VES_LINEAR_EXPANSION ARG=d", "VES_LINEAR_EXPANSION has a memory"),
    "label": ("ene: VOLUME", '"ene:" is in the generated input already'),
    "label behind": ("VOLUME label=metad", '"LABEL=metad" is in the generated input already'),
    "a file": ("PRINT ARG=d FILE=HILLS", "HILLS is a file of the generated input: rename yours"),
    "a file last": ("PRINT ARG=d FILE={./COLVAR.wte}", "COLVAR.wte is a file of the generated"),
    "the structure": ("DUMPATOMS FILE=conf.lmp ATOMS=1", "conf.lmp is a file of the generated"),
    "its own way": ("PRINT ARG=d FILE=../task.000.000000/HILLS", "HILLS is a file of"),
    "another input": ("p: PLUMED FILE=more.dat", "PLUMED runs another input"),
    "no end": ("d: DISTANCE ...\n ATOMS=1,2", "DISTANCE goes on by ... and has no end"),
}


def refusal(root: Path, lines) -> InputError:
    with pytest.raises(InputError) as caught:
        load(root, changed({WTE + "plumed": lines}))
    return caught.value


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_in_lines_is_refused_in_included_files(root, name):
    line, why = REFUSED[name]
    assert why in str(refusal(root, line.splitlines()))
    text = f"# mine\nv: VOLUME\n{line}\n"
    (root / "mine.dat").write_text(text)
    (root / "lib/deep.dat").write_text("c: CELL\nINCLUDE ...\n FILE=../../../mine.dat\n...\n")
    for lines in (["INCLUDE FILE=mine.dat"], ["w: VOLUME", "include FILE=lib/deep.dat"], "own.dat"):
        (root / "own.dat").write_text(f"INCLUDE FILE={root}/lib/deep.dat\n")
        error = refusal(root, lines)
        said = str(error).partition("; ")[2]
        assert said.startswith(("mine.dat, line 3: ", "../../../mine.dat, line 3: "))
        assert why in said and type(error) is InputError and "\n" not in said


@pytest.mark.parametrize(
    ("lines", "files", "why"),
    [
        (
            ["v: VOLUME", "INCLUDE FILE=none.dat"],
            {},
            "line 2: the file none.dat cannot be looked at",
        ),
        (
            ["INCLUDE FILE=a.dat"],
            {"a.dat": "c: CELL\nINCLUDE FILE=b.dat\n"},
            "a.dat, line 2: the file b.dat cannot be looked at (No such file",
        ),
        (["INCLUDE FILE=a.dat"], {"a.dat": "INCLUDE FILE=a.dat\n"}, "a.dat includes itself"),
        (
            ["INCLUDE FILE=a.dat"],
            {"a.dat": "INCLUDE FILE=b.dat", "b.dat": "INCLUDE FILE=a.dat"},
            "b.dat, line 1: a.dat includes itself",
        ),
        (["INCLUDE FILE=V_FILE"], {}, "write its name without variables"),
    ],
)
def test_a_file_that_cannot_be_looked_at_is_refused(root, lines, files, why):
    for name, text in files.items():
        (root / name).write_text(text)
    error = refusal(root, lines)
    assert why in str(error) and isinstance(error, NotRunnable)


def test_included_files_travel_in_the_lines(root):
    (root / "mine.dat").write_text("d: DISTANCE ATOMS=1,2\nINCLUDE FILE=lib/more.dat\nc: CELL")
    (root / "lib/more.dat").write_text("v: VOLUME\n")
    lines = ["# all", "INCLUDE ...", " FILE=mine.dat", "...", "PRINT ARG=d FILE=mine.out"]
    text = load(root, changed({WTE + "plumed": lines})).jobs[0].wte.extra.lines
    assert [one.name for one in actions(text)] == ["DISTANCE", "VOLUME", "CELL", "PRINT"]
    places = {one.name: origin(text, one.first) for one in actions(text)}
    assert places == {
        "DISTANCE": ("mine.dat", 1),
        "VOLUME": ("lib/more.dat", 1),
        "CELL": ("mine.dat", 3),
        "PRINT": ("", 5),
    }
    assert place(text, 0) == "line 1"


def test_a_variable_may_be_of_an_included_file(root):
    (root / "mine.dat").write_text("DISTANCE ATOMS=1,2 label=d\n")
    variable = [{"name": "d", "sigma": 0.2, "min": 0, "max": 12}]
    changes = {WTE + "plumed": ["INCLUDE FILE=mine.dat"], WTE + "variables": variable}
    assert load(root, changed(changes)).jobs[0].wte.extra.variables[0].name == "d"


def test_another_file_of_the_same_name_does_not_travel(root):
    (root / "mine.dat").write_text("d: DISTANCE ATOMS=1,2\n")
    (root / "lib/mine.dat").write_text("d: DISTANCE ATOMS=1,3\n")
    params = load(root, changed({WTE + "plumed": ["INCLUDE FILE=mine.dat"]}))
    context = make_context(root, params)
    section = context.machines.model_devi
    object.__setattr__(section, "user_forward_files", ("lib/*.dat",))
    with pytest.raises(InputError, match=r"lib/mine.dat is not the file mine.dat.*lib/mine.dat"):
        check_included(params, context.machines, root)
    (root / "lib/mine.dat").write_text("d: DISTANCE ATOMS=1,2\n")
    check_included(params, context.machines, root)


@pytest.mark.parametrize(
    "line", ["LOAD FILE=lib/mine.so", "r: RMSD REFERENCE=lib/mine.so", "d: READ FILE=lib/mine.so"]
)
def test_what_plumed_reads_must_travel(root, line):
    (root / "lib/mine.so").write_text("\n")
    params = load(root, changed({WTE + "plumed": [line]}))
    context = make_context(root, params)
    with pytest.raises(InputError, match=r"user_forward_files: lib/mine.so, which PLUMED is to"):
        check_included(params, context.machines, root)
    object.__setattr__(context.machines.model_devi, "user_forward_files", ("lib/mine.so",))
    check_included(params, context.machines, root)
    other = load(root, changed({WTE + "plumed": [line.replace("mine", "the_hosts")]}))
    check_included(other, context.machines, root)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("Could not load library mine.so mine.so: cannot open", "; write FILE=./mine.so"),
        ("Could not load library ./mine.so ./mine.so: invalid ELF header", ""),
        ("An error happened while executing command env plumed mklib mine.cpp", "; compile it"),
    ],
)
def test_a_library_that_cannot_be_loaded_is_told_with_the_remedy(root, words, hint):
    params = load(root, changed({WTE + "plumed": ["LOAD FILE=mine.so"]}))
    line = str(refused_by_plumed(params, 0, 81, words))
    assert f"says: {words}{hint}" in line and (hint or line.endswith(words))


# -- templates


@pytest.fixture
def dpgens(root: Path) -> Path:
    (root / "in.lammps").write_text(DPGEN_LMP)
    (root / "in.plumed").write_text(DPGEN_PLM)
    return root


def template_refusal(root: Path, changes=()) -> str:
    with pytest.raises(NotRunnable) as caught:
        load(root, changed({**copy.deepcopy(DPGEN_JOB), **dict(changes)}))
    assert "\n" not in str(caught.value)
    return str(caught.value)


UNFIT = {
    "real": ("units metal", "units real", "units real: write units metal"),
    "electron": ("units metal", "units electron", "units electron: write units metal"),
    "by default": ("units metal", "# units metal", 'has no line "units metal": add it'),
    "by a word": ("units metal", "units V_TEMP", "units 300: write units metal"),
    "newton": ("pair_coeff", "newton off\npair_coeff", "newton off: remove it"),
    "newton for pairs": ("pair_coeff", "newton off on\npair_coeff", "newton off on: remove it"),
    "newton of a package": (
        "pair_coeff",
        "package gpu 1\npair_coeff",
        "package gpu: add newton on",
    ),
    "newton if": ("pair_coeff", 'if "1" then "newton off"\npair_coeff', "newton off: remove it"),
    "null": ("pair_coeff", "pair_coeff * * O NULL", "NULL atoms have no forces"),
    "other elements": ("pair_coeff", "pair_coeff * * H O", "pair_coeff * * H O: the types are"),
    "some pairs": ("pair_coeff", "pair_coeff 1 1", 'write "pair_coeff * *"'),
    "hybrid": (
        "pair_coeff",
        "pair_style hybrid deepmd lj/cut 5\npair_coeff",
        "pair_style hybrid: the models must be all of the energy",
    ),
    "another style": ("pair_coeff", "pair_style lj/cut 5\npair_coeff", "pair_style lj/cut: the mo"),
    "a second one": ("pair_coeff", "pair_style deepmd\npair_coeff", 'has 2 lines "pair_style'),
    "masses": ("pair_coeff", "mass 1 1.008\npair_coeff", "mass 1 1.008: type 1 is O, of 15.99"),
    "mass of all": ("pair_coeff", "mass * 15.9994\npair_coeff", "type 2 is H, of 1.0"),
    "mass by name": ("pair_coeff", "mass H 15.9994\npair_coeff", "type 2 is H, of 1.0"),
    "mass by variable": (
        "pair_coeff",
        "variable m equal 2\nmass 2 ${m}\npair_coeff",
        "mass 2 ${m}: type 2 is H",
    ),
    "mass unknown": (
        "pair_coeff",
        "mass 2 ${m}\npair_coeff",
        "cannot be looked at: write a number",
    ),
    "continued": ("pair_style deepmd", "pair_style deepmd &\n", "goes on by &: write it on one"),
    "time step": (
        "timestep 0.001",
        "timestep 0.5",
        "timestep 0.5: must be 0.01 or less: it is in ps (0.5",
    ),
    "no time step": ("timestep 0.001", "timestep 0", "timestep 0: must be a positive number (ps)"),
    "time step by variable": (
        "timestep 0.001",
        "variable d equal 2\ntimestep ${d}",
        "timestep ${d}: must be 0.01 or less",
    ),
    "nothing run": ("run V_NSTEPS", "print V_NSTEPS", 'has no line "run": add it'),
    "no structure": (
        "read_data conf.lmp",
        "read_data other.lmp",
        'has no line "read_data conf.lmp": add it',
    ),
    "clear": ("pair_coeff", "clear\npair_coeff", "clear: remove it, the models, the dump"),
    "plane": ("pair_coeff", "dimension 2\npair_coeff", "dimension 2: remove it"),
    "slab": ("pair_coeff", "boundary p p f\npair_coeff", "boundary p p f: write p p p, the frames"),
    "charges": ("pair_coeff", "atom_style full\npair_coeff", "atom_style full: write atomic"),
    "jump": ("pair_coeff", "jump other.in\npair_coeff", "jump other.in: what is in that file"),
    "steps again": (
        "run V_NSTEPS",
        "run 100\nreset_timestep 0\nrun V_NSTEPS",
        "reset_timestep: remove it, frames of the same step replace each other",
    ),
    "include if": (
        "pair_coeff",
        'if "1" then "include x.in"\npair_coeff',
        "include x.in within another command",
    ),
}


@pytest.mark.parametrize("where", ["the script", "a file of it"])
@pytest.mark.parametrize("name", UNFIT)
def test_scripts_whose_numbers_would_mean_something_else_are_refused(dpgens, name, where):
    old, new, why = UNFIT[name]
    text = DPGEN_LMP.replace(old, new, 1)
    if where != "the script" and "pair_style deepmd" not in (old, new):
        lines = new.splitlines()
        (dpgens / "head.in").write_text("\n".join(lines) + "\n")
        text = DPGEN_LMP.replace(f"{old}\n", "include lib/more.in\n", 1)
        (dpgens / "lib/more.in").write_text("# more\ninclude head.in\n")
    (dpgens / "in.lammps").write_text(text)
    said = template_refusal(dpgens)
    assert said.startswith('params.json: model_devi_jobs[0].template.lmp = "in.lammps"; ')
    assert why in said


@pytest.mark.parametrize(
    "line",
    [
        "reset_timestep 0",
        "mass 1 16",
        "mass 2 1.0",
        "newton on",
        "newton on off",
        "package gpu 1 newton on",
        "pair_coeff * * O H",
        "jump SELF x",
        "boundary p p p",
        "dimension 3",
        "atom_style atomic",
        "variable m equal 1.01\nmass 2 ${m}",
    ],
)
def test_what_changes_no_number_is_taken(dpgens, line):
    (dpgens / "in.lammps").write_text(DPGEN_LMP.replace("timestep", f"{line}\ntimestep", 1))
    load(dpgens, changed(copy.deepcopy(DPGEN_JOB)))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("boundary f s f", ""),
        ("boundary p p f", "boundary p p f: write f f f, with model_devi_nopbc there is no cell"),
        ("", 'has no line "boundary f f f": add it'),
    ],
)
def test_a_cluster_has_no_periodic_images(dpgens, line, why):
    (dpgens / "in.lammps").write_text(DPGEN_LMP.replace("read_data", f"{line}\nread_data"))
    if why:
        assert why in template_refusal(dpgens, {"model_devi_nopbc": True})
    else:
        load(dpgens, changed({**copy.deepcopy(DPGEN_JOB), "model_devi_nopbc": True}))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("include ${name}", "line 4: the file ${name} cannot be looked at: write its name without"),
        ("include V_TEMP.in", "the file V_TEMP.in cannot be looked at: write its name without"),
        ("include none.in", "line 4: the file none.in cannot be looked at (No such file"),
    ],
)
def test_an_include_that_cannot_be_looked_at_is_refused(dpgens, line, why):
    (dpgens / "in.lammps").write_text(DPGEN_LMP.replace("pair_coeff", line, 1))
    assert why in template_refusal(dpgens)


def test_a_file_that_the_script_makes_may_be_included(dpgens):
    more = 'print "run 0" file made.in\ninclude made.in\ntimestep'
    (dpgens / "in.lammps").write_text(DPGEN_LMP.replace("timestep", more, 1))
    job = load(dpgens, changed(copy.deepcopy(DPGEN_JOB))).jobs[0]
    assert "include made.in\n" in job.template.lmp


def test_included_files_are_in_the_walkers_scripts(dpgens):
    """Words in them are replaced, lines filled in, and the files are not needed where it runs."""
    old = "pair_style deepmd\npair_coeff\n"
    (dpgens / "in.lammps").write_text(DPGEN_LMP.replace(old, "include lib/model.in\n"))
    (dpgens / "lib/model.in").write_text(f"{old}print V_TEMP")
    (dpgens / "in.plumed").write_text(DPGEN_PLM.replace("METAD", "INCLUDE FILE=lib/b.dat\nMETAD"))
    (dpgens / "lib/b.dat").write_text("v: VOLUME\nPRINT ARG=v FILE=V\nENDPLUMED\nRESTART\n")
    context = make_context(dpgens, load(dpgens, changed(copy.deepcopy(DPGEN_JOB))))
    explore.prepare(context, 0)
    folder = context.paths.explore_task(0, 0, 0)
    script, plumed = ((folder / name).read_text() for name in ("input.lammps", "input.plumed"))
    assert "deepmd ../graph.000.pb" in script and "print 300\n" in script
    assert "include " not in script and "pair_coeff      * * O H" in script
    assert [one.name for one in actions(plumed)] == ["UNITS", "ENERGY", "VOLUME", "PRINT", "METAD"]
    assert "V*" in explore.tasks(context, 0)[0][0].backward


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("RESTART", "x.dat, line 2: remove RESTART"),
        ("restart", "x.dat, line 2: remove RESTART"),
        ("PRINT ARG=v FILE=../v", "x.dat, line 2: it writes ../v"),
        ("METAD ...\n ARG=v WALKERS_DIR=..\n...", "x.dat, line 2: remove WALKERS_DIR"),
        ("PRINT ARG=v FILE={COLVAR.wte}\nUNITS ENERGY=kj/mol", "x.dat, line 2: COLVAR.wte is read"),
        ("p: PLUMED FILE=y.dat", "x.dat, line 2: PLUMED runs another input"),
    ],
)
@pytest.mark.parametrize("by", ["include", "fix"])
def test_plumed_inputs_of_a_template_are_looked_at(dpgens, line, why, by):
    (dpgens / "x.dat").write_text(f"v: VOLUME\n{line}\n")
    if by == "include":
        (dpgens / "in.plumed").write_text(f"{DPGEN_PLM}INCLUDE FILE=x.dat\n")
        assert f'.template.plm = "in.plumed"; {why}' in template_refusal(dpgens)
        return
    more = "fix other all plumed plumedfile x.dat\nfix_modify other energy no\nrun"
    (dpgens / "in.lammps").write_text(DPGEN_LMP.replace("run", more, 1))
    assert f'"in.lammps"; x.dat: {why.partition(": ")[2]}' in template_refusal(dpgens)


@pytest.mark.parametrize("key", ["use_relative", "use_relative_v"])
def test_a_whole_pair_style_gets_the_relative_deviations(dpgens, key):
    models = " ".join(f"../graph.{model:03d}.pb" for model in range(4))
    line = f"pair_style deepmd {models} out_freq 10 out_file model_devi.out"
    (dpgens / "in.lammps").write_text(DPGEN_LMP.replace("pair_style deepmd", line))
    level = {"use_relative": "epsilon", "use_relative_v": "epsilon_v"}[key]
    given = {**copy.deepcopy(DPGEN_JOB), key: True, level: 0.5}
    context = make_context(dpgens, load(dpgens, changed(given)))
    explore.prepare(context, 0)
    script = (context.paths.explore_task(0, 0, 0) / "input.lammps").read_text()
    word = {"use_relative": "relative", "use_relative_v": "relative_v"}[key]
    assert f"{models} out_freq 10 out_file model_devi.out {word} 0.5\n" in script


@pytest.mark.parametrize(
    ("masses", "why"),
    [
        ([1.008, 15.9994], "mass_map[0] = 1.008; is the mass of H, and type_map has O here (15.99"),
        ([15.9994, 2.014], None),
    ],
)
def test_masses_are_those_of_their_elements(root, masses, why):
    changes = changed({"mass_map": masses, "type_map": ["O", "H"]})
    if why is not None:
        with pytest.raises(InputError) as caught:
            load(root, changes)
        assert why in str(caught.value)
        return
    (warning,) = (one for one in load(root, changes).warnings if "mass" in one)
    assert "mass_map[1] = 2.014 is not the mass of H (1.00" in warning


@pytest.mark.parametrize(
    ("reference", "auto"),
    [
        ({"fp_style": "lammps", "fp_params": {"force_field": "mw"}}, 18.01528),
        (
            {
                "fp_style": "lammps",
                "fp_params": {
                    "force_field": {
                        "units": "metal",
                        "lines": ["pair_style zero 3.0", "pair_coeff * *"],
                        "masses": {"O": 17.999},
                    }
                },
            },
            17.999,
        ),
        (
            {"fp_style": "ase", "fp_params": {"calculator": "ase.calculators.lj.LennardJones"}},
            15.999,
        ),
    ],
)
def test_masses_are_those_of_the_force_field_of_the_reference(root, reference, auto):
    sel = {"default_training_param.model.descriptor.sel": [40]}
    data = changed({"type_map": ["O"], **sel, **reference})
    assert load(root, data | {"mass_map": "auto"}, False).mass_map == pytest.approx(
        [auto], abs=1e-3
    )
    found = load(root, data | {"mass_map": [15.9994]}, False).warnings
    told = [one for one in found if "mass" in one]
    assert ["that the reference's force field gives of O" in one for one in told] == (
        [True] if auto > 17 else []
    )


def test_a_byte_order_mark_is_no_part_of_a_script(dpgens):
    for name in ("in.lammps", "in.plumed"):
        (dpgens / name).write_text("\ufeff" + (dpgens / name).read_text(), encoding="utf-8")
    template = load(dpgens, changed(copy.deepcopy(DPGEN_JOB))).jobs[0].template
    assert template.lmp.startswith("units metal") and template.plm.startswith("UNITS")
