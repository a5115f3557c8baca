"""Verification of SSH host keys, with OpenSSH's words and files."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import paramiko

from wtemlp.config.keys.machine import Trusted
from wtemlp.core.errors import TransportError

log = logging.getLogger("wtemlp.dispatch")

SYSTEM_FILE = Path("/etc/ssh/ssh_known_hosts")
USER_FILE = Path("~/.ssh/known_hosts")


@dataclass
class HostKeys:
    """Which host keys are trusted.

    Parameters
    ----------
    checking : str
        ``"yes"``: only keys that are known; ``"accept-new"``: the key of a host that is not known
        yet is noted and trusted from then on; ``"no"``: any key, an impostor's too.
    file : Path or None
        The file of known keys; None: OpenSSH's own, of the user and of the system.
    notes : bool
        Whether the key of a new host is written down.
    """

    checking: str = Trusted.YES
    file: Path | None = None
    notes: bool = True
    seen: str = field(default="", init=False)  #: kind and fingerprint of the host's key
    new: bool = field(default=False, init=False)  #: whether it was not known before

    @property
    def user_file(self) -> Path:
        """The file that new keys are added to."""
        return self.file or USER_FILE.expanduser()

    def client(self) -> paramiko.SSHClient:
        """A client that trusts the known keys."""
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(_Unknown(self))
        if self.checking != "no":
            for file in (self.user_file, *(() if self.file else (SYSTEM_FILE,))):
                if file.is_file():
                    client.load_system_host_keys(str(file))
        return client

    def note(self, client: paramiko.SSHClient) -> None:
        """Remember the key of a host that was connected to."""
        transport = client.get_transport()
        if transport is not None:
            self.seen = described(transport.get_remote_server_key())

    def record(self) -> dict[str, str]:
        """What the journal keeps: the user's choice and the host's key."""
        known = str(self.file or USER_FILE)
        return {"checking": self.checking, "known_hosts": known, "key": self.seen}

    def changed(self, name: str, error: paramiko.BadHostKeyException) -> TransportError:
        """The complaint about a host whose key is not the known one."""
        return TransportError(
            f"the SSH host key of {name} has changed: it is {described(error.key)}, known is "
            f"{described(error.expected_key)}; nothing was sent.  If the host was set up anew, and "
            "its administrators confirm the new fingerprint, forget the old key with: "
            f"ssh-keygen -R '{name}' -f {self.user_file}"
        )


class _Unknown(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    """What to do with the key of a host that is not known."""

    def __init__(self, keys: HostKeys) -> None:
        self.keys = keys

    def missing_host_key(
        self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
    ) -> None:
        """Accept the key, or raise."""
        file = self.keys.user_file
        if self.keys.checking == "yes":
            raise TransportError(
                f"the SSH host {hostname} is not known: its key {described(key)} is not in {file}; "
                "log in once with ssh and compare the fingerprint, or write "
                '"strict_host_key_checking": "accept-new" in the machine file'
            )
        if self.keys.checking == "no":
            if not self.keys.seen:
                log.warning("the SSH host key of %s is not verified: %s", hostname, described(key))
            return
        self.keys.new = True
        if not self.keys.notes:
            return
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        old = file.read_text() if file.exists() else ""
        with file.open("a") as stream:
            stream.write("\n" if old and not old.endswith("\n") else "")
            stream.write(f"{hostname} {key.get_name()} {key.get_base64()}\n")
        log.warning(
            "the SSH host %s is new: its key %s is added to %s", hostname, described(key), file
        )


def described(key: paramiko.PKey) -> str:
    """Kind and fingerprint of a key, as ssh and ssh-keygen print it."""
    return f"{key.get_name()} {key.fingerprint}"
