"""Logins: which hosts are trusted, which keys are tried, and that no secret is written down."""

import logging
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.queue_stage import QueueStage, said
from wtemlp.core.errors import TransportError
from wtemlp.dispatch.journal import Journal

pytestmark = pytest.mark.cluster


@pytest.fixture
def stage(cluster, client, tmp_path, monkeypatch, caplog) -> QueueStage:
    """A stage over SSH, in a home folder of its own."""
    caplog.set_level(logging.DEBUG)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return QueueStage(tmp_path, cluster, client("SSHContext"))


def finishes(stage: QueueStage, **keys) -> bool:
    (result,) = stage.go(stage.tasks(1), **keys)
    return result.ok and stage.results() == stage.expected(1)


def refused(stage: QueueStage, **keys) -> str:
    """The line that a login is refused with; nothing was sent."""
    with pytest.raises(TransportError) as error:
        stage.go(stage.tasks(1), outage_seconds=3600, **keys)
    line = str(error.value)
    assert "\n" not in line
    assert not list(stage.remote.iterdir())
    return line


def fingerprint(cluster) -> str:
    text = subprocess.run(
        ["ssh-keygen", "-l", "-f", cluster.dir / "ssh" / "host_key.pub"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return text.split()[1]


def test_an_unknown_host_is_refused(stage, cluster, tmp_path):
    line = refused(stage, known_hosts_file=str(tmp_path / "none"))
    assert f"[127.0.0.1]:{cluster.port} is not known" in line
    assert f"ssh-ed25519 {fingerprint(cluster)}" in line
    assert str(tmp_path / "none") in line
    assert not (tmp_path / "none").exists()


def test_the_users_own_file_is_read(stage, cluster, tmp_path):
    keys = {"known_hosts_file": None}
    assert "is not known" in refused(stage, **keys)
    folder = tmp_path / "home" / ".ssh"
    folder.mkdir()
    (folder / "known_hosts").write_text(cluster.known_hosts.read_text())
    assert finishes(stage, **keys)


def test_hashed_names_are_known(stage, cluster, tmp_path):
    file = tmp_path / "hashed"
    file.write_text(cluster.known_hosts.read_text())
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    assert "127.0.0.1" not in file.read_text()
    assert finishes(stage, known_hosts_file=str(file))


def test_a_new_host_is_noted_where_the_user_wants_it(stage, cluster, tmp_path, caplog):
    file = tmp_path / "new" / "known"
    keys = {"known_hosts_file": str(file), "strict_host_key_checking": "accept-new"}
    assert finishes(stage, **keys)
    assert file.read_text() == cluster.known_hosts.read_text()
    assert [line for line in said(caplog) if "is new" in line] == said(caplog)
    assert len(said(caplog)) == 1
    record = {
        "checking": "accept-new",
        "known_hosts": str(file),
        "key": f"ssh-ed25519 {fingerprint(cluster)}",
    }
    assert Journal.open(stage.dir).host_key == record
    # another key than the noted one is refused all the same
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    public = " ".join(other.with_suffix(".pub").read_text().split()[:2])
    file.write_text(f"[127.0.0.1]:{cluster.port} {public}\n")
    (stage.dir / "task.000.000000" / "out.txt").unlink()
    assert "has changed" in refused(stage, **keys)


def test_verification_can_be_switched_off(stage, tmp_path, caplog):
    keys = {"known_hosts_file": str(tmp_path / "none"), "strict_host_key_checking": "no"}
    assert finishes(stage, **keys)
    assert len(said(caplog)) == 1
    assert "is not verified" in said(caplog)[0]
    assert Journal.open(stage.dir).host_key["checking"] == "no"
    assert not (tmp_path / "none").exists()


def test_a_key_from_the_agent(stage, cluster, tmp_path, monkeypatch):
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            assert agent.poll() is None
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        without = {"profile": {"key_filename": None}}
        assert "accepts none of the SSH keys" in refused(stage, **without)
        subprocess.run(["ssh-add", "-q", cluster.env["SSH_KEY"]], check=True, env=os.environ)
        assert finishes(stage, **without)
    finally:
        agent.terminate()
        agent.wait(10)


def locked_key(cluster, tmp_path: Path, passphrase: str) -> str:
    """The user's key, under a passphrase."""
    file = tmp_path / "locked"
    file.write_text(Path(cluster.env["SSH_KEY"]).read_text())
    file.chmod(0o600)
    command = ["ssh-keygen", "-q", "-p", "-P", "", "-N", passphrase, "-f", file]
    subprocess.run(command, check=True)
    return str(file)


@pytest.mark.parametrize("right", [True, False])
def test_no_secret_is_written_down(stage, cluster, tmp_path, caplog, right):
    secrets = ("correct horse battery", "hunter2-password", "JBSWY3DPEHPK3PXP")
    profile = {
        "key_filename": locked_key(cluster, tmp_path, secrets[0] if right else "another"),
        "passphrase": secrets[0],
        "password": secrets[1],
    }
    told = ""
    if right:
        told = str(stage.go([stage.task(0, "exit 3"), stage.task(1)], profile=profile))
    else:
        told = refused(stage, profile=profile | {"totp_secret": secrets[2]})
        assert "the SSH key" in told
    key_body = Path(profile["key_filename"]).read_text().splitlines()[1]
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "locked"]
    assert {"dispatch.json"} <= {path.name for path in files}
    written = b"\n".join(path.read_bytes() for path in files).decode(errors="replace")
    for secret in (*secrets, key_body):
        assert secret not in written + caplog.text + told


def test_a_key_that_the_host_does_not_take(stage, tmp_path):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    line = refused(stage, profile={"key_filename": str(key)})
    assert "127.0.0.1 accepts none of the SSH keys of" in line


def test_names_cannot_become_commands(stage, tmp_path):
    name = "task.$(touch pwned);touch pwned&'\"`touch pwned` x"
    folder = stage.dir / name
    folder.mkdir()
    (folder / "in 'put'.txt").write_text("in\n")
    task = stage.task(0, "cat in*.txt > 'o u;t.txt'")
    task = type(task)(name, folder, task.command, ("in 'put'.txt",), ("o u;t.txt",))
    (result,) = stage.go([task])
    assert result.ok
    assert (folder / "o u;t.txt").read_text() == "in\n"
    assert not list(tmp_path.rglob("pwned"))
    assert not (Path.cwd() / "pwned").exists()
    assert not (stage.cluster.dir / "home" / "pwned").exists()


#: A machine file that names an alias of ``~/.ssh/config``, and nothing else.
ALIAS = {"hostname": "head", "port": 22, "username": None, "key_filename": None}


def entry(cluster, name: str, *more: str) -> str:
    """An entry of ``~/.ssh/config`` for the cluster's login."""
    lines = [
        f"HostName 127.0.0.1\nPort {cluster.port}\nUser {cluster.env['SSH_USER']}",
        f"IdentityFile {cluster.env['SSH_KEY']}\nIdentitiesOnly yes",
        *more,
    ]
    return f"Host {name}\n" + "\n".join(lines) + "\n"


def write_config(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "home" / ".ssh"
    folder.mkdir()
    (folder / "config").write_text(text)


def test_a_host_may_be_an_alias_of_ssh_config(stage, cluster, tmp_path):
    write_config(tmp_path, entry(cluster, "head"))
    assert finishes(stage, profile=ALIAS)


def test_a_host_may_be_reached_through_another(stage, cluster, tmp_path, monkeypatch):
    """ProxyJump, by OpenSSH's own client: it takes its home from the system, not from HOME."""
    port = cluster.port + 1
    jump = entry(cluster, "gate", f"UserKnownHostsFile {tmp_path}/gates").replace(
        f"Port {cluster.port}", f"Port {port}"
    )
    key = " ".join(cluster.known_hosts.read_text().split()[1:3])
    (tmp_path / "gates").write_text(f"[127.0.0.1]:{port} {key}\n")
    write_config(tmp_path, entry(cluster, "head", "ProxyJump gate") + jump)
    shim, used = tmp_path / "shim" / "ssh", tmp_path / "used"
    shim.parent.mkdir()
    config = '"$HOME/.ssh/config"'
    shim.write_text(f'#!/bin/sh\necho "$@" >> {used}\nexec /usr/bin/ssh -F {config} "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shim.parent}:{os.environ['PATH']}")
    with cluster.second_sshd(port):
        assert finishes(stage, profile=ALIAS)
    assert f"-W [127.0.0.1]:{cluster.port} gate" in used.read_text()
