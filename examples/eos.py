"""Equation of state of copper: which lattice constant and bulk modulus does a model give, and how good is the fit?

On the command line the same is

    equical eos cu.cif --volume-range 0.08
"""

from ase import units
from ase.build import bulk

from equical import EquiCalc
from equical.workflows.eos.fit import fit_eos
from equical.workflows.eos.run import eos


def main(model: str = "metals-pbe", num_points: int = 11, folder: str = "eos-example") -> None:
    copper = bulk("Cu", "fcc", a=3.61, cubic=True)

    # Volumes from 92 % to 108 % of the input's. The range is one of volume: lattice constants change by 2.7 %.
    result = eos(
        copper,
        EquiCalc(model, dtype="float64"),
        form="birchmurnaghan",
        volume_range=0.08,
        num_points=num_points,
        output=folder,
        overwrite=True,
        progress=True,
    )
    if not result.converged:  # a fit that cannot be trusted gives no numbers but reasons
        print(*result.warnings, sep="\n")
        return

    print(f"lattice constant  {3.61 * result.lattice_scale:.4f} Å   (experiment 3.603 Å at 0 K)")
    print(f"bulk modulus      {result.bulk_modulus:.1f} GPa  (experiment 142 GPa at 0 K)")
    print(f"its derivative    {result.bulk_modulus_derivative:.2f}")
    print(f"quality           rms {1000 * result.fit.rms_residual:.3g} meV/atom, R² {result.fit.r_squared:.6f}")

    # Do other equations of state agree about the same points?
    for form in ("vinet", "murnaghan"):
        fit = fit_eos(result.volumes, result.energies, len(copper), form)
        lattice_constant = 3.61 * (fit.volume / copper.get_volume()) ** (1 / 3)
        print(f"{form:<17} a = {lattice_constant:.4f} Å, B0 = {fit.bulk_modulus / units.GPa:.1f} GPa")
    print(f"plot, points and numbers are in {folder}/")


if __name__ == "__main__":
    main()
