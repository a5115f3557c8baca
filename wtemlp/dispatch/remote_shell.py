"""A place where tasks would run, asked without leaving anything there.

Nothing is made, written or submitted: a question is the text of a shell, its answer what that
shell says.  A question may be asked as a login's command, which is how queues are spoken to, or as
a job's, in the environment that the machine file gives to it.
"""

import json
import logging
import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Protocol

import paramiko

from wtemlp.config.keys.machine import Trust
from wtemlp.config.records import MachineSection
from wtemlp.config.schema.own_keys import names, read
from wtemlp.config.schema.section import Section
from wtemlp.core.errors import InputError, TransportError
from wtemlp.dispatch.library import (
    ArgumentError,
    Machine,
    Resources,
    contained,
    redact,
    secrets_of,
)
from wtemlp.dispatch.retry import one_line
from wtemlp.dispatch.settings import Settings, read_section
from wtemlp.dispatch.ssh.connection import VerifiedSession
from wtemlp.dispatch.ssh.host_keys import HostKeys
from wtemlp.dispatch.units import job_resources

log = logging.getLogger("wtemlp.dispatch")

ANSWER_S = 120.0  #: how long an answer may take, seconds
PLAIN = "bash -c 'eval \"$(cat)\" </dev/null'"  #: as a login without a terminal
LOGIN = "bash -lc 'eval \"$(cat)\" </dev/null'"  #: as a job script
_BEGIN, _END = "wtemlp-check-begin", "wtemlp-check-end"


@dataclass(frozen=True)
class Answer:
    """What a shell said."""

    status: int | None  #: exit status; None: it did not come to the question, or to an end
    out: str
    err: str
    before: str = ""  #: of a job's question: what preparing the environment complained of

    @property
    def last_words(self) -> str:
        """The last line of what it complained of, or else of what it said."""
        lines = [line.strip() for line in (self.err or self.before or self.out).splitlines()]
        return next((line for line in reversed(lines) if line), "")


class Shell(Protocol):
    """Runs the text of a shell somewhere."""

    def run(self, command: str, text: str) -> tuple[int | None, str, str]:
        """Exit status (None: no end within `ANSWER_S`), output, errors.

        Parameters
        ----------
        command : str
            One of the constants `PLAIN` and `LOGIN`, in words of any shell.
        text : str
            For bash.  Not a part of the command line, which others on the host can see.
        """


class LocalShell:
    """This machine."""

    host_keys: HostKeys | None = None

    def run(self, command: str, text: str) -> tuple[int | None, str, str]:
        """As :class:`Shell`."""
        try:
            done = subprocess.run(
                command,
                shell=True,
                input=text,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=ANSWER_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None, "", f"no answer within {ANSWER_S:.0f} s"
        return done.returncode, done.stdout, done.stderr

    def close(self) -> None:
        """Nothing is open."""


class RemoteShell:
    """A login.

    Parameters
    ----------
    settings : Settings
        Of a section with the context SSH.

    Raises
    ------
    TransportError
        There is no login; its message has no secrets.
    """

    def __init__(self, settings: Settings) -> None:
        self.secrets = secrets_of(settings.machine)
        trust = read(Trust, Section("machine file", settings.machine))
        self.host_keys = HostKeys(trust.checking, trust.file, notes=False)
        with self._plainly("connecting"):
            self.session = VerifiedSession(self.host_keys, **settings.machine["remote_profile"])

    @contextmanager
    def _plainly(self, what: str) -> Iterator[None]:
        try:
            yield
        except TransportError as error:
            raise TransportError(redact(str(error), self.secrets)) from error
        except (OSError, EOFError, paramiko.SSHException, RuntimeError, AssertionError) as error:
            said = redact(one_line(str(error)), self.secrets) or type(error).__name__
            raise TransportError(f"{what} failed: {said}") from error

    def run(self, command: str, text: str) -> tuple[int | None, str, str]:
        """As :class:`Shell`."""
        with self._plainly("asking"):
            self.session.ensure_alive()
            stdin, out, err = self.session.exec_command(command)
            stdin.write(text)
            stdin.flush()
            stdin.channel.shutdown_write()
            end = time.monotonic() + ANSWER_S
            while not out.channel.status_event.wait(min(5.0, self.session.silence_s)):
                if time.monotonic() > end or not self.session.answers():
                    self.session.drop()
                    return None, "", f"no answer within {ANSWER_S:.0f} s"
            status = out.channel.recv_exit_status()
            texts = [stream.read().decode(errors="replace") for stream in (out, err)]
        if status == -1:
            raise TransportError(f"the login to {self.session.hostname} was lost")
        return status, texts[0], texts[1]

    def close(self) -> None:
        """End the login."""
        self.session.drop()


class Place:
    """Where a section's tasks would run.

    Parameters
    ----------
    section : MachineSection
    root : Path
        The run's folder.

    Raises
    ------
    InputError
        The section makes no sense.
    """

    def __init__(self, section: MachineSection, root: Path) -> None:
        self.section, self.settings = section, read_section(section, root)
        try:
            self.resources: Resources = job_resources(self.settings)
        except (ArgumentError, KeyError) as error:
            words = redact(one_line(str(error)), secrets_of(section.resources))
            raise InputError(
                f"machine file: {section.stage}.resources",
                f"dpdispatcher does not accept it: {words}",
            ) from error
        self.secrets = secrets_of({"machine": self.settings.machine, **section.resources})
        self.shell: LocalShell | RemoteShell | None = None

    def redacted(self, text: str) -> str:
        """A text without the section's secrets, in one line."""
        return redact(one_line(text), self.secrets)

    @property
    def login(self) -> str:
        """The same for sections that are reached in the same way."""
        if self.settings.local:
            return "this machine"
        keys = ("remote_profile", *names(Trust))
        return json.dumps([self.settings.machine.get(key) for key in keys], sort_keys=True)

    @property
    def host(self) -> str:
        """For people."""
        profile = self.settings.machine["remote_profile"]
        return "this machine" if self.settings.local else str(profile.get("hostname", ""))

    @property
    def folder(self) -> str:
        """The folder that the tasks' folders are made in."""
        lazy = self.settings.context == "lazylocal"
        return str(self.settings.machine["local_root" if lazy else "remote_root"])

    @property
    def makes_parents(self) -> bool:
        """Whether folders above it are made, too."""
        return self.settings.local or bool(self.settings.machine.get("create_remote_root"))

    def connect(self) -> None:
        """Log in.

        Raises
        ------
        TransportError
            There is no login.
        """
        self.shell = LocalShell() if self.settings.local else RemoteShell(self.settings)

    def ask(self, text: str) -> Answer:
        """Ask as the queue is asked."""
        return self._ask(PLAIN, text)

    def _ask(self, command: str, text: str) -> Answer:
        assert self.shell is not None, "not connected"
        status, out, err = self.shell.run(command, text)
        return Answer(status, redact(out, self.secrets), redact(err, self.secrets))

    def ask_in_job(self, text: str) -> Answer:
        """Ask in a job's environment, as far as that is to be had without the queue."""
        marked = (
            f"{self._environment()}\n"
            f"printf '\\n{_BEGIN}\\n'; printf '\\n{_BEGIN}\\n' >&2\n"
            f"( {text}\n) </dev/null\nprintf '\\n{_END} %s\\n' $?"
        )
        answer = self._ask(LOGIN, marked)
        before, begun, err = answer.err.partition(f"\n{_BEGIN}\n")
        out, _, status = answer.out.partition(f"\n{_BEGIN}\n")[2].partition(f"\n{_END} ")
        code = status.strip().splitlines()[:1]
        ended = bool(begun and code and code[0].isdigit())
        return Answer(int(code[0]) if ended else None, out.strip("\n"), err, before)

    def script_head(self) -> str:
        """The lines of a job script that the queue reads."""
        job = SimpleNamespace(resources=self.resources, fail_count=0, job_task_list=[None])
        machine = _machine(self.settings.batch)
        return f"{machine.gen_script_header(job)}\n{machine.gen_script_custom_flags_lines(job)}\n"

    def _environment(self) -> str:
        """The shell lines that come before a job's tasks; those that write are left out."""
        job = SimpleNamespace(resources=self.resources, job_hash="check")
        text = _machine("Shell").gen_script_env(job).partition("&& exit 1\n")[2]
        flags = [
            line
            for line in self.section.resources.get("custom_flags") or ()
            if not line.lstrip().startswith("#")
        ]
        path = [line for line in self.resources.custom_flags if line.startswith("export PATH=")]
        return "\n".join([*flags, *path[-1:], text] if self.settings.local else [*flags, text])


def find_program(word: str) -> str:
    """A shell command that finds a program, tilde and variables in its name expanded."""
    expand = word.startswith("~") or "$" in word
    return f'w={word if expand else shlex.quote(word)}; command -v "$w" >/dev/null'


def _machine(batch: str) -> Machine:
    """dpdispatcher's machine, tied to nothing: it only writes the lines of scripts."""
    return Machine.subclasses_dict[batch](context=SimpleNamespace(remote_root="."))


@contextmanager
def quiet(places: list[Place]) -> Iterator[None]:
    """Keep dpdispatcher's and paramiko's messages off the terminal, and end the logins."""
    secrets = tuple({one for place in places for one in secrets_of(place.settings.machine)})
    with ExitStack() as stack:
        stack.enter_context(contained(Path(os.devnull), secrets))
        yield
        for place in places:
            if place.shell is not None:
                place.shell.close()
