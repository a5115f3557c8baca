"""The viscosity that the finite-size correction of self-diffusion needs."""

from dataclasses import dataclass

from wtemlp.config.records import Params


@dataclass(frozen=True)
class Viscosity:
    """A shear viscosity, and where it is from."""

    mPa_s: float
    source: str


#: Shear viscosities of the reference force fields, mPa s, and the temperatures (K) for which they
#: may be taken: water's changes by 2 per cent and more with every kelvin.
KNOWN = {
    "tip3p-flexible": (
        Viscosity(
            0.321,
            "rigid TIP3P at 298 K, Gonzalez and Abascal, J. Chem. Phys. 132, 096101 (2010)",
        ),
        (293.0, 303.0),
    )
}


def viscosity(params: Params, temperature_K: float) -> Viscosity | None:
    """That of the parameter file, or that of the reference; None where it is not known.

    Parameters
    ----------
    params : Params
    temperature_K : float
        One of ``validation.temps``.
    """
    given = params.validation.viscosity_mPa_s
    if given is not None:
        place = params.validation.temps_K.index(temperature_K)
        return Viscosity(given[place], "validation.viscosity_mPa_s")
    if params.force_field is None or params.force_field.name not in KNOWN:
        return None
    known, (low, high) = KNOWN[params.force_field.name]
    return known if low <= temperature_K <= high else None
