"""What a model knows, and how sure it is: kept in a file of its own beside the weights.

One forward pass tells three things about a structure:

* how far the surroundings of each atom are from all those of its element in the data: the distance, in what the first
  layer is given, to the nearest of some atoms that were kept of the data;
* whether atoms are neighbours whose elements were never neighbours in the data, which features need not show;
* the standard deviation of the energy, E_std = N √((s·e)² + (t·d̄)² + (p·E₀)²). The first part is the usual error of
  such structures, e = exp(w·x̄) with the mean x̄ of the features that energies are read off, and w from errors on the
  data that the model was made from; the second grows with the distances of its atoms, d̄ is their fourth-power mean, in
  which the unusual ones count most. Their scales s and t are those that fit errors on data the model has not seen best.
  The third is what is not known at all: E₀, by how much energies per atom vary in the data, times the larger of two
  shares p, that of the neighbours whose pair was never seen, and the mean over atoms of 1 − 1/d where d exceeds 1.

The standard deviation of forces comes from the posterior of a linear layer on x̄, u² = x̄ᵀ (⟨x̄ x̄ᵀ⟩ + λ)⁻¹ x̄, by
derivatives of the features, with a scale of its own. ``features`` reads features off, ``surroundings`` tells
distances, ``forces`` differentiates, ``knowledge`` is what is known of the data, and judges. The file is made by
:mod:`equical.training.calibrate`.
"""

from equical.uncertainty.features import Features, neighbor_pairs, read_features
from equical.uncertainty.forces import force_spread
from equical.uncertainty.knowledge import OUTSIDE, UNCERTAINTY_FILE, Knowledge, Uncertainty
from equical.uncertainty.surroundings import Surroundings

__all__ = [
    "OUTSIDE",
    "UNCERTAINTY_FILE",
    "Features",
    "Knowledge",
    "Surroundings",
    "Uncertainty",
    "force_spread",
    "neighbor_pairs",
    "read_features",
]
