"""Cheap engines for tests of the loop: they take and leave the files that the real ones do.

``cheap_engines.py dp train|freeze|compress|test ...`` trains nothing; its "model" is a hash of the
training input and of every labelled frame in it, so that a loop that lost, repeated or reordered
a frame ends with other models.  ``cheap_engines.py lmp -in input.lammps`` explores by random
displacements that depend on the models and on the script (`cheap_walkers.py`).  Labels come from
the real LAMMPS.

There are dozens of them in a run, so they import next to nothing.
"""

import hashlib
import json
import os
import sys
import time
from pathlib import Path

BAD_SEEDS = os.environ.get("CHEAP_ENGINE_BAD_SEEDS", "").split()  #: of models with large errors
SLEEP_S = float(os.environ.get("CHEAP_ENGINE_SLEEP", "0"))  #: time for a test to kill something


def dp(args: list[str]) -> None:
    if args[0] == "train":
        _train(json.loads(Path(args[1]).read_text())["training"])
    elif args[0] == "freeze":
        Path("frozen_model.pb").write_text(Path("model.ckpt.index").read_text())
    elif args[0] == "compress":
        Path("frozen_model_compressed.pb").write_text(Path("frozen_model.pb").read_text())
    elif args[0] == "test":
        from cheap_walkers import compare

        data = Path(args[args.index("-s") + 1])
        if os.environ.get("CHEAP_ENGINE_NO_TEST") == args[args.index("-d") + 1]:
            sys.exit(1)
        found = [data, *data.glob("*"), *data.glob("*/*")]
        systems = sorted(one for one in found if (one / "type.raw").is_file())
        compare(systems, args[args.index("-d") + 1])
        if "-l" in args:
            log = Path(args[args.index("-l") + 1])
            seed = json.loads(Path("input.json").read_text())["training"]["seed"]
            force = 1.0 if str(seed) in BAD_SEEDS else 0.1
            log.write_text(f"Energy RMSE/Natoms : 1e-03 eV\nForce  RMSE        : {force:e} eV/A\n")


def _train(training: dict) -> None:
    digest = hashlib.sha256(str(training["seed"]).encode())
    for system in training["training_data"]["systems"]:
        for file in sorted(Path(system).glob("set.*/*.npy")):
            digest.update(file.read_bytes())
    with Path("lcurve.out").open("w") as curve:
        curve.write("# step rmse_val rmse_trn lr\n")
        last = int(os.environ.get("CHEAP_ENGINE_LAST_STEP", training["numb_steps"]))
        for step in range(0, last + 1, 10):
            curve.write(f"{step} 1.0 1.0 1e-3\n")
            curve.flush()
            time.sleep(SLEEP_S / 10)
    for name in (
        "model.ckpt.meta",
        "model.ckpt.index",
        "model.ckpt.data-00000-of-00001",
        "checkpoint",
    ):
        Path(name).write_text(digest.hexdigest())


def main() -> None:
    program, *args = sys.argv[1:]
    if program == "dp":
        dp(args)
    elif "input.lammps" in args:
        from cheap_walkers import explore

        explore()
    elif "pair_style      deepmd" in Path("in.lammps").read_text():
        from cheap_walkers import validate

        validate(Path("in.lammps").read_text())
    else:
        os.execv(sys.executable, [sys.executable, "-m", "wtemlp.lammps_plumed.lmp", *args])


if __name__ == "__main__":
    main()
