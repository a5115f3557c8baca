"""The places of the three stages, each looked at once: login, folder, queue, command."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wtemlp.config.records import Machines, MachineSection
from wtemlp.core.errors import TransportError, WtemlpError
from wtemlp.dispatch.remote_shell import Place, RemoteShell, quiet
from wtemlp.dispatch.service import open_machine
from wtemlp.preflight.engines import check_engine
from wtemlp.preflight.findings import Findings
from wtemlp.preflight.folders import check_folder
from wtemlp.preflight.queues import check_queue


def open_places(sections: Sequence[MachineSection], root: Path, findings: Findings) -> list[Place]:
    """The places of sections; what makes no sense is a finding."""
    places = []
    for section in sections:
        try:
            places.append(Place(section, root))
        except WtemlpError as error:
            findings.refused(error)
    return places


def check_places(
    machines: Machines, places: Sequence[Place], lacking: Iterable[str], findings: Findings
) -> list[Place]:
    """Look at places without leaving anything there.

    Parameters
    ----------
    machines : Machines
    places : sequence of Place
    lacking : iterable of str
        Stages whose engine is known to be missing.
    findings : Findings
        Takes what is found.

    Returns
    -------
    list of Place
        Those with a login.
    """
    file = machines.source.name

    def stages(some: Sequence[Place]) -> str:
        return f"{file}: " + ", ".join(place.section.stage for place in some)

    with quiet(list(places)):
        for service in (place for place in places if place.settings.service):
            _check_service(service, f"{stages([service])}.machine", findings)
        logged_in = [
            place
            for some in _alike(
                [place for place in places if not place.settings.service],
                lambda place: place.login,
            )
            for place in (some if _connect(some, stages(some), findings) else ())
        ]
        for some in _alike(logged_in, lambda place: (place.login, place.folder)):
            with _answering(stages(some), findings):
                check_folder(some[0], stages(some), findings)
        for some in _alike(logged_in, _queue_key):
            with _answering(stages(some), findings):
                check_queue(some[0], stages(some), findings)
        for place in logged_in:
            if place.section.stage not in lacking:
                where = f"{stages([place])}.command"
                with _answering(where, findings):
                    check_engine(place, where, machines.deepmd_version, findings)
    return logged_in


def _check_service(place: Place, where: str, findings: Findings) -> None:
    """Whether dpdispatcher has what it needs for a service, which is not asked anything."""
    try:
        open_machine(place.settings)
    except (WtemlpError, OSError, RuntimeError) as error:
        findings.error(where, place.redacted(str(error)), "mend it, or install what it needs")
    else:
        findings.warning(
            where,
            f"{place.settings.where}: no command can be run beside a task, so "
            "neither login nor programs are looked at, and a kill in the middle of "
            "a submission may make a task run twice",
            "know that, or take a queue that a shell can ask",
        )


def _alike(places: Sequence[Place], key: Callable[[Place], object]) -> list[list[Place]]:
    groups: dict[object, list[Place]] = {}
    for place in places:
        groups.setdefault(key(place), []).append(place)
    return list(groups.values())


def by_queue(places: Sequence[Place]) -> list[list[Place]]:
    """Places with the same folder and queue, and the same request to it."""
    return _alike(places, lambda place: (place.folder, _queue_key(place)))


def _queue_key(place: Place) -> object:
    words = (
        "number_node",
        "cpu_per_node",
        "gpu_per_node",
        "queue_name",
        "custom_flags",
        "kwargs",
        "strategy",
    )
    given = [place.section.resources.get(word) for word in words]
    return place.login, place.settings.batch, json.dumps(given, sort_keys=True, default=str)


def _connect(places: Sequence[Place], where: str, findings: Findings) -> bool:
    """One login for all of them."""
    first = places[0]
    try:
        first.connect()
    except TransportError as error:
        findings.error(f"{where}.machine", str(error), "see that you can log in with ssh")
        return False
    for place in places:
        place.shell = first.shell
    if isinstance(first.shell, RemoteShell) and (unread := first.shell.session.options.unread):
        findings.warning(
            f"{where}.machine",
            f"of what ssh_config says of {first.host}, {', '.join(unread)} is not read",
            "see that you log in without it, or by a ProxyCommand",
        )
    keys = first.shell.host_keys if first.shell is not None else None
    if keys is not None and keys.checking == "no":
        findings.warning(
            f"{where}.machine",
            f"the SSH host key of {first.host} is not verified: {keys.seen}",
            'write "strict_host_key_checking": "yes"',
        )
    elif keys is not None and keys.new:
        findings.warning(
            f"{where}.machine",
            f"the SSH host {first.host} is new: its key is {keys.seen}",
            "compare it: `wtemlp run` will note and trust it",
        )
    elif keys is not None:
        findings.ok(where, f"logged in to {first.host}, host key {keys.seen}")
    return True


@contextmanager
def _answering(where: str, findings: Findings) -> Iterator[None]:
    """The place may fall silent in between: that is a finding, too."""
    try:
        yield
    except WtemlpError as error:
        findings.error(where, str(error), "try again when it answers")
