"""What DP-GEN accepts is well-formed; what it refuses is refused with a better message."""

import copy
import json
import sys

import pytest

from tests.support import dpgen_files
from wtemlp import cli
from wtemlp.config.params import examine_params
from wtemlp.core.errors import InputError, NotRunnable
from wtemlp.dpgen import adapter


def dpgen_accepts(data: dict) -> bool:
    """Whether DP-GEN's own check passes."""
    normalize = adapter.import_quietly("dpgen.util").normalize
    try:
        normalize(adapter.run_arginfo(), copy.deepcopy(data))
    except Exception:  # whatever it is, with DP-GEN it ends in a traceback
        return False
    return True


def file_of(folder, changes):
    data = dpgen_files.changed(dpgen_files.CARBIDE, changes)
    path = folder / "param.json"
    path.write_text(json.dumps(data))
    return path, data


#: What DP-GEN's check accepts and no run can be made of, and why: DP-GEN ends at all of them as
#: well, later; the last are combinations that these examples happen to have.
NOT_RUN = {
    "relative deviations": "epsilon_v is missing",
    "no periodicity": "with model_devi_nopbc there is no cell",
    "templates": "cannot be read (No such file",
    "gromacs": 'fp_style = "vasp"; must be "gaussian"',
    "charges": 'fp_style = "vasp"; must be "gaussian"',
    "amber": 'fp_style = "vasp"; must be "amber/diff"',
}


def examined(path, folder, name):
    """A file that is well-formed; it runs, but for what is known not to."""
    problems = examine_params(path, folder).problems
    assert bool(problems) == (name in NOT_RUN), problems
    assert not problems or NOT_RUN[name] in str(problems[0])


@pytest.mark.parametrize("name", dpgen_files.ACCEPTED)
def test_what_dpgen_accepts_is_well_formed(tmp_path, name):
    path, data = file_of(tmp_path, dpgen_files.ACCEPTED[name])
    assert dpgen_accepts(data)
    examined(path, tmp_path, name)


@pytest.mark.parametrize("name", dpgen_files.MORE)
def test_what_dpgens_code_reads_is_well_formed(tmp_path, name):
    path, data = file_of(tmp_path, dpgen_files.MORE[name])
    assert not dpgen_accepts(data)
    examined(path, tmp_path, name)


def test_what_is_not_run_is_among_the_files():
    assert NOT_RUN.keys() <= {*dpgen_files.ACCEPTED, *dpgen_files.MORE}


@pytest.mark.parametrize(
    ("changes", "words"), dpgen_files.REFUSED.values(), ids=dpgen_files.REFUSED
)
def test_what_dpgen_refuses_is_told_in_a_line(tmp_path, changes, words):
    path, data = file_of(tmp_path, changes)
    assert not dpgen_accepts(data)
    with pytest.raises(InputError) as caught:
        examine_params(path, tmp_path)
    line = str(caught.value)
    assert line.startswith("param.json: ") and words in line and "\n" not in line
    assert not isinstance(caught.value, NotRunnable)


def test_every_style_and_engine_has_a_file():
    schema = adapter.run_arginfo()
    for flag, default in (("fp_style", "vasp"), ("model_devi_engine", "lammps")):
        there = {changes.get(flag, default) for changes in dpgen_files.ACCEPTED.values()}
        assert there == set(schema.sub_variants[flag].choice_dict)


def test_every_key_of_dpgen_for_lammps_is_in_a_file():
    engine = adapter.run_arginfo().sub_variants["model_devi_engine"].choice_dict["lammps"]
    text = json.dumps([dpgen_files.CARBIDE, *dpgen_files.ACCEPTED.values()], default=str)
    keys = {*engine.sub_fields, *engine.sub_fields["model_devi_jobs"].sub_fields}
    assert not [key for key in keys - {"epsilon_v", "model_devi_plumed_path"} if key not in text]


def check(monkeypatch, capsys, *args):
    """Exit code and lines of ``wtemlp check``."""
    monkeypatch.setattr(sys, "argv", ["wtemlp", "check", *map(str, args)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code, capsys.readouterr().out.splitlines()


def test_what_is_not_run_is_a_finding_of_its_own(tmp_path, monkeypatch, capsys):
    changes = {"use_ele_temp": 3}
    path, _ = file_of(tmp_path, changes)
    code, lines = check(monkeypatch, capsys, "--schema-only", path)
    assert code == 0 and lines[0] == "ok       param.json: is well-formed"
    for words in ("use_ele_temp = 3",):
        text = f"param.json: well-formed, but `wtemlp run` refuses it: {words}"
        assert any(line.startswith(f"warning  {text}") for line in lines), words
    code, lines = check(monkeypatch, capsys, "-C", tmp_path, path)
    assert code == 2
    assert any(line.startswith("error    param.json: use_ele_temp") for line in lines)


def test_files_need_not_be_there(tmp_path, monkeypatch, capsys):
    from tests.support.loop_runs import PARAM

    data = copy.deepcopy(PARAM)
    data["model_devi_jobs"][0]["wte"]["plumed"] = "cv.plumed"
    (tmp_path / "param.json").write_text(json.dumps(data))
    assert check(monkeypatch, capsys, "--schema-only", tmp_path / "param.json")[0] == 0


def test_our_own_values_are_looked_at(tmp_path, monkeypatch, capsys):
    from tests.support.loop_runs import PARAM

    data = copy.deepcopy(PARAM)
    data["model_devi_jobs"][1]["wte"]["biasfactor"] = 0.5
    (tmp_path / "param.json").write_text(json.dumps(data))
    code, lines = check(monkeypatch, capsys, "--schema-only", tmp_path / "param.json")
    assert code == 2 and "model_devi_jobs[1].wte.biasfactor = 0.5; must be 1 or more" in lines[0]


@pytest.mark.parametrize(
    ("key", "value"), [("numb_models", -3), ("seed", -1), ("model_devi_dt", 0.5)]
)
def test_values_are_looked_at_beside_a_template_too(tmp_path, monkeypatch, capsys, key, value):
    """What the scripts lack is one thing, what the file says another."""
    from tests.support.loop_runs import PARAM

    data = copy.deepcopy(PARAM)
    data["model_devi_jobs"][1]["template"] = {"lmp": "no.lammps", "plm": "no.plumed"}
    for given, expected in ((data, 0), (data | {key: value}, 2)):
        (tmp_path / "param.json").write_text(json.dumps(given))
        code, lines = check(monkeypatch, capsys, "--schema-only", tmp_path / "param.json")
        assert code == expected, lines
    assert f"{key} = {value}" in lines[0]
