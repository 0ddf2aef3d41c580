"""What a model knows, and how sure it is: kept in a file of its own beside the weights.

From the features x that the energy of an atom is read off, one forward pass tells three things about a structure:

* how far each atom is from those of its element in the data (Mahalanobis distance in x);
* whether atoms are neighbours whose elements were never neighbours in the data, which features need not show;
* the standard deviation of the energy, E_std = N √((s·u)² + (t·d̄)² + (p·E₀)²). The first part is the posterior of a
  linear layer on the mean features x̄ of the structure, u² = x̄ᵀ (⟨x̄ x̄ᵀ⟩ + λ)⁻¹ x̄; the second grows with the distances of
  its atoms, d̄ is their fourth-power mean, in which the unusual ones count most. Their scales s and t are those that fit
  errors on data the model has not seen best. The third is what is not known of pairs that were never seen: their share
  p of the neighbours times E₀, by how much energies per atom vary in the data at all.

The leverage u of a structure tells the standard deviation of forces too, by derivatives of the features, with a scale
of its own. All elements share one covariance, so the file is small however many there are. ``features`` reads them
off, ``forces`` differentiates, ``knowledge`` is what is known of the data, and judges. The file is made by
:mod:`equical.training.calibrate`.
"""

from equical.uncertainty.features import neighbor_pairs, read_features
from equical.uncertainty.forces import force_spread
from equical.uncertainty.knowledge import OUTSIDE, UNCERTAINTY_FILE, Knowledge, Uncertainty

__all__ = [
    "OUTSIDE",
    "UNCERTAINTY_FILE",
    "Knowledge",
    "Uncertainty",
    "force_spread",
    "neighbor_pairs",
    "read_features",
]
