"""``wtemlp check`` on a real Slurm, here and over a real sshd."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.cluster import until
from tests.support.host_keys import new_host_key
from tests.support.loop_runs import PARAM, write_data
from tests.support.queue_stage import section
from wtemlp.cli.check import check_command
from wtemlp.preflight.test_job import check_by_jobs

pytestmark = pytest.mark.cluster
STAGES = ("train", "model_devi", "fp")


class Checked:
    """A run's folder, checked.

    Parameters
    ----------
    folder : Path
    cluster : Cluster
    context : str
    """

    def __init__(self, folder: Path, cluster, context: str) -> None:
        self.folder, self.cluster, self.context = folder / "run", cluster, context
        self.remote = folder / "remote"
        self.remote.mkdir()
        self.folder.mkdir()
        write_data(self.folder)
        (self.folder / "param.json").write_text(json.dumps(PARAM))
        self.keys: dict = {stage: {} for stage in STAGES}
        self.commands = dict.fromkeys(STAGES, "bash -x")
        self.lines: list[str] = []

    def write(self) -> None:
        """The machine file."""
        content = {"api_version": "1.0", "deepmd_version": "3.2.0"}
        for stage in STAGES:
            one = section(
                self.cluster,
                self.context,
                **({"remote_root": str(self.remote / "tasks")} | self.keys[stage]),
            )
            content[stage] = {
                "command": self.commands[stage],
                "machine": dict(one.machine),
                "resources": dict(one.resources),
            }
        (self.folder / "machine.json").write_text(json.dumps(content))

    def go(self, **options: bool) -> int:
        """The exit code; nothing is written, and nothing is submitted but with ``submit``."""
        self.write()
        before, jobs = self.there(), self.jobs()
        options = {"schema_only": False, "submit": False} | options
        code = check_command(
            Path("param.json"), Path("machine.json"), self.folder, self.lines.append, **options
        )
        if options["submit"]:  # made and removed again
            before, after = ([name for name, _ in one] for one in (before, self.there()))
            assert after == before
        else:
            assert self.there() == before
        if not options["submit"]:
            assert self.jobs() == jobs
        return code

    def there(self) -> list[tuple[str, int]]:
        """Files and folders here and there, and when they were changed."""
        places = (self.folder, self.remote, self.cluster.dir / "home", self.cluster.dir / "ssh")
        files = [path for place in places for path in [place, *place.rglob("*")]]
        return sorted((str(path), path.stat().st_mtime_ns) for path in files)

    def jobs(self) -> tuple[list[str], int]:
        """What is in the queue, and how many have ended."""
        return self.cluster.queue(), len(self.cluster.ended())

    def errors(self) -> list[str]:
        return [line for line in self.lines if line.startswith("error ")]


@pytest.fixture(params=["LazyLocalContext", "SSHContext"])
def checked(request, tmp_path, cluster, client):
    return Checked(tmp_path, cluster, client(request.param))


@pytest.fixture
def over_ssh(tmp_path, cluster, client):
    return Checked(tmp_path, cluster, client("SSHContext"))


def test_all_is_well(checked):
    checked.keys["train"] = {
        "resources": {
            "queue_name": "gpu",
            "gpu_per_node": 2,
            "custom_flags": ["#SBATCH --time=0:30:00"],
        }
    }
    assert checked.go() == 0, checked.lines
    text = "\n".join(checked.lines)
    told = [line for line in checked.lines if line.startswith(("error", "warning"))]
    assert all("model_devi_jobs[0, 1]" in line for line in told)  # walkers too short for their bias
    assert re.search(r"train: Slurm on .* takes such jobs into gpu \(now it would start", text)
    assert re.search(r"model_devi, fp: Slurm on .* takes such jobs into cpu", text)
    assert re.search(r"train, model_devi, fp: .* GB are free", text)
    assert text.count("bash is found on") == 3
    ssh = checked.context == "SSHContext"
    assert text.count("logged in to 127.0.0.1, host key ssh-ed25519 SHA256:") == ssh


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        (
            {"queue_name": "nosuch"},
            "fp.resources.queue_name: there is no partition nosuch on .*; "
            "write one of: (cpu, gpu|gpu, cpu)$",
        ),
        (
            {"queue_name": "gpu", "gpu_per_node": 9},
            "fp.resources.gpu_per_node: 9 are asked for, the nodes of gpu have 2; write 2 or less$",
        ),
        ({"gpu_per_node": 1}, "the nodes of cpu have 0; take a partition with GPUs: gpu$"),
        ({"cpu_per_node": 64}, "fp.resources.cpu_per_node: 64 are asked for, .* have 8"),
        (
            {"custom_flags": ["#SBATCH --time=2-00:00:00"]},
            r"fp.resources.custom_flags: --time=2-00:00:00 is longer than cpu allows \(60 min\)",
        ),
        ({"custom_flags": ["#SBATCH --mem=900G"]}, "refuses such jobs: .*not available"),
    ],
)
def test_what_the_queue_does_not_give(checked, resources, words):
    checked.keys["fp"] = {"resources": resources}
    assert checked.go() == 1
    (error,) = checked.errors()
    assert re.search(words, error), error


def test_a_missing_command_and_a_missing_module(checked):
    checked.commands["model_devi"] = "no-such-lmp -x"
    checked.keys["model_devi"] = {"resources": {"source_list": ["/no/such/env.sh"]}}
    assert checked.go() == 1
    (error,) = checked.errors()
    assert "model_devi.command: no-such-lmp is not found on" in error
    assert "/no/such/env.sh" in error and "source_list" in error


def test_engines_in_the_jobs_environment(over_ssh, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    banner = "Large-scale Atomic/Molecular Massively Parallel Simulator - 1 Jan 2026"
    for name, text in (
        ("dp", "echo DeePMD-kit v3.1.0"),
        ("lmp", f"echo '{banner}'; echo ' nvt  nve'; echo 'lj/cut deepmd'"),
        ("lmp_plumed", f"echo '{banner}'; echo ' nvt  plumed'; echo 'lj/cut deepmd'"),
    ):
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    for stage in STAGES:
        over_ssh.keys[stage] = {"resources": {"prepend_script": [f"export PATH={tools}:$PATH"]}}
    over_ssh.commands = {"train": "dp", "model_devi": "lmp", "fp": "srun lmp"}
    assert over_ssh.go() == 1
    (error,) = over_ssh.errors()
    assert "model_devi.command: lmp on 127.0.0.1 (LAMMPS 1 Jan 2026) has no fix plumed" in error
    assert any("dp on 127.0.0.1 is DeePMD-kit 3.1.0" in line for line in over_ssh.lines)
    over_ssh.commands["model_devi"] = "lmp_plumed"
    assert over_ssh.go() == 0
    assert any("with fix plumed and pair_style deepmd" in line for line in over_ssh.lines)


def test_a_folder_that_cannot_be_written_to(over_ssh):
    (over_ssh.remote / "file").write_text("")
    over_ssh.keys["train"] = {"remote_root": str(over_ssh.remote / "file" / "tasks")}
    over_ssh.keys["fp"] = {"remote_root": str(over_ssh.remote / "not" / "there")}
    assert over_ssh.go() == 1
    one, two = over_ssh.errors()
    assert f"train: {over_ssh.remote}/file on 127.0.0.1 is not a folder" in one
    assert f"fp: {over_ssh.remote}/not on 127.0.0.1 is not there; make it: mkdir -p" in two


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_somebody_else(over_ssh):
    over_ssh.remote.chmod(0o555)
    try:
        assert over_ssh.go() == 1
    finally:
        over_ssh.remote.chmod(0o755)
    (error,) = over_ssh.errors()
    assert f"may not write to {over_ssh.remote} on 127.0.0.1" in error


def test_a_changed_host_key(over_ssh, cluster):
    new_host_key(cluster)
    try:
        assert over_ssh.go() == 1
    finally:
        for old in (cluster.dir / "ssh").glob("host_key*.before"):
            old.rename(old.with_name(old.name.removesuffix(".before")))
        cluster.down("sshd")
        cluster.up("sshd")
    (error,) = over_ssh.errors()  # one for all three stages
    assert "train, model_devi, fp.machine: the SSH host key of" in error
    assert "has changed" in error and "ssh-keygen -R" in error


def test_a_new_host_is_not_noted_yet(over_ssh, tmp_path):
    keys = {"known_hosts_file": str(tmp_path / "none"), "strict_host_key_checking": "accept-new"}
    over_ssh.keys = dict.fromkeys(STAGES, keys)
    assert over_ssh.go() == 0
    assert not (tmp_path / "none").exists()
    assert any("is new: its key is ssh-ed25519 SHA256:" in line for line in over_ssh.lines)


def test_independent_findings_are_all_there_and_no_secret(over_ssh, tmp_path):
    key = tmp_path / "locked"
    key.write_text(Path(over_ssh.cluster.env["SSH_KEY"]).read_text())
    key.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "right", "-f", key], check=True)
    over_ssh.keys["train"] = {"profile": {"key_filename": str(key), "passphrase": "hunter2-pass"}}
    over_ssh.keys["fp"] = {"profile": {"port": 1}}
    over_ssh.keys["model_devi"] = {"resources": {"queue_name": "nosuch"}}
    over_ssh.commands["model_devi"] = "no-such-lmp"
    assert over_ssh.go() == 1
    one, two, three, four = over_ssh.errors()
    assert "train.machine: the SSH key" in one
    assert "fp.machine: connecting failed: no login to [127.0.0.1]:1" in two
    assert "no partition nosuch" in three and "no-such-lmp" in four
    assert "hunter2" not in "\n".join(over_ssh.lines)


def test_slurm_does_not_answer(checked, cluster):
    cluster.down("slurmctld")
    checked.write()
    lines = checked.lines
    try:
        code = check_command(
            Path("param.json"),
            Path("machine.json"),
            checked.folder,
            lines.append,
            schema_only=False,
            submit=False,
        )
    finally:
        cluster.up("slurmctld")
    assert code == 1
    (error,) = checked.errors()
    assert "does not answer" in error and "slurm" in error


def test_a_probe_job_for_each_queue(checked):
    gpu = {"resources": {"queue_name": "gpu", "gpu_per_node": 1}}
    checked.keys = {"train": gpu, "model_devi": gpu, "fp": {}}
    ended = len(checked.cluster.ended())
    checked.remote.joinpath("tasks").mkdir()
    assert checked.go(submit=True) == 0, checked.lines
    until(lambda: len(checked.cluster.ended()) == ended + 2)
    assert not checked.cluster.queue()
    assert {job["NodeList"] for job in checked.cluster.ended()[ended:]} == {"gpu01", "cpu01"}
    text = "\n".join(checked.lines)
    assert re.search(
        r"train, model_devi: the probe job ran on \S+ after \d+ s, but sees no GPU, "
        r"1 asked for: nvidia-smi shows none \(CUDA_VISIBLE_DEVICES=0\)",
        text,
    )
    assert re.search(r"ok +machine.json: fp: the probe job ran on \S+ after \d+ s\n", text)


def test_a_probe_job_sees_the_gpus(over_ssh, tmp_path):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 'GPU 0: NVIDIA X (UUID: GPU-1)'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    over_ssh.remote.joinpath("tasks").mkdir()
    path = f"export PATH={tmp_path}:$PATH"
    keys = {"resources": {"queue_name": "gpu", "gpu_per_node": 1, "prepend_script": [path]}}
    over_ssh.keys = dict.fromkeys(STAGES, keys)
    assert over_ssh.go(submit=True) == 0
    assert any("GPUs: GPU 0: NVIDIA X (CUDA_VISIBLE_DEVICES=0)" in x for x in over_ssh.lines)


def test_a_probe_job_that_waits_is_cancelled(over_ssh, cluster, monkeypatch):
    over_ssh.remote.joinpath("tasks").mkdir()
    monkeypatch.setattr(
        "wtemlp.preflight.checks.check_by_jobs", lambda *args: check_by_jobs(*args, patience_s=1.0)
    )
    keys = {"resources": {"queue_name": "gpu"}}
    over_ssh.keys = dict.fromkeys(STAGES, keys)
    cluster.slurm("scontrol", "update", "nodename=gpu01", "state=drain", "reason=test")
    assert over_ssh.go(submit=True) == 0
    assert any("has not ended within 1 s and is cancelled" in line for line in over_ssh.lines)
    assert any("no node of gpu is at work (drain" in line for line in over_ssh.lines)
    until(lambda: not cluster.queue())


def test_a_probe_job_that_is_refused_leaves_nothing(over_ssh):
    over_ssh.remote.joinpath("tasks").mkdir()
    over_ssh.keys["fp"] = {"resources": {"custom_flags": ["#SBATCH --mem=900G"]}}
    assert over_ssh.go(submit=True) == 1
    assert len(over_ssh.errors()) == 2
    assert any("fp: submitting (Slurm on 127.0.0.1) failed" in line for line in over_ssh.errors())
