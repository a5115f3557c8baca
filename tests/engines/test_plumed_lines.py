"""The user's own PLUMED lines, read by the real kernel before a run."""

import copy
import json
import sys

import pytest

from tests.support.engines import require_engine
from tests.support.loop_runs import PARAM, machine, write_data
from wtemlp import cli
from wtemlp.config.keys.wte import Extra
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.lammps_plumed import kernel
from wtemlp.lammps_plumed.plumed_trial import guilty
from wtemlp.preflight.before import Begin, require
from wtemlp.preflight.plumed_lines import refusals

D = "d: DISTANCE ATOMS=1,4"
ON_D = [{"name": "d", "sigma": 0.2, "min": 0, "max": 12}]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    require_engine("plumed")
    write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder, command="wtemlp lmp", forward=(), **wte):
    param = copy.deepcopy(PARAM)
    param["model_devi_jobs"][1]["wte"] |= wte
    (folder / "param.json").write_text(json.dumps(param))
    sections = {name: machine("sh") for name in ("train", "fp")}
    sections["model_devi"] = machine(command) | {"user_forward_files": list(forward)}
    content = {"api_version": "1.0", "deepmd_version": "3.2.0", **sections}
    (folder / "machine.json").write_text(json.dumps(content))


def told(folder):
    """Errors and whether they are certain."""
    params = load_params(folder / "param.json", folder)
    machines = load_machines(folder / "machine.json", folder)
    return [(str(one.error), one.certain) for one in refusals(params, machines, folder)]


WHERE = "param.json: model_devi_jobs[1].wte."


@pytest.mark.parametrize(
    ("wte", "where", "words"),
    [
        (
            {"plumed": [D.replace("4", "400")]},
            f"plumed, line 1: {D.replace('4', '400')}",
            "ERROR in input to action DISTANCE_SCALAR with label d : atom 400 out of range",
        ),
        (
            {"plumed": [D, "PRIN ARG=d FILE=d.out"]},
            "plumed, line 2: PRIN ARG=d FILE=d.out",
            'Action "PRIN" is not known.',
        ),
        (
            {"plumed": ["# distances", "e: DISTANCE ATOMS=1,2", f"{D} NOPCB"]},
            f"plumed, line 3: {D} NOPCB",
            "cannot understand the following words",
        ),
        (
            {"plumed": [D, "PRINT ARG=e FILE=x"]},
            "plumed, line 2: PRINT ARG=e FILE=x",
            "cannot find action named e",
        ),
        (
            {"plumed": ["r: RMSD REFERENCE=none.pdb"]},
            "plumed, line 1: r: RMSD REFERENCE=none.pdb",
            "missing file none.pdb",
        ),
        ({"plumed": [D, D]}, f"plumed, line 2: {D}", "label d has been already used"),
        (
            {
                "plumed": ["t: TORSION ATOMS=1,2,3,4"],
                "variables": [{"name": "t", "sigma": 0.3, "min": -1, "max": 1}],
            },
            'variables = ["t"]',
            "must be adjusted to -pi to fit periodicity",
        ),
        ({"plumed": [D], "variables": [dict(ON_D[0], name="d.q")]}, 'variables = ["d.q"]', "d.q"),
        (
            {"plumed": ["m: MATHEVAL ARG=ene FUNC=x+ PERIODIC=NO"]},
            "plumed, line 1: m: MATHEVAL",
            'Parse error in expression "x+"',
        ),
    ],
)
def test_plumed_says_what_is_wrong(folder, wte, where, words):
    write(folder, **wte)
    before = sorted(folder.rglob("*"))
    ((line, certain),) = told(folder)
    assert line.startswith(f"{WHERE}{where}") and "\n" not in line
    assert "; PLUMED (81 atoms) says: " in line and words in line and certain
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    "wte",
    [
        {},
        {"plumed": [D]},
        {"plumed": [D], "variables": ON_D},
        {"plumed": [D], "variables": ON_D, "bias": "variables", "biasfactor": 8},
        {"plumed": [D], "biasfactor": 1},
        {"plumed": [D], "biasfactor": {"window_K": [250, 400]}},
        {"plumed": [D], "biasfactor": {"window_K": [250, 400]}, "method": "opes", "pace": 5},
    ],
)
def test_plumed_accepts_what_is_right(folder, wte):
    write(folder, **wte)
    assert told(folder) == []


def test_files_are_where_the_walker_will_have_them(folder):
    """In its folder if they are forwarded, else by the way from it; none is written to."""
    pdb = (
        "ATOM      1  O   WAT     1       0.000   0.000   0.000  1.00  1.00\n"
        "ATOM      4  O   WAT     2       3.000   0.000   0.000  1.00  1.00\nEND\n"
    )
    (folder / "ref").mkdir()
    (folder / "ref/one.pdb").write_text(pdb)
    (folder / "old.out").write_text("kept\n")
    for name, forward in (
        ("one.pdb", ["ref/one.pdb"]),
        ("../../../ref/one.pdb", []),
        (str(folder / "ref/one.pdb"), []),
    ):
        lines = [
            f"r: RMSD REFERENCE={name} TYPE=OPTIMAL",
            "PRINT ARG=r FILE=new.out",
            f"DUMPATOMS ATOMS=1 FILE={folder}/old.out",
            "DUMPATOMS ATOMS=1 FILE=../x.out",
            f"DUMPATOMS ATOMS=1 FILE={folder}/absent.out",
        ]
        write(folder, forward=forward, plumed=lines)
        before = sorted(folder.rglob("*"))
        assert told(folder) == [], name
        assert sorted(folder.rglob("*")) == before
        assert (folder / "old.out").read_text() == "kept\n"
    write(folder, plumed=["r: RMSD REFERENCE=../../../ref/two.pdb TYPE=OPTIMAL"])
    assert f"missing file {folder}/ref/two.pdb" in told(folder)[0][0]


def test_all_sizes_of_a_job_are_looked_at(folder):
    """A line that fits one system does not fit a smaller one."""
    write(folder, plumed=["d: DISTANCE ATOMS=1,80"])
    assert told(folder) == []
    text = (folder / "conf/0.POSCAR").read_text().splitlines()
    text[6] = "1 2"
    (folder / "conf/2.POSCAR").write_text("\n".join(text[:11]) + "\n")
    assert "PLUMED (3 atoms) says" in told(folder)[0][0]


def test_another_plumed_may_know_more(folder):
    """Elsewhere, only what no PLUMED accepts is certain to be wrong."""
    for lines, certain in ([D, "q: PYTORCH_MODEL FILE=m.pt ARG=d"], False), ([D, D], True):
        write(folder, command="sh", plumed=lines)
        assert [one for _, one in told(folder)] == [certain]


def test_a_crash_of_plumed_is_an_answer(folder, monkeypatch):
    write(folder, plumed=[D])
    bad = folder / "libplumedKernel.so"
    bad.write_bytes(b"no library")
    monkeypatch.setenv("PLUMED_KERNEL", str(bad))
    ((line, certain),) = told(folder)
    assert "PLUMED (81 atoms) says: ended without a word (status 1)" in line and certain


def test_without_a_plumed_run_goes_on_and_check_says_so(folder, monkeypatch, capsys):
    write(folder, command="sh", plumed=[f"{D}0000"])
    for name, value in (("_wheel_folders", lambda: []), ("_library_path", lambda _: [])):
        monkeypatch.setattr(kernel, name, value)
    monkeypatch.setattr(kernel.ctypes.util, "find_library", lambda name: None)
    monkeypatch.delenv("PLUMED_KERNEL", raising=False)
    params = load_params(folder / "param.json", folder)
    machines = load_machines(folder / "machine.json", folder)
    require(Begin(folder, machines, (), params, explores=True))
    code, out, _ = command(monkeypatch, capsys, "check")
    assert code == 0
    assert (
        "warning  param.json: model_devi_jobs[1].wte.plumed: is not looked at: no PLUMED "
        "kernel found on this machine" in out
    )


def command(monkeypatch, capfd, name, *files):
    monkeypatch.setattr(sys, "argv", ["wtemlp", name, *(files or ("param.json", "machine.json"))])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capfd.readouterr()
    return end.value.code, said.out, said.err


def test_run_and_check_refuse_it_and_write_nothing(folder, monkeypatch, capfd):
    require_engine("plumed", "lammps", "deepmd")
    write(folder, plumed=[D, "d2: DISTANCE ATOMS=1,400"], variables=ON_D)
    before = sorted(folder.rglob("*"))
    line = (
        f"{WHERE}plumed, line 2: d2: DISTANCE ATOMS=1,400; PLUMED (81 atoms) says: ERROR in "
        "input to action DISTANCE_SCALAR with label d2 : atom 400 out of range"
    )
    code, out, err = command(monkeypatch, capfd, "run")
    assert code == 2 and out == "" and err.splitlines() == [f"wtemlp: {line}"]
    code, out, err = command(monkeypatch, capfd, "check")
    assert code == 2 and f"error    {line}" in out.splitlines() and err == ""
    code, out, _ = command(monkeypatch, capfd, "check", "param.json")
    assert code == 2 and f"error    {line}" in out.splitlines()
    assert sorted(folder.rglob("*")) == before
    write(folder, plumed=[D], variables=ON_D)
    code, out, _ = command(monkeypatch, capfd, "check")
    assert code == 0 and "wte.plumed: PLUMED on this machine accepts the lines" in out


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("ERROR in input to action DISTANCE with label d : atom 9 out of range", 1),
        ("ERROR in input to action METAD with label metad : no argument", None),
        ('Action "CENTRE" is not known.', 0),
        ("something else", None),
    ],
)
def test_which_line_is_meant(words, place):
    lines = "c: CENTRE ATOMS=1-3\nDISTANCE ATOMS=1,9 LABEL=d\nPRINT ARG=d FILE=d.out\n"
    assert guilty(words, Extra(lines)) == place
