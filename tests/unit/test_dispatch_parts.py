"""The dispatcher's pure parts: journal, settings, patience, secrets."""

import json
import logging
import subprocess
import sys

import pytest

from wtemlp.config.records import MachineSection
from wtemlp.core.errors import InputError, TransportError
from wtemlp.dispatch import library
from wtemlp.dispatch.dispatcher import run_tasks
from wtemlp.dispatch.journal import JobEntry, Journal
from wtemlp.dispatch.retry import Patience, Refused, Stopped
from wtemlp.dispatch.settings import read_section, run_folder
from wtemlp.dispatch.staging import expand, expand_to_files
from wtemlp.dispatch.tasks import Task
from wtemlp.dispatch.units import UnitJob


def section(**machine):
    machine = {"batch_type": "Shell", "context_type": "LocalContext", **machine}
    return MachineSection("fp", "", machine, {"group_size": 1})


# -- journal


def test_journal_round_trip(tmp_path):
    book = Journal.open(tmp_path)
    book.jobs["a"] = JobEntry(["t1", "t2"], "12", "Slurm")
    book.failures["t1"] = 2
    book.failed["t1"] = "words"
    book.save()
    again = Journal.open(tmp_path)
    assert again == book
    again.forget_failures({"t1"})
    assert (again.failures, again.failed) == ({}, {})
    assert not list(tmp_path.glob("*.tmp"))


def test_journals_have_identities_of_their_own(tmp_path):
    assert Journal.open(tmp_path).identity != Journal.open(tmp_path).identity


@pytest.mark.parametrize("text", ["", "{", "[]", '{"jobs": {"a": 1}}', '{"jobs": {}, "new": 1}'])
def test_an_unreadable_journal_is_put_aside(tmp_path, text):
    (tmp_path / "dispatch.json").write_text(text)
    assert Journal.open(tmp_path).jobs == {}
    assert (tmp_path / "dispatch.unreadable").read_text() == text


# -- settings


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (3, 4), (-1, 3)])
def test_attempts_as_dpdispatcher_counts_them(tmp_path, retries, attempts):
    assert read_section(section(retry_count=retries), tmp_path).attempts == attempts
    assert read_section(section(), tmp_path).attempts == 4


def test_relative_paths_are_relative_to_the_run(tmp_path, monkeypatch):
    (tmp_path / "id").touch()
    monkeypatch.chdir("/")
    read = read_section(section(local_root="./", remote_root="work"), tmp_path)
    assert read.machine["remote_root"] == str(tmp_path / "work")
    assert read.machine["local_root"] == str(tmp_path)
    far = {"context_type": "SSHContext", "batch_type": "Slurm", "remote_root": "/far"}
    read = read_section(section(**far, remote_profile={"key_filename": "id"}), tmp_path)
    assert read.machine["remote_root"] == "/far"
    assert read.machine["remote_profile"]["key_filename"] == str(tmp_path / "id")
    with pytest.raises(InputError, match=r"key_filename: .*/nosuch does not exist"):
        read_section(section(**far, remote_profile={"key_filename": "nosuch"}), tmp_path)


def test_our_keys_are_not_shown_to_dpdispatcher(tmp_path):
    given = section(poll_seconds=3, outage_seconds=60)
    read = read_section(given, tmp_path)
    assert not {"poll_seconds", "outage_seconds"} & read.machine.keys()
    assert (read.poll_s[1], read.outage_s) == (3.0, 60.0)
    assert given.machine["poll_seconds"] == 3  # the caller's dictionary is left alone
    with pytest.raises(InputError, match=r'fp\.machine: poll_seconds = "1 s"'):
        read_section(section(poll_seconds="1 s"), tmp_path)


def test_known_hosts_are_those_of_the_run_or_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    far = {"context_type": "SSHContext", "remote_profile": {}, "remote_root": "/far"}
    for given, file in (("known", tmp_path / "known"), ("~/known", "/home/me/known")):
        read = read_section(section(**far, known_hosts_file=given), tmp_path)
        assert read.machine["known_hosts_file"] == str(file)
    assert "known_hosts_file" not in read_section(section(known_hosts_file="k"), tmp_path).machine


def test_polling_is_quick_here_and_polite_there(tmp_path):
    assert read_section(section(), tmp_path).poll_s[1] <= 0.5
    assert read_section(section(batch_type="Slurm"), tmp_path).poll_s == (10.0, 30.0)


def test_the_run_folder(tmp_path):
    assert run_folder(tmp_path / "r" / "iter.000003" / "02.fp") == tmp_path / "r"
    assert run_folder(tmp_path / "r" / "init") == tmp_path / "r"


def test_queue_names_fit_pbs():
    assert UnitJob.queue_name("0123456789ab") == "wt-0123456789ab"


def test_services_are_known_as_such(tmp_path):
    for keys in (
        {"context_type": "HDFSContext"},
        {"batch_type": "DpCloudServer"},
        {"batch_type": "OpenAPI", "context_type": "OpenAPIContext"},
    ):
        assert read_section(section(**keys), tmp_path).service
    for keys in ({}, {"batch_type": "Slurm", "context_type": "LocalContext"}):
        assert not read_section(section(**keys), tmp_path).service


# -- tasks that make no sense


def test_folders_must_be_separate_and_below_the_stage(tmp_path):
    def run(*folders):
        tasks = [Task(str(i), folder, "", (), ()) for i, folder in enumerate(folders)]
        run_tasks(tasks, work_dir=tmp_path / "s", common_files=(), section=section())

    with pytest.raises(ValueError, match="not below"):
        run(tmp_path / "other")
    with pytest.raises(ValueError, match="two tasks in"):
        run(tmp_path / "s" / "a", tmp_path / "s" / "a")
    with pytest.raises(ValueError, match="another task's folder"):
        run(tmp_path / "s" / "a", tmp_path / "s" / "a" / "b")
    assert not (tmp_path / "s").exists()


def test_expanding_names(tmp_path):
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / "e" / "f").touch()
    (tmp_path / "a.1").touch()
    (tmp_path / "link").symlink_to(tmp_path / "d")
    assert expand(tmp_path, ("a.*", "d/", "link")) == ["a.1", "d", "link"]
    assert expand_to_files(tmp_path, ("a.*", "d", "link")) == ["a.1", "d/e/f", "link/e/f"]
    with pytest.raises(InputError, match=r"b\.\*: this input of a task is missing"):
        expand(tmp_path, ("b.*",))


# -- patience


class Flaky:
    def __init__(self, *errors):
        self.errors = list(errors)

    def __call__(self):
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_an_outage_is_waited_for(caplog):
    action = Flaky(ConnectionRefusedError("refused"), RuntimeError("message: Socket timed out"))
    with caplog.at_level(logging.WARNING, "wtemlp.dispatch"):
        assert Patience(60, longest_s=0.01).steady("asking", action) == "answer"
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "asking failed",
        "asking",
    ]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("command cd /refused/x fails\nerror message:invalid partition\nreturn code 1"),
        FileNotFoundError("no such file"),
        PermissionError("denied"),
    ],
)
def test_what_waiting_does_not_mend_fails_at_once(error):
    with pytest.raises(TransportError, match=r"asking failed: (invalid partition|no such|denied)"):
        Patience(60).steady("asking", Flaky(error))


@pytest.mark.parametrize("status", [126, 127])
def test_a_question_is_asked_again_unless_nobody_can_answer(status):
    odd = RuntimeError("squeue: exit status 1: some new complaint")
    assert Patience(60, longest_s=0.01).steady("asking", Flaky(odd), question=True) == "answer"
    with pytest.raises(TransportError, match="not found"):
        missing = RuntimeError(f"squeue: exit status {status}: squeue: not found")
        Patience(60).steady("asking", Flaky(missing), question=True)


def test_a_refusal_is_told_from_an_outage():
    with pytest.raises(Refused, match=r"no such queue$"):
        no = RuntimeError("command fails\nerror message:no such queue\nreturn code 1\n")
        Patience(60).steady("asking", Flaky(no))
    with pytest.raises(TransportError) as outage:
        Patience(0).steady("asking", Flaky(OSError("refused")))
    assert not isinstance(outage.value, Refused)


def test_an_outage_has_a_limit_and_no_secret_is_told():
    with pytest.raises(TransportError) as caught:
        told = OSError("pass hunter2 was\nrefused")
        Patience(0.0).steady("asking", Flaky(told), lambda text: text.replace("hunter2", "*"))
    assert str(caught.value) == "asking failed: pass * was refused"


def test_an_outage_can_be_interrupted():
    with pytest.raises(Stopped):
        Patience(60, lambda: True).steady("asking", Flaky(OSError("x")))


def test_mistakes_in_the_program_are_not_outages():
    with pytest.raises(KeyError):
        Patience(60).steady("asking", Flaky(KeyError("x")))


# -- dpdispatcher's side effects


def test_secrets_are_found_and_blanked(tmp_path):
    machine = {"remote_profile": {"password": "abc", "passphrase": "abcdef", "hostname": "h"}}
    secrets = library.secrets_of(machine)
    assert secrets == ("abcdef", "abc")
    logger = logging.getLogger("dpdispatcher")
    before = list(logger.handlers)
    with library.contained(tmp_path / "log", secrets):
        logger.error("login abc with %s at h", "abcdef")
    text = (tmp_path / "log").read_text()
    assert "login *** with *** at h" in text
    assert logger.handlers == before


def test_importing_leaves_nothing_in_the_working_directory(tmp_path):
    code = "import sys, wtemlp.dispatch.dispatcher; assert 'dpdispatcher' in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())


def test_the_journal_holds_no_secret(tmp_path):
    book = Journal.open(tmp_path)
    where = read_section(
        section(remote_profile={"hostname": "head", "password": "hunter2"}), tmp_path
    ).where
    book.jobs["a"] = JobEntry(["t"], "1", where)
    book.save()
    text = (tmp_path / "dispatch.json").read_text()
    assert "hunter2" not in text
    assert json.loads(text)["jobs"]["a"]["where"] == "Shell on head"
