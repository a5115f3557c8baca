"""``wtemlp check``: findings, and what is found in files and on this machine."""

import copy
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.loop_runs import PARAM, machine, write_data
from wtemlp import cli
from wtemlp.config.records import MachineSection
from wtemlp.core.errors import InputError, MissingEngine, TransportError
from wtemlp.dispatch.remote_shell import Answer, Place
from wtemlp.preflight.engines import check_engine, engine_of
from wtemlp.preflight.findings import Finding, Findings, Level
from wtemlp.preflight.folders import check_folder
from wtemlp.preflight.installed_engines import check_machines, check_ranks
from wtemlp.preflight.queues import read_gpus, read_sinfo, read_time


def test_a_finding_is_one_line():
    finding = Finding(Level.WARNING, "m.json: fp", "two\nlines", "mend them")
    assert finding.line == "warning  m.json: fp: two lines; mend them"
    assert len(Finding(Level.OK, "m.json", 1000 * "x").line) < 600


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([], 0),
        ([TransportError("no login")], 1),
        ([MissingEngine("m.json: fp.command", "lmp is not found", "install it")], 1),
        ([InputError("p.json", "x = 1", "write 2")], 2),
        ([TransportError("no login"), InputError("p.json", "x = 1", "write 2")], 2),
    ],
)
def test_the_exit_code(errors, code):
    seen = []
    findings = Findings(seen.append)
    findings.ok("p.json", "fine")
    findings.warning("p.json", "odd", "look")
    for error in errors:
        findings.refused(error, "m.json")
    assert findings.exit_code == code
    assert seen == findings.all
    number = {0: "", 1: "1 error, ", 2: "2 errors, "}[len(errors)]
    assert findings.summary == f"{number}1 warning, 1 ok"


@pytest.mark.parametrize(
    ("command", "kind", "words"),
    [
        ("dp", "dp", ("dp",)),
        ("OMP_NUM_THREADS=1 /opt/bin/dp", "dp", ("/opt/bin/dp",)),
        ("wtemlp lmp", "lammps", ("wtemlp", "lmp")),
        ("srun -n 4 lmp_mpi -sf gpu", "lammps", ("lmp_mpi",)),
        ("env A=1 wtemlp dp", "dp", ("wtemlp", "dp")),
        ("python engines.py dp", "", ()),
        ("singularity exec lammps.sif lmp", "", ()),
        ("lmp-wrapper", "lammps", ("lmp-wrapper",)),
        ("dpgen", "", ()),
        ("", "", ()),
    ],
)
def test_the_engine_of_a_command(command, kind, words):
    engine = engine_of(command)
    assert (engine.kind, engine.words) == (kind, words)


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("60", 3600),
        ("1:30", 90),
        ("2:00:00", 7200),
        ("1-0", 86400),
        ("1-02:30", 95400),
        ("7-00:00:00", 604800),
        ("infinite", float("inf")),
        ("n/a", float("inf")),
    ],
)
def test_slurms_times(words, seconds):
    assert read_time(words) == seconds


@pytest.mark.parametrize(
    ("gres", "count"),
    [("(null)", 0), ("gpu:2", 2), ("gpu:a100:4(S:0-1)", 4), ("gpu:a:1,gpu:b:2,lustre:9", 3)],
)
def test_gpus_of_a_node(gres, count):
    assert read_gpus(gres) == count


def test_partitions():
    nodes = read_sinfo("gpu|up|1:00:00|1|idle|gpu:2|8\ncpu|up|infinite|12|down*|(null)|64+\nnoise")
    assert [(n.partition, n.limit_s, n.count, n.gpus, n.cpus, n.usable) for n in nodes] == [
        ("gpu", 3600, 1, 2, 8, True),
        ("cpu", float("inf"), 12, 0, 64, False),
    ]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_data(tmp_path)
    write(tmp_path, "param.json", with_steps())
    write(tmp_path, "machine.json", mdata())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_steps() -> dict:
    """The parameters with enough steps to fill a window, and a bias that melts nothing."""
    param = copy.deepcopy(PARAM)
    for job in param["model_devi_jobs"]:
        job["nsteps"] = 200_000
        job["wte"]["biasfactor"] = 4
    return param


def mdata() -> dict:
    sections = {"train": machine("sh"), "model_devi": machine("sh"), "fp": machine("sh")}
    return {"api_version": "1.0", "deepmd_version": "3.2.0", **sections}


def write(folder, name, content):
    (folder / name).write_text(json.dumps(content))


def check(monkeypatch, capsys, folder, *args):
    """Exit code and lines; nothing is written."""
    before = sorted(folder.rglob("*"))
    monkeypatch.setattr(sys, "argv", ["wtemlp", "check", *args])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert sorted(folder.rglob("*")) == before
    return end.value.code, said.out.splitlines()


def errors(lines):
    return [line for line in lines if line.startswith("error ")]


def test_all_is_well(folder, monkeypatch, capsys):
    code, lines = check(monkeypatch, capsys, folder, "param.json", "machine.json")
    assert code == 0 and lines[-1] == "10 ok", lines
    assert any("sh is found on this machine" in line for line in lines)


def test_every_mistake_is_told(folder, monkeypatch, capsys):
    param = copy.deepcopy(PARAM)
    param["init_data_sys"] = ["train", "absent", "nowhere"]
    param["sys_configs"] = [["conf/*.POSCAR"], ["none/*.POSCAR"]]
    param["model_devi_jobs"][1]["sys_idx"] = [1]
    machines = mdata()
    machines["train"]["command"] = "no-such-dp"
    machines["fp"]["user_forward_files"] = ["no-such-file"]
    write(folder, "param.json", param)
    write(folder, "machine.json", machines)
    code, lines = check(monkeypatch, capsys, folder, "param.json", "machine.json")
    assert code == 2
    words = ("absent", "nowhere", "none/*.POSCAR", "no-such-dp", "no-such-file")
    found = errors(lines)
    assert len(found) == len(words)
    for word in words:
        assert any(word in line for line in found), word
    assert lines[-1].startswith("5 errors")


def test_a_missing_engine_is_not_the_inputs_fault(folder, monkeypatch, capsys):
    machines = mdata()
    machines["fp"]["command"] = "no-such-program"
    write(folder, "machine.json", machines)
    code, lines = check(monkeypatch, capsys, folder, "param.json", "machine.json")
    assert code == 1 and len(errors(lines)) == 1 and "no-such-program" in errors(lines)[0]


def test_a_template(folder, monkeypatch, capsys):
    param = copy.deepcopy(PARAM) | {"model_devi_engine": "lammps"}
    words = {"lmp": {"V_N": [10]}}
    param["model_devi_jobs"] = [
        {"sys_idx": [0], "trj_freq": 10, "template": {"lmp": "in.lammps"}, "rev_mat": words}
    ]
    write(folder, "param.json", param)
    script = folder / "in.lammps"
    lines = (
        "units metal\natom_style atomic\nread_data conf.lmp\npair_style deepmd\ndump dpgen_dump\n"
    )
    script.write_text(f"{lines}run V_N\n")
    code, lines = check(monkeypatch, capsys, folder, "param.json")
    assert code == 0 and any("the scripts of 1 iterations" in line for line in lines)
    script.write_text(script.read_text().replace("V_N", "10"))
    code, lines = check(monkeypatch, capsys, folder, "param.json")
    assert code == 2 and "rev_mat.lmp.V_N = [10]; V_N is not in in.lammps" in errors(lines)[0]


def test_the_schema_alone(folder, monkeypatch, capsys):
    write(folder, "param.json", with_steps() | {"init_data_sys": ["absent"]})
    assert check(monkeypatch, capsys, folder, "--schema-only", "param.json")[0] == 0
    args = ("--schema-only", "param.json", "machine.json")
    assert check(monkeypatch, capsys, folder, *args) == (
        0,
        [
            "ok       param.json: keys and values are right (2 iterations, 4 models)",
            "ok       machine.json: keys and values are right",
            "2 ok",
        ],
    )
    write(folder, "param.json", PARAM | {"fp_task_maxx": 3})
    machines = mdata()
    del machines["fp"]
    write(folder, "machine.json", machines)
    code, lines = check(monkeypatch, capsys, folder, *args)
    assert code == 2 and len(errors(lines)) == 2
    assert "fp_task_maxx" in lines[0] and "fp" in lines[1]


def test_the_environment_is_the_jobs(folder, monkeypatch, capsys):
    tools = folder / "tools"
    tools.mkdir()
    (tools / "dp").write_text("#!/bin/sh\necho noise\necho DeePMD-kit v2.2.9\n")
    (tools / "dp").chmod(0o755)
    machines = mdata()
    remote = {"context_type": "LocalContext", "remote_root": "remote", "batch_type": "Slurm"}
    scripts = {"train": f"export PATH={tools}:$PATH", "fp": "echo no module; exit 1"}
    for stage, script in scripts.items():
        machines[stage]["machine"] |= remote
        machines[stage]["resources"]["prepend_script"] = [script]
    machines["train"]["command"] = "dp"
    write(folder, "machine.json", machines)
    code, lines = check(monkeypatch, capsys, folder, "param.json", "machine.json")
    assert code == 1
    assert any(
        "train.command: dp on this machine is DeePMD-kit 2.2.9, deepmd_version is 3.2.0; "
        'write "deepmd_version": "2.2.9"' in line
        for line in lines
    )
    assert any("fp.command: the job's environment ends" in line for line in errors(lines))
    assert any(f"{folder}/remote on this machine can be made" in line for line in lines)


def test_a_folder_that_cannot_be(folder, monkeypatch, capsys):
    (folder / "file").write_text("")
    machines = mdata()
    machines["fp"]["machine"] |= {"context_type": "LocalContext", "remote_root": "file/below"}
    write(folder, "machine.json", machines)
    code, lines = check(monkeypatch, capsys, folder, "param.json", "machine.json")
    assert code == 1
    assert errors(lines) == [
        f"error    machine.json: fp: {folder}/file on this machine is not a folder; "
        "name a folder that is there or can be made"
    ]


@pytest.mark.parametrize(
    ("batch", "program"),
    [
        ("PBS", "qsub"),
        ("LSF", "bsub"),
        ("SGE", "qsub"),
        ("Torque", "qsub"),
        ("SlurmJobArray", "sbatch"),
    ],
)
def test_a_queue_that_is_not_there(folder, tmp_path_factory, monkeypatch, capsys, batch, program):
    programs = tmp_path_factory.mktemp("bin")
    for name in ("bash", "sh", "cat", "dirname", "df", "tail", "id"):
        (programs / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(programs))
    machines = mdata()
    machines["train"]["machine"]["batch_type"] = batch
    machines["train"]["resources"]["kwargs"] = {}
    write(folder, "machine.json", machines)
    code, lines = check(monkeypatch, capsys, folder, "param.json", "machine.json")
    assert code == 1
    assert any(
        f"train.machine.batch_type: {program} is not found on" in line for line in errors(lines)
    )


def test_no_secret_is_told(folder, monkeypatch, capsys):
    machines = mdata()
    resources = machines["train"]["resources"]
    resources["envs"] = {"API_TOKEN": "hunter2-token"}
    resources["prepend_script"] = ["echo $API_TOKEN is no module >&2; exit 1"]
    machines["train"]["command"] = "sh -c 'dp \"$@\"' sh"
    write(folder, "machine.json", machines)
    code, lines = check(monkeypatch, capsys, folder, "param.json", "machine.json")
    assert code == 1
    assert "*** is no module" in errors(lines)[0]
    assert "hunter2" not in "\n".join(lines)


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (
            "missing 1\nat /data\nfolder\nuser me\nspace fs 9 9 9000000 1% /data",
            "error    m: fp: me may not write to /data on h; name a folder of your own, or have it "
            "opened to you",
        ),
        (
            "missing 0\nat /data/w\nfolder\nwritable\nuser me\nspace a fs 9 9 524288 99% /data",
            "warning  m: fp: /data/w on h can be written to, but only 0.5 GB are free; make room",
        ),
        ("", "error    m: fp: h does not tell about /data/w: sorry; look there by hand"),
    ],
)
def test_what_is_said_of_a_folder(answer, line):
    place = SimpleNamespace(
        host="h",
        folder="/data/w",
        makes_parents=False,
        ask=lambda text: Answer(0, answer, "sorry"),
    )
    findings = Findings(lambda finding: None)
    check_folder(place, "m: fp", findings)
    assert [finding.line for finding in findings.all] == [line]


RANKS = [
    ("mpirun -n 2 wtemlp lmp", {}, 2),
    ("srun wtemlp lmp", {"cpu_per_node": 4}, 4),
    ("mpirun -n 1 wtemlp lmp", {}, 1),
    ("wtemlp lmp", {"cpu_per_node": 4}, 1),
    ("mpirun -n 8 lmp_mpi", {}, 1),
]


@pytest.mark.parametrize(("command", "resources", "ranks"), RANKS)
@pytest.mark.parametrize(
    ("job", "biased"),
    [
        ({"template": None, "script": "own"}, True),
        ({"template": None, "script": "dpgen"}, False),
        ({"template": SimpleNamespace(plm="METAD"), "script": "own"}, True),
        ({"template": SimpleNamespace(plm=""), "script": "own"}, False),
    ],
)
def test_walkers_with_the_embedded_plumed_have_one_mpi_rank(command, resources, ranks, job, biased):
    section = MachineSection(
        "model_devi",
        command,
        {"batch_type": "Slurm"},
        {"number_node": 1, "cpu_per_node": 1, **resources},
    )
    machines = SimpleNamespace(source=Path("m.json"), model_devi=section)
    params = SimpleNamespace(jobs=[SimpleNamespace(**job)])
    if ranks == 1 or not biased:
        check_ranks(params, machines)
        return
    with pytest.raises(InputError, match=rf"m.json: model_devi.command: .*: {ranks} MPI ranks"):
        check_ranks(params, machines)


@pytest.mark.parametrize("name", ["~/bin/engine", "$WHERE/bin/engine", "engine", "A=1 engine"])
def test_a_command_is_found_as_the_shell_of_a_job_finds_it(tmp_path, monkeypatch, name):
    engine = tmp_path / "bin/engine"
    engine.parent.mkdir()
    engine.write_text("#!/bin/sh\n")
    engine.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WHERE", str(tmp_path))
    prepared = [] if "/" in name else [f"export PATH={tmp_path}/bin:$PATH"]
    section = MachineSection(
        "fp",
        name,
        {"batch_type": "Shell", "context_type": "LazyLocalContext"},
        {"group_size": 1, "prepend_script": prepared},
    )
    machines = SimpleNamespace(source=tmp_path / "m.json", fp=section)
    check_machines(machines, ("fp",), tmp_path)
    engine.unlink()
    with pytest.raises(MissingEngine, match="engine is not found on this machine"):
        check_machines(machines, ("fp",), tmp_path)


def test_a_path_without_the_tools_of_the_job_scripts_is_named(tmp_path):
    section = MachineSection(
        "fp",
        "/bin/true",
        {"batch_type": "Shell", "context_type": "LazyLocalContext"},
        {"group_size": 1, "envs": {"PATH": "/nowhere"}},
    )
    place, findings = Place(section, tmp_path), Findings([].append)
    place.connect()
    check_engine(place, "m.json: fp.command", "3", findings)
    (told,) = [one.line for one in findings.all if one.level is Level.ERROR]
    assert "m.json: fp.resources.envs: the value of PATH has no folder with flock" in told
    assert "prepend_script" in told
