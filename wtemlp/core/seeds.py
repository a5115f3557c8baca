"""Every random number of a run comes from its one seed.

A seed for a purpose is a hash of the run's seed and of that purpose's name, so that it does not
depend on the order in which seeds are asked for, nor on what else was drawn before: a resumed run
asks again and gets the same.
"""

import hashlib


def derive_seed(seed: int, *purpose: object) -> int:
    """A positive 31-bit seed for one purpose, below the limit of LAMMPS's generators.

    Parameters
    ----------
    seed : int
        The run's seed.
    *purpose
        What the seed is for, as ``("train", iteration, model)``.

    Returns
    -------
    int
        Between 1 and 899,999,999 (what LAMMPS's Park-Miller and Marsaglia generators accept).
    """
    text = "/".join(str(part) for part in (seed, *purpose))
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") % 899_999_999 + 1
