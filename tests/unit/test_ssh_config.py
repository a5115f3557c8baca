"""What ``ssh_config`` says of a host is used as OpenSSH uses it."""

import getpass
import shutil
import subprocess

import pytest

from wtemlp.config.records import MachineSection
from wtemlp.core.errors import InputError
from wtemlp.dispatch.settings import read_section
from wtemlp.dispatch.ssh import config as ssh_config
from wtemlp.dispatch.ssh.config import options_of


@pytest.fixture
def config(tmp_path, monkeypatch):
    """``config(text, system)``: what the files of the user and of the system say."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(ssh_config, "SYSTEM_FILE", tmp_path / "etc" / "ssh_config")
    for folder in (".ssh", "etc"):
        (tmp_path / folder).mkdir()

    def write(text, system=""):
        (tmp_path / ".ssh" / "config").write_text(text)
        (tmp_path / "etc" / "ssh_config").write_text(system)
        return tmp_path

    return write


def test_without_files_a_host_is_what_it_is_called(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(ssh_config, "SYSTEM_FILE", tmp_path / "none")
    found = options_of({"hostname": "head"})
    assert (found.hostname, found.port, found.username) == ("head", 22, getpass.getuser())
    assert (found.proxy_command, found.key_files, found.only_these, found.unread) == (
        None,
        (),
        False,
        (),
    )


def test_an_alias_is_what_its_entry_says(config):
    home = config(
        "Host head\n  HostName %h.example.org\n  User me\n  Port=2222\n"
        "  IdentityFile ~/.ssh/there\n  IdentityFile ~/.ssh/missing\n  IdentitiesOnly yes\n"
        "Host *\n  User nobody\n  Port 1\n"
    )
    key = home / ".ssh" / "there"
    key.touch()
    found = options_of({"hostname": "head", "port": 22})
    assert (found.hostname, found.port, found.username) == ("head.example.org", 2222, "me")
    assert (found.key_files, found.only_these) == ((key,), True)


def test_the_machine_file_counts_first(config):
    config("Host head\n User me\n Port 2222\n ProxyCommand nc %h %p\n")
    profile = {"hostname": "head", "port": 99, "username": "you", "proxy_command": "mine"}
    found = options_of(profile)
    assert (found.port, found.username, found.proxy_command) == (99, "you", "mine")


def test_files_are_read_in_openssh_s_order(config):
    home = config("Include conf.d/*\nHost *\n Port 1\n", "Host *\n Port 2\n User system\n")
    (home / ".ssh" / "conf.d").mkdir()
    (home / ".ssh" / "conf.d" / "a").write_text("Host head\n HostName included\n")
    found = options_of({"hostname": "head"})
    assert (found.hostname, found.port, found.username) == ("included", 1, "system")


def test_files_may_include_each_other(config):
    config("Include config\nHost head\n Port 7\n")
    assert options_of({"hostname": "head"}).port == 7


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("ProxyCommand nc %h %p 2>/dev/null", "sh -c 'exec nc real 22 2>/dev/null'"),
        ("ProxyCommand exec nc %h %p", "sh -c 'exec nc real 22'"),
        ("ProxyCommand none", None),
        ("ProxyJump none", None),
        ("ProxyJump gate", "ssh -o BatchMode=yes -W '[real]:22' gate"),
        ("ProxyJump me@gate:23", "ssh -o BatchMode=yes -W '[real]:22' ssh://me@gate:23"),
        ("ProxyJump a,b@c", "ssh -o BatchMode=yes -J a -W '[real]:22' b@c"),
    ],
)
def test_a_host_behind_another_is_reached_by_a_command(config, line, command):
    config(f"Host head\n HostName real\n {line}\n")
    assert options_of({"hostname": "head"}).proxy_command == command


def test_what_is_not_read_is_named(config):
    config("Host head\n HostKeyAlias x\n CertificateFile ~/c\n ControlMaster auto\n")
    assert options_of({"hostname": "head"}).unread == ("HostKeyAlias", "CertificateFile")
    assert options_of({"hostname": "other"}).unread == ()


@pytest.mark.parametrize("text", ["nonsense\n", "Host head\n Port many\n", 'Host "a\n'])
def test_a_file_that_makes_no_sense_is_one_line(config, text):
    config(text)
    with pytest.raises(InputError, match="cannot be used") as told:
        options_of({"hostname": "head"})
    assert "\n" not in str(told.value)


def test_a_machine_file_needs_no_name_of_the_user(config, tmp_path):
    config("Host head\n User me\n")
    machine = {
        "batch_type": "Slurm",
        "context_type": "SSHContext",
        "remote_root": "/far",
        "remote_profile": {"hostname": "head"},
    }
    settings = read_section(MachineSection("fp", "", machine, {"group_size": 1}), tmp_path)
    assert settings.machine["remote_profile"] == {"hostname": "head", "username": "me"}
    assert settings.where == "Slurm on head"  # the alias: its host may change during a run


@pytest.mark.skipif(not shutil.which("ssh"), reason="needs OpenSSH's client")
def test_openssh_agrees(config):
    home = config(
        "Host h* !help\n Port 3\n"
        "Host head\n HostName real\n User me\n Port 4\n"
        "Match host real user me\n ProxyJump gate\n"
        "Host *\n User last\n"
    )
    for name in ("head", "help", "hello", "x"):
        text = subprocess.run(
            ["ssh", "-G", "-F", home / ".ssh" / "config", name],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        theirs = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
        ours = options_of({"hostname": name})
        assert (ours.hostname, str(ours.port), ours.username) == (
            theirs["hostname"],
            theirs["port"],
            theirs["user"],
        )
        assert bool(ours.proxy_command) == ("proxyjump" in theirs)
