"""Lines about CUDA are left out where there is no GPU, and no other line is."""

import os

import pytest

from wtemlp.core import quiet

LINES = (
    "DeePMD-kit: Cannot find libcudart.so.12\n"
    "DeePMD-kit: Error message: libcudart.so.12: cannot open shared object file\n"
    "implib-gen: libcudart.so.12: failed to load library 'libcudart.so.12' via callback\n"
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1796017312.739276   10516 port.cc:153] oneDNN custom operations are on.\n"
)


@pytest.fixture(params=[True, False], ids=["gpu", "no gpu"])
def gpu(request, monkeypatch, tmp_path):
    device = tmp_path / "nvidia0"
    if request.param:
        device.touch()
    monkeypatch.setattr(quiet, "GPU_DEVICES", (str(device),))
    return request.param


def test_lines_of_libraries_that_look_for_cuda(gpu, capfd):
    with quiet.quiet_loading():
        os.write(2, b"before\n" + LINES.encode() + b"after")
    os.write(2, b", later\n")
    assert capfd.readouterr().err == f"before\n{LINES if gpu else ''}after, later\n"


def test_an_error_while_loading_is_shown(gpu, capfd):
    with pytest.raises(OSError), quiet.quiet_loading():
        os.write(2, b"libc10.so is missing\n")
        raise OSError
    assert capfd.readouterr().err == "libc10.so is missing\n"


def test_tensorflow_is_told_unless_the_user_has(gpu):
    environ: dict[str, str] = {}
    quiet.quiet_tensorflow(environ)
    assert environ == ({} if gpu else {"TF_CPP_MIN_LOG_LEVEL": "3"})
    environ = {"TF_CPP_MIN_LOG_LEVEL": "0"}
    quiet.quiet_tensorflow(environ)
    assert environ == {"TF_CPP_MIN_LOG_LEVEL": "0"}
