"""dpdispatcher's SSH context, on connections of our own.

The connection verifies the host's key before it says who it is, takes keys from the agent too,
notices a host that has fallen silent, and leaves waiting and trying again to `Patience`.
dpdispatcher finds a context by its class's name: the one here takes the place of its own.
"""

import logging
import os
import shlex
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import paramiko

from wtemlp.config.keys.machine import Trust
from wtemlp.config.schema.own_keys import read
from wtemlp.config.schema.section import Section
from wtemlp.core.errors import TransportError
from wtemlp.dispatch import script
from wtemlp.dispatch.library import (
    DispatcherSSHContext,
    RemoteManifestBuilder,
    SSHSession,
    Submission,
)
from wtemlp.dispatch.ssh.config import options_of
from wtemlp.dispatch.ssh.host_keys import HostKeys

log = logging.getLogger("wtemlp.dispatch")

FOLDERS_AT_ONCE = 400  #: in one command line: the limit is 128 KiB
SILENCE_TIMEOUTS = 3  #: a login that is silent for this many times ``timeout`` is given up


class VerifiedSession(SSHSession):  # type: ignore[misc]
    """A login.

    Parameters
    ----------
    host_keys : HostKeys
        The keys to trust.
    profile
        dpdispatcher's ``remote_profile``; the host's ``ssh_config`` says what it does not.
    """

    def __init__(self, host_keys: HostKeys, **profile: Any) -> None:
        self.host_keys = host_keys
        self.options = options_of(profile)
        self._sftp: paramiko.SFTPClient | None = None
        reached = {
            key: getattr(self.options, key)
            for key in ("hostname", "port", "username", "proxy_command")
        }
        super().__init__(**{**profile, **reached})

    @property
    def silence_s(self) -> float:
        """How long the other side may be silent."""
        return SILENCE_TIMEOUTS * float(self.timeout)

    def _setup_ssh(self) -> None:
        """Connect, verify the host, log in."""
        self.drop()
        client = self.host_keys.client()
        name = self.hostname if self.port == 22 else f"[{self.hostname}]:{self.port}"
        try:
            proxy = paramiko.ProxyCommand(self.proxy_command) if self.proxy_command else None
            client.connect(
                self.hostname,
                self.port,
                self.username,
                timeout=self.timeout,
                sock=proxy,
                compress=True,
                banner_timeout=self.silence_s,
                auth_timeout=self.timeout + 20,
                channel_timeout=self.silence_s,
                auth_strategy=_Login(self),
            )
        except paramiko.BadHostKeyException as error:
            client.close()
            raise self.host_keys.changed(name, error) from error
        except paramiko.AuthenticationException:
            client.close()
            raise
        except (paramiko.SSHException, OSError, EOFError) as error:
            client.close()
            why = str(error).removeprefix("[Errno None] ").replace("No existing session", "")
            raise ConnectionError(f"no login to {name}: {why or 'no answer'}") from error
        except BaseException:
            client.close()
            raise
        self.host_keys.note(client)
        transport = client.get_transport()
        transport.set_keepalive(60)
        if isinstance(transport.sock, socket.socket):  # short messages, each waits for its answer
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ssh = client
        if self.execute_command is not None:
            self.exec_command(self.execute_command)

    def drop(self) -> None:
        """End the login; the next use begins another."""
        if self.ssh is not None:
            self.ssh.close()
        self.ssh = self._sftp = None

    def ensure_alive(self, max_check: int = 1, sleep_time: int = 0) -> None:
        """Log in again if the login is lost; once, for waiting is not decided here."""
        if not self._check_alive():
            self._setup_ssh()

    def exec_command(self, cmd: str) -> tuple[Any, Any, Any]:
        """Start a command; never twice."""
        streams: tuple[Any, Any, Any] = self.ssh.exec_command(cmd)
        return streams

    def answers(self) -> bool:
        """Whether the other side still answers."""
        try:
            self.ssh.get_transport().open_session(timeout=self.silence_s).close()
        except paramiko.ChannelException:
            return True  # it says that it opens no more sessions
        except (paramiko.SSHException, OSError, EOFError):
            return False
        return True

    @property
    def sftp(self) -> paramiko.SFTPClient:
        """The file transfer; a new one if the last was lost."""
        self.ensure_alive()
        if self._sftp is None or self._sftp.get_channel().closed:
            self._sftp = self.ssh.open_sftp()
            self._sftp.get_channel().settimeout(max(60.0, self.silence_s))
        return self._sftp

    @property
    def rsync_available(self) -> bool:
        """Never: dpdispatcher's rsync would not verify the host's key."""
        return False

    def private_keys(self) -> Iterator[paramiko.PKey]:
        """Private keys to try: the named one, or the agent's, ``ssh_config``'s and the usual."""
        if self.key_filename:
            yield _private_key(Path(self.key_filename), self.passphrase)
            return
        files = list(self.options.key_files)
        if not self.options.only_these:
            yield from paramiko.Agent().get_keys()
            if self.look_for_keys:
                kinds = ("ed25519", "ecdsa", "rsa")
                files += [Path(f"~/.ssh/id_{kind}").expanduser() for kind in kinds]
        for file in dict.fromkeys(files):
            if file.is_file():
                try:
                    yield _private_key(file, self.passphrase)
                except TransportError as error:
                    log.info("%s", error)


class _Login:
    """Who we are, in paramiko's form of an authentication strategy."""

    def __init__(self, session: VerifiedSession) -> None:
        self.session = session

    def authenticate(self, transport: paramiko.Transport) -> None:
        """Try keys, then what the host asks for besides."""
        session, wanted = self.session, []
        for key in session.private_keys():
            try:
                wanted = transport.auth_publickey(session.username, key)
            except paramiko.AuthenticationException:
                continue
            if not wanted:
                return
            break
        if session.totp_secret is not None or "keyboard-interactive" in wanted:
            transport.auth_interactive(session.username, session.inter_handler)
        elif session.password is not None:
            transport.auth_password(session.username, session.password)
        else:
            raise paramiko.AuthenticationException(
                f"{session.hostname} accepts none of the SSH keys of {session.username}"
            )


def _private_key(file: Path, passphrase: str | None) -> paramiko.PKey:
    secrets = [passphrase.encode()] if passphrase else []
    for secret in (*secrets, None):  # a passphrase for a key that needs none is an error, too
        try:
            return paramiko.PKey.from_path(file, secret)
        except (paramiko.SSHException, ValueError, TypeError, OSError) as error:
            reason = type(error).__name__ + (f": {error}" if str(error) else "")
    raise TransportError(f"the SSH key {file} cannot be used ({reason}); see its passphrase")


class SSHContext(DispatcherSSHContext):  # type: ignore[misc]
    """The files and commands of a stage on another machine."""

    def __init__(
        self,
        local_root: str,
        remote_root: str,
        remote_profile: Mapping[str, Any],
        host_keys: HostKeys | None = None,
        clean_asynchronously: bool = False,
        create_remote_root: bool = False,
    ) -> None:
        # dpdispatcher's own constructor would log in without verifying the host.
        self.init_local_root, self.init_remote_root = local_root, remote_root
        self.temp_local_root, self.temp_remote_root = os.path.abspath(local_root), remote_root  # noqa: PTH100
        self.remote_profile, self.remote_root = dict(remote_profile), ""
        self.clean_asynchronously = clean_asynchronously
        self.create_remote_root = create_remote_root
        self.ssh_session = VerifiedSession(host_keys or HostKeys(), **self.remote_profile)
        self._mkdir(self.temp_remote_root, recursive=create_remote_root)

    @classmethod
    def load_from_dict(cls, context_dict: Mapping[str, Any]) -> "SSHContext":
        """A context from a machine dictionary."""
        trust = read(Trust, Section("machine file", context_dict))
        return cls(
            context_dict["local_root"],
            context_dict["remote_root"],
            context_dict["remote_profile"],
            HostKeys(trust.checking, trust.file),
            context_dict.get("clean_asynchronously", False),
            context_dict.get("create_remote_root", False),
        )

    def block_call(self, cmd: str) -> tuple[int, Any, Any, Any]:
        """Run a command to its end, as long as the other side answers.

        Raises
        ------
        OSError
            The login was lost: what the command did is not known.
        """
        session = self.ssh_session
        session.ensure_alive()
        folder = shlex.quote(self.remote_root)
        try:
            stdin, stdout, stderr = session.exec_command(f"cd {folder} || exit 125; {cmd}")
        except (paramiko.SSHException, EOFError) as error:
            session.drop()
            raise TimeoutError(f"{session.hostname} does not answer ({error})") from error
        while not stdout.channel.status_event.wait(session.silence_s):
            if not session.answers():
                session.drop()
                raise TimeoutError(f"{session.hostname} does not answer")
        status = stdout.channel.recv_exit_status()
        if status == -1:
            raise ConnectionError(f"the login to {session.hostname} was lost")
        return status, stdin, stdout, stderr

    def download(
        self,
        submission: Submission,
        check_exists: bool = False,
        mark_failure: bool = True,
        back_error: bool = False,
    ) -> None:
        """Bring home what there is of the tasks' results.

        dpdispatcher matches the patterns of each task with the files of all of them; here with
        its own.
        """
        self.ssh_session.ensure_alive()
        folders = [task.task_work_path for task in submission.belonging_tasks]
        own = self._files_in(folders)
        wanted: list[str] = []
        for task in submission.belonging_tasks:
            folder = task.task_work_path
            found = RemoteManifestBuilder(
                own[folder], exists=self.check_file_exists, assume_literals=False
            )
            there = set(own[folder])
            # They would have been listed, unless they are empty.
            logs = [log for log in (script.OUT, script.ERR) if f"{folder}/{log}" not in there]
            found.add_paths(
                source_prefix=folder,
                destination_prefix=folder,
                patterns=[name for name in task.backward_files if name not in logs],
            )
            wanted += [entry.destination for entry in found.build().entries]
        if wanted:
            self._get_files(wanted, bool(self.remote_profile.get("tar_compress", True)))

    def _files_in(self, folders: Sequence[str]) -> dict[str, list[str]]:
        """The files in the folders of tasks, asked for in one command.

        Logs with nothing in them stay there: most tasks leave two.
        """
        own: dict[str, list[str]] = {folder: [] for folder in folders}
        empty = f"-size 0 '(' -name {script.OUT} -o -name {script.ERR} ')'"
        for first in range(0, len(folders), FOLDERS_AT_ONCE):
            names = " ".join(
                shlex.quote(f"./{folder}") for folder in folders[first : first + FOLDERS_AT_ONCE]
            )
            _, stdout, _ = self.block_checkcall(f"find {names} -type f ! '(' {empty} ')' -print0")
            for name in stdout.read().decode(errors="surrogateescape").split("\0"):
                file = name.removeprefix("./")
                ends = (place for place, char in enumerate(file) if char == "/")
                folder = next((file[:end] for end in ends if file[:end] in own), None)
                if folder is not None:
                    own[folder].append(file)
        return own

    def write_file(self, fname: str, write_str: str) -> None:
        """Write a file, so that a reader sees the old one or the new one.

        As dpdispatcher's, without starting a command for it where the host renames by itself.
        """
        path = self._resolve_remote_path(fname)
        temporary = f"{path}_tmp"
        with self.sftp.open(temporary, "w") as stream:
            stream.write(write_str)
        try:
            self.sftp.posix_rename(temporary, path)
        except OSError:  # it cannot, or the login was lost, which is heard now
            self.block_checkcall(f"mv {shlex.quote(temporary)} {shlex.quote(path)}")

    def check_file_exists(self, fname: str) -> bool:
        """Whether a file is there.  dpdispatcher takes a lost login for a missing file."""
        try:
            self.sftp.stat(self._resolve_remote_path(fname))
        except FileNotFoundError:
            return False
        return True
