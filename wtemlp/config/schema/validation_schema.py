"""The schema of the ``validation`` block: what ``wtemlp validate`` does."""

from typing import Any

from dargs import Argument

from wtemlp.config.records import ValidationBounds, ValidationSettings


def validation_block() -> Argument:
    """Schema of ``validation``; every key has a default, taken from the rest of the file."""
    bounds = Argument(
        "bounds", dict, _bounds(), optional=True, doc="What the verdict asks of the models."
    )
    fields = [*_what(), *_lengths(), *_analysis(), bounds]
    doc = "What `wtemlp validate` does with the trained models."
    return Argument("validation", dict, fields, optional=True, doc=doc)


def _field(name: str, kind: Any, doc: str) -> Argument:
    """An optional key without a default of its own."""
    return Argument(name, kind, optional=True, doc=doc)


def _what() -> list[Argument]:
    default = ValidationSettings
    return [
        _field(
            "sys_idx",
            int,
            "System whose first structure MD starts from; that of the first exploration if not "
            "given.",
        ),
        _field("temps", list[float], "Temperatures, K; those of the explorations if not given."),
        Argument(
            "ensembles",
            list[str],
            optional=True,
            default=list(default.ensembles),
            doc='"nvt" (CSVR thermostat), "nve" (from the end of NVT, for dynamics) and "npt" '
            "(density); there is always an NVT part.",
        ),
        Argument(
            "press",
            float,
            optional=True,
            default=default.pressure_bar,
            doc='Pressure of "npt", bar.',
        ),
        _field("models", int, "How many of the models run MD; all of them if not given."),
        Argument(
            "reference",
            bool,
            optional=True,
            default=default.reference,
            doc='Whether the reference force field runs the same MD ("fp_style": "lammps").',
        ),
        _field(
            "temp_factor",
            float,
            "Temperature that ends a run as exploded, in units of the target; that of the "
            "explorations' guard if not given.",
        ),
    ]


def _lengths() -> list[Argument]:
    default = ValidationSettings
    return [
        _field("equil_steps", int, "Steps of NVT before anything counts; 5 ps if not given."),
        _field("nvt_steps", int, "Steps of NVT; 20 ps if not given."),
        _field("nve_steps", int, "Steps of NVE; 50 ps if not given."),
        _field(
            "npt_steps",
            int,
            "Steps of NPT, the first quarter of which does not count; 20 ps if not given.",
        ),
        _field(
            "trj_freq",
            int,
            "Steps between stored frames; if not given, 50 fs, or more where there would be more "
            "than 2000 frames.",
        ),
        Argument(
            "thermo_freq",
            int,
            optional=True,
            default=default.thermo_freq,
            doc="Steps between recorded temperatures, energies and pressures.",
        ),
    ]


def _analysis() -> list[Argument]:
    default = ValidationSettings
    return [
        _field(
            "pairs",
            list[str],
            'Radial distribution functions, as ["O-O", "O-H"]; all pairs of elements if not given.',
        ),
        _field(
            "diffusion",
            list[str],
            "Elements whose self-diffusion is measured; those heavier than hydrogen if not given.",
        ),
        _field(
            "viscosity_mPa_s",
            [float, list[float]],
            "Shear viscosity of the liquid itself, for the finite-size correction of "
            "self-diffusion: a number, or one per temperature.  If not given, there is none.",
        ),
        Argument(
            "vacf",
            bool,
            optional=True,
            default=default.vacf,
            doc="Whether velocities are recorded in NVE, for their autocorrelation.",
        ),
        Argument(
            "energy_bins",
            int,
            optional=True,
            default=default.energy_bins,
            doc="Bins of the reference energy in which errors on validation_data_sys are told.",
        ),
    ]


def _bounds() -> list[Argument]:
    def field(name: str, doc: str) -> Argument:
        default = getattr(ValidationBounds, name)
        return Argument(name, float, optional=True, default=default, doc=doc)

    return [
        field("temperature", "Deviation of the mean temperature in NVT, fraction of the target."),
        field(
            "temperature_std",
            "Deviation of the temperature's fluctuation in NVT, fraction of the canonical one.",
        ),
        field("energy_drift_meV_atom_ns", "Drift of the total energy in NVE, meV/atom/ns."),
        field(
            "energy_mean_meV_atom",
            "Deviation of the mean potential energy in NVT from the reference's, without the mean "
            "offset on validation_data_sys, meV/atom.",
        ),
        field(
            "energy_std",
            "Deviation of the potential energy's fluctuation in NVT, fraction of the reference's.",
        ),
        field("rdf", "Distance of a radial distribution function from the reference's."),
        field("diffusion", "Deviation of self-diffusion, fraction of the reference's."),
        field("pressure_bar", "Deviation of the pressure in NVT from the reference's, bar."),
        field("density", "Deviation of the density, fraction of the reference's."),
        field(
            "energy_rmse_meV_atom",
            "Error of the energy on validation_data_sys, without its mean offset, meV/atom.",
        ),
        field(
            "force_rmse_meV_A",
            "Error of the components of the forces on validation_data_sys, meV/Angstrom.",
        ),
    ]
