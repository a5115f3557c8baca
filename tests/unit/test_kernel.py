"""Finding the PLUMED kernel, and PLUMED's messages on one line."""

from pathlib import Path

import pytest

from wtemlp.core.errors import MissingEngine
from wtemlp.lammps_plumed import kernel
from wtemlp.lammps_plumed.kernel import LIBRARY, Kernel, find_kernel, one_line


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without PLUMED."""
    monkeypatch.setattr(kernel, "_wheel_folders", lambda: [])
    monkeypatch.setattr(kernel.ctypes.util, "find_library", lambda name: None)


def library(folder: Path) -> Path:
    """A file of the kernel's name."""
    folder.mkdir(parents=True)
    (folder / LIBRARY).write_bytes(b"not a library")
    return folder / LIBRARY


@pytest.mark.usefixtures("bare")
def test_none_says_what_to_install() -> None:
    with pytest.raises(MissingEngine, match="--no-deps hillclimber") as error:
        find_kernel({})
    assert error.value.exit_code == 2


@pytest.mark.usefixtures("bare")
def test_named_kernel_must_exist(tmp_path: Path) -> None:
    with pytest.raises(MissingEngine, match=r"PLUMED_KERNEL: .*nowhere\.so: no such file"):
        find_kernel({"PLUMED_KERNEL": str(tmp_path / "nowhere.so")})


def test_order_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named, wheel, on_path = (library(tmp_path / name) for name in ("named", "wheel", "path"))
    monkeypatch.setattr(kernel, "_wheel_folders", lambda: [wheel.parent])
    monkeypatch.setattr(kernel.ctypes.util, "find_library", lambda name: "libloader.so")
    variables = {"PLUMED_KERNEL": str(named), "LD_LIBRARY_PATH": f"/nowhere::{on_path.parent}"}
    assert find_kernel(variables) == named
    assert find_kernel(variables | {"PLUMED_KERNEL": ""}) == wheel
    wheel.unlink()
    monkeypatch.setattr(kernel.sys, "prefix", str(tmp_path / "conda"))
    conda = library(tmp_path / "conda" / "lib")
    assert find_kernel(variables | {"PLUMED_KERNEL": ""}) == conda
    conda.unlink()
    assert find_kernel(variables | {"PLUMED_KERNEL": ""}) == on_path
    assert find_kernel({}) == Path("libloader.so")


def test_not_a_kernel(tmp_path: Path) -> None:
    with pytest.raises(MissingEngine, match="not a PLUMED kernel"):
        Kernel(library(tmp_path / "bad"))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "\n(core/Action.cpp:372) void PLMD::Action::error(const std::string&) const\n"
            "ERROR in input to action DISTANCE with label d : atom 22 out of range\n",
            "ERROR in input to action DISTANCE with label d : atom 22 out of range",
        ),
        ('\nAction "PRIN" is not known.\n', 'Action "PRIN" is not known.'),
        (
            "\n(tools/Grid.cpp:1) void f()\n+++ assertion failed: x<y\ntoo far\n\n"
            "The above exception was the direct cause of the following exception:\n"
            "(core/PlumedMain.cpp:2) void g()\nAn error happened while calculating m\n",
            "too far",
        ),
        ("+++ assertion failed: x<y", "+++ assertion failed: x<y"),
        ("", "unknown error in PLUMED"),
    ],
)
def test_message_on_one_line(message: str, expected: str) -> None:
    assert one_line(message) == expected
