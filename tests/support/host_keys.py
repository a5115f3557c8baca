"""Shared by tests: host keys."""

import subprocess


def new_host_key(cluster):
    file = cluster.dir / "ssh" / "host_key"
    for old in (file, file.with_suffix(".pub")):
        old.rename(old.with_name(old.name + ".before"))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
    cluster.down("sshd")
    cluster.up("sshd")
