"""What the user's and the system's ``ssh_config`` say of a host."""

import getpass
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko

from wtemlp.core.errors import InputError

USER_FILE = Path("~/.ssh/config")
SYSTEM_FILE = Path("/etc/ssh/ssh_config")
PORT = 22
#: Options that change whom a login reaches or how it is let in, and that are not read.
UNREAD = {
    "hostkeyalias": "HostKeyAlias",
    "userknownhostsfile": "UserKnownHostsFile",
    "globalknownhostsfile": "GlobalKnownHostsFile",
    "certificatefile": "CertificateFile",
    "identityagent": "IdentityAgent",
    "pkcs11provider": "PKCS11Provider",
    "bindaddress": "BindAddress",
}
_DEPTH = 16  #: of files that include others, as OpenSSH allows


@dataclass(frozen=True)
class Options:
    """How a host is reached."""

    hostname: str
    port: int
    username: str
    proxy_command: str | None = None
    key_files: tuple[Path, ...] = ()  #: of IdentityFile, those that are there
    only_these: bool = False  #: neither the agent's keys nor the usual files
    unread: tuple[str, ...] = ()  #: what is said of the host there and not read


def options_of(profile: Mapping[str, Any]) -> Options:
    """How the host of a ``remote_profile`` is reached.

    Parameters
    ----------
    profile : Mapping
        dpdispatcher's.  What it says itself counts before the files; its port does if it is not
        the usual one.

    Raises
    ------
    InputError
        A file cannot be read as an ``ssh_config``.
    """
    name = str(profile["hostname"])
    found = _lookup(name)
    try:
        asked = int(profile.get("port") or PORT)
        port = asked if asked != PORT else int(found.get("port", PORT))
    except ValueError as error:
        raise _unusable(f"Port of {name}: {error}") from error
    user = str(profile.get("username") or found.get("user") or getpass.getuser())
    host = str(found.get("hostname", name))
    files = [Path(file).expanduser() for file in found.get("identityfile", ())]
    return Options(
        hostname=host,
        port=port,
        username=user,
        proxy_command=profile.get("proxy_command") or _proxy(found, host, port),
        key_files=tuple(file for file in files if file.is_file()),
        only_these=str(found.get("identitiesonly", "no")).lower() == "yes",
        unread=tuple(
            word for key, word in UNREAD.items() if str(found.get(key, "no")).lower() != "no"
        ),
    )


def _lookup(host: str) -> Mapping[str, Any]:
    lines: list[str] = []
    for file in (USER_FILE.expanduser(), SYSTEM_FILE):
        lines += _lines(file, file.parent)
        lines.append("Host *")  # what follows is not of the last host of this file
    try:
        found: Mapping[str, Any] = paramiko.SSHConfig.from_text("\n".join(lines)).lookup(host)
    except (paramiko.SSHException, ValueError, ImportError) as error:
        raise _unusable(str(error)) from error
    return found


def _unusable(reason: str) -> InputError:
    return InputError(
        f"{USER_FILE} (or {SYSTEM_FILE})",
        f"cannot be used: {reason}",
        "correct the line there; `Match exec` needs: pip install invoke",
    )


def _lines(file: Path, base: Path, depth: int = 0) -> Iterator[str]:
    """The lines of a file, and of those that it includes, which paramiko leaves out."""
    try:
        text = file.read_text(errors="replace")
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        return
    for line in text.splitlines():
        key, _, rest = line.strip().replace("=", " ", 1).partition(" ")
        if key.lower() != "include":
            yield line
            continue
        for pattern in shlex.split(rest, comments=True):
            path = base / Path(pattern).expanduser()
            found = sorted(path.parent.glob(path.name)) if depth < _DEPTH else []
            for included in found:
                yield from _lines(included, base, depth + 1)


def _proxy(found: Mapping[str, Any], host: str, port: int) -> str | None:
    """The command whose input and output are the connection; jumps are left to OpenSSH."""
    if command := found.get("proxycommand"):
        return f"sh -c {shlex.quote('exec ' + str(command).removeprefix('exec '))}"
    jumps = str(found.get("proxyjump", "none"))
    if jumps.lower() == "none":
        return None
    *before, last = [jump.strip() for jump in jumps.split(",")]
    last = f"ssh://{last}" if ":" in last and "://" not in last else last
    through = ["-J", ",".join(before)] if before else []
    return shlex.join(["ssh", "-o", "BatchMode=yes", *through, "-W", f"[{host}]:{port}", last])
