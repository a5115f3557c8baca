"""Labels that are made elsewhere: bare frames out as extended XYZ, labels back.

A label that came back is kept in its frame's folder as it came, and is read by the rules of any
other output: it counts only for the positions and the cell that were sent.
"""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wtemlp.config.keys.labels import AseMethod, OwnForceField
from wtemlp.config.records import Params
from wtemlp.core.atomic_io import read_json, write_json, write_text
from wtemlp.core.formatting import first_line
from wtemlp.md.topology import minimum_image, whole_cluster
from wtemlp.reference import outputs
from wtemlp.reference.base import Frames, Labels, no_labels
from wtemlp.reference.dpgen_style import POSITION_TOLERANCE_A, VACUUM, labels_of

if TYPE_CHECKING:
    import dpdata

NAME = "wtemlp_frame"  #: a frame's name, in the second line of its extended XYZ
LABEL = "label.extxyz"  #: in a frame's folder: the label that came back
LEFT_OUT = "left_out.json"  #: in a frame's folder: no label will come back
RECORD = "by_hand.json"  #: beside labels and outputs that were made by hand: where they are from
BY_HAND = "made by hand"  #: how the note of such a label begins
REORDERED = "its atoms came back in another order: mapped by their positions"
_HEAD = re.compile(rf"""(?<![\w-]){NAME}=["']?([^\s"']+)""")
_ENERGY = re.compile(r"(?<![\w-])(free_energy|energy|Energy|REF_energy|energies)=")


def has_cell(params: Params) -> bool:
    """Whether the labels of a run are of periodic frames."""
    method = params.reference
    if isinstance(method, AseMethod):
        return method.periodic
    if isinstance(method, OwnForceField):
        return method.boundary.split() != ["f"] * 3
    return params.fp_style != VACUUM


def write_frames(file: Path, frames: Mapping[str, Frames], type_map: Sequence[str]) -> None:
    """Write frames as one extended XYZ file, each with its name in its second line.

    Parameters
    ----------
    file : Path
    frames : Mapping
        Single frames by name.  One without a cell is written in one piece.
    type_map : sequence of str
    """
    text = []
    for name, one in frames.items():
        coords, cell = one.coords[0], one.cells[0]
        lattice, pbc = f'Lattice="{" ".join(map(repr, cell.ravel().tolist()))}" ', "T T T"
        if not one.periodic:
            coords, lattice, pbc = whole_cluster(coords, cell), "", "F F F"
        text.append(f"{len(coords)}")
        text.append(f'{lattice}Properties=species:S:1:pos:R:3 {NAME}={name} pbc="{pbc}"')
        for kind, xyz in zip(one.types, coords.tolist(), strict=True):
            text.append(" ".join([type_map[kind], *map(repr, xyz)]))
    write_text(file, "\n".join(text) + "\n")


@dataclass(frozen=True)
class Returned:
    """A frame of an extended XYZ file, as it is there."""

    text: str
    source: str  #: the file, for people

    @property
    def _head(self) -> str:
        return self.text.split("\n")[1]

    @property
    def name(self) -> str:
        """The name that it was sent with; "" if that was lost."""
        found = _HEAD.search(self._head)
        return found[1] if found else ""

    @property
    def is_labelled(self) -> bool:
        """Whether it has an energy."""
        return _ENERGY.search(self._head) is not None

    def label(self, frames: Frames, type_map: Sequence[str]) -> Labels:
        """The label, if it is one of the frame that was sent.

        Parameters
        ----------
        frames : Frames
            The frame.
        type_map : sequence of str

        Returns
        -------
        Labels
            Its atoms in the order of the frame: mapped by their positions where it is another.
        """
        import dpdata  # takes a second
        from dpdata.formats.xyz.quip_gap_xyz import QuipGapxyzSystems

        notes: list[str] = []
        head = self._head
        for words, what in ((r"Properties=", "Properties="), (r":forces?:R:3", "forces:R:3")):
            if not re.search(words, head):
                return no_labels(frames, [f"there is no {what} in its second line"])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # columns that are not read
                data = QuipGapxyzSystems.handle_single_xyz_frame(
                    outputs.extxyz(self.text, notes).splitlines()
                )
                label = dpdata.LabeledSystem(data=data)
        except Exception as error:  # dpdata raises whatever a broken file leads to
            return no_labels(frames, [f"it cannot be read ({first_line(error)})"])
        if label.nopbc == frames.periodic:
            has, needs = ("no", "one") if frames.periodic else ("a", "none")
            reason = f"it has {has} cell (Lattice, pbc), where the frame has {needs}"
            return no_labels(frames, [reason])
        if _put_in_order(label, frames, type_map):
            notes.append(REORDERED)
        return labels_of(label, frames, type_map, notes)


def returned(file: Path) -> Iterator[Returned]:
    """The frames of an extended XYZ file.

    Raises
    ------
    ValueError
        If it is none.
    """
    lines, begin, source = file.read_text(errors="replace").splitlines(), 0, file.name
    while begin < len(lines):
        if not lines[begin].strip():
            begin += 1
            continue
        if not lines[begin].strip().isdigit():
            raise ValueError(f"line {begin + 1} is no number of atoms: {lines[begin][:40]!r}")
        end = begin + int(lines[begin]) + 2
        if end > len(lines):
            raise ValueError(f"it ends within the frame that begins in line {begin + 1}")
        yield Returned("\n".join(lines[begin:end]), source)
        begin = end


def keep(folder: Path, one: Returned, remark: str = "") -> None:
    """Keep a label in its frame's folder.

    Parameters
    ----------
    folder : Path
    one : Returned
    remark : str, optional
        What its user says of it: who made it, and how.
    """
    forget(folder)
    note(folder, one.source, remark)
    write_text(folder / LABEL, one.text + "\n")


def leave_out(folder: Path, reason: str) -> None:
    """Have a frame do without a label."""
    write_json(folder / LEFT_OUT, {"reason": reason})


def forget(folder: Path) -> None:
    """Have a frame without what :func:`keep` and :func:`leave_out` have noted."""
    for name in (LABEL, LEFT_OUT, RECORD):
        (folder / name).unlink(missing_ok=True)


def note(folder: Path, source: str, remark: str = "") -> None:
    """Note where what was made by hand is from."""
    write_json(folder / RECORD, {"from": source, "remark": remark})


def origin(folder: Path) -> str:
    """Where a label that was made by hand is from, for people."""
    file = folder / RECORD
    record = read_json(file, "remove it") if file.is_file() else {"from": "", "remark": ""}
    said = ", ".join(filter(None, (record["from"], record["remark"])))
    return f"{BY_HAND}: {said}" if said else BY_HAND


def has_label(folder: Path) -> bool:
    """Whether a label of a frame has come back, or the word that none will."""
    return (folder / LABEL).is_file() or (folder / LEFT_OUT).is_file()


def read(folder: Path, frames: Frames, type_map: Sequence[str]) -> Labels:
    """The label that :func:`keep` has kept, with where it is from in its notes."""
    if not (folder / LABEL).is_file():
        reason = read_json(folder / LEFT_OUT, "remove it, and import the label")["reason"]
        left_out = no_labels(frames, [reason])
        return replace(left_out, refused=~left_out.ok)
    (one,) = returned(folder / LABEL)
    return with_note(one.label(frames, type_map), origin(folder))


def with_note(labels: Labels, note: str) -> Labels:
    """Labels with one more thing that their user should know of each."""
    before = labels.notes or ((),) * len(labels.ok)
    return replace(labels, notes=tuple((note, *notes) for notes in before))


def _put_in_order(label: "dpdata.LabeledSystem", frames: Frames, type_map: Sequence[str]) -> bool:
    """Put the atoms of a label into the order of the frame; whether that was another.

    They are left alone where their positions do not say which is which.
    """
    names = np.array([label["atom_names"][kind] for kind in label["atom_types"]])
    sent = np.array([type_map[kind] for kind in frames.types])
    if sorted(names) != sorted(sent):
        return False
    apart = label["coords"][0][None] - frames.coords[0][:, None]
    n = len(sent)
    apart = minimum_image(apart.reshape(1, n * n, 3), frames.cells).reshape(n, n, 3)
    far = np.where(names[None] == sent[:, None], np.abs(apart).max(axis=2), np.inf)
    order = far.argmin(axis=1)
    if len(set(order)) < n or far[np.arange(n), order].max() > POSITION_TOLERANCE_A:
        return False
    if (order == np.arange(n)).all():
        return False
    for key in ("coords", "forces"):
        label.data[key] = label.data[key][:, order]
    label.data["atom_types"] = label["atom_types"][order]
    return True
