"""What TensorFlow and DeePMD-kit say about CUDA on a machine without a GPU: left out."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path

#: Any of them is there where a GPU of NVIDIA (also in WSL) or AMD can be used.
GPU_DEVICES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
_CUDA = re.compile(
    rb"^(?:implib-gen: lib(?:cuda|hip|amd|roc)"
    rb"|DeePMD-kit: (?:Cannot find|Error message:) lib(?:cuda|hip|amd|roc)"
    rb"|WARNING: All log messages before absl::|I0000 00:00:).*\n?",
    re.MULTILINE,
)


def without_gpu() -> bool:
    """Whether this machine has no GPU that a calculation could use."""
    return not any(Path(device).exists() for device in GPU_DEVICES)


def quiet_tensorflow(environ: MutableMapping[str, str]) -> None:
    """Leave out TensorFlow's own lines, on a machine without a GPU.

    What ends a calculation TensorFlow raises as an error, which is shown all the same.

    Parameters
    ----------
    environ : mutable mapping
        The environment; what the user has set stays.
    """
    if without_gpu():
        environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Leave out what DeePMD-kit's libraries say while they look for CUDA, where there is no GPU.

    They write to the process's standard error themselves; whatever else is written there
    meanwhile is shown at the end.
    """
    if not without_gpu():
        yield
        return
    sys.stderr.flush()
    own = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(own, 2)
            os.close(own)
            kept.seek(0)
            if left := _CUDA.sub(b"", kept.read()):
                os.write(2, left)
