"""Network plus reference energies: everything in physical units."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal, Self

import torch
from torch import Tensor, nn

from equical.graph import AtomGraph
from equical.model.bricks.embedding import ForceEncoding
from equical.model.bricks.repulsion import ZBLRepulsion
from equical.model.generations import AnyConfig, build_network
from equical.model.kernels.segment import segment_sum
from equical.model.output import NetworkOutput
from equical.model.scales import Scales
from equical.model.v3.config import ModelConfig
from equical.prediction import Prediction

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Potential", "edge_vectors"]

EnergyKind = Literal["total", "adsorption"]


class Potential(nn.Module):
    """A force field: E = scale · Σ network + Σ repulsion + Σ reference energies.

    Args:
        config: architecture.
        elements: atomic numbers the force field was trained for.
        reference_energies: eV for each atomic number, added for each atom; zero where missing.
        scale: eV, one unit of the network's energy, shared by direct forces and stresses (eV/Å, eV/Å³); or a scale and
            an offset for each, as published models have them.
        energy_kind: ``"total"``, or ``"adsorption"`` for energies relative to clean slab and gas.
        dtype: floating-point type of the network; ``to`` changes it later.
    """

    reference_energies: Tensor
    stress_offset: Tensor

    def __init__(
        self,
        config: AnyConfig,
        elements: Iterable[int],
        reference_energies: Mapping[int, float] | None = None,
        scale: float | Scales = 1.0,
        energy_kind: EnergyKind = "total",
        dtype: torch.dtype = torch.float32,
    ):
        super().__init__()
        self.config = config
        self.elements = tuple(sorted(int(z) for z in elements))
        assert self.elements[-1] < config.max_elements
        self.scales = scale if isinstance(scale, Scales) else Scales.uniform(float(scale))
        self.energy_kind: EnergyKind = energy_kind
        self.network = build_network(config)
        core = isinstance(config, ModelConfig) and config.repulsion == "zbl"
        self.repulsion = ZBLRepulsion(config.max_elements) if core else None
        references = torch.zeros(config.max_elements, dtype=torch.float64)
        for number, energy in (reference_energies or {}).items():
            references[number] = energy
        self.register_buffer("reference_energies", references, persistent=False)
        self.register_buffer("stress_offset", self.scales.stress_offset(), persistent=False)
        # Constants (grids, Gaussian centres, reference energies) in full precision: converting a float32 model to
        # float64 must not carry their rounded values along.
        self._constants = {name: b.clone() for name, b in self.named_buffers() if b.is_floating_point()}
        self.to(dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Convert or move, then renew the constants; reference energies, hundreds of eV an atom, stay in float64."""
        super()._apply(fn, recurse)
        weight = self.network.norm.weight
        for name, constant in self._constants.items():
            module, _, leaf = name.rpartition(".")
            dtype = torch.float64 if name == "reference_energies" else weight.dtype
            self.get_submodule(module).register_buffer(leaf, constant.to(weight.device, dtype), persistent=False)
        return self

    @property
    def cutoff(self) -> float:
        """Å."""
        return self.config.cutoff

    @property
    def predicts_stress(self) -> bool:
        """Whether there is a stress: as derivative of the energy, or from a head of its own."""
        return self.config.conservative or self.network.stress_head is not None

    @property
    def scale(self) -> float:
        """eV, one unit of the network's energy."""
        return self.scales.energy

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the network."""
        return self.network.norm.weight.dtype

    def graph(self, atoms: "Atoms", dtype: torch.dtype = torch.float64) -> AtomGraph:
        """The graph of one ASE structure with the neighbours this model looks at, on the CPU."""
        config = self.config
        return AtomGraph.from_atoms(
            atoms, self.cutoff, dtype, max_neighbors=config.max_neighbors, strict=config.strict_neighbors
        )

    def predict(
        self,
        graph: AtomGraph,
        *,
        forces: bool = True,
        stress: bool = False,
        create_graph: bool = False,
        encoding: ForceEncoding | None = None,
    ) -> Prediction:
        """Evaluate a batch of structures, all edges at once; see :mod:`equical.model.frozen` for large ones.

        The graph may be more precise than the network: edge vectors are made in the graph's type and then rounded, and
        sums over edges and atoms are taken in float64.

        Args:
            graph: structures with their edges.
            forces: whether forces are wanted.
            stress: whether stresses are wanted.
            create_graph: keep everything differentiable in the parameters, for training.
            encoding: forces of corrupted structures (DeNS models only).
        """
        derive = self.config.conservative and (forces or stress)
        vectors = edge_vectors(graph).to(self.dtype)
        with torch.set_grad_enabled(derive or create_graph):
            vectors = vectors.detach().requires_grad_(derive)
            output = self.network(graph.numbers, vectors, graph.sender, graph.receiver, encoding)
            learned = output.energy.double() * self.scales.energy
            if self.repulsion is not None:
                repulsion = self.repulsion(graph.numbers, vectors, graph.sender, graph.receiver)
                learned = learned + repulsion.double()
            atom_energies = learned + self.reference_energies.index_select(0, graph.numbers)
            if self.scales.energy_mean:
                share = self.scales.energy_mean / atom_counts(graph)
                atom_energies = atom_energies + share.index_select(0, graph.structure)
            energy = segment_sum(atom_energies[:, None], graph.structure, graph.num_structures)[:, 0]
            if derive:
                pull = _edge_gradient(learned.sum(), vectors, create_graph)
                found_forces = forces_from_edges(pull, graph) if forces else None
                found_stress = stress_from_edges(pull, vectors, graph) if stress else None
            else:
                found_forces = self._direct_forces(output) if forces else None
                found_stress = self._direct_stress(output, graph) if stress else None
        if not create_graph:
            energy, atom_energies = energy.detach(), atom_energies.detach()
        noise = None if output.noise is None else output.noise.double()
        return Prediction(energy, atom_energies, found_forces, found_stress, noise)

    def _direct_forces(self, output: NetworkOutput) -> Tensor | None:
        if output.forces is None:
            return None
        return output.forces.double() * self.scales.forces + self.scales.forces_mean

    def _direct_stress(self, output: NetworkOutput, graph: AtomGraph) -> Tensor | None:
        if output.stress is None:
            return None
        total = segment_sum(output.stress.double(), graph.structure, graph.num_structures)
        raw = total / atom_counts(graph)[:, None, None]
        isotropic = torch.diag_embed(raw.diagonal(dim1=1, dim2=2).mean(dim=1, keepdim=True).expand(-1, 3))
        scaled = self.scales.stress * isotropic + self.scales.anisotropic_stress * (raw - isotropic)
        return scaled + self.stress_offset.double()


def atom_counts(graph: AtomGraph) -> Tensor:
    """``[B]`` float64, atoms of each structure."""
    ones = torch.ones_like(graph.structure, dtype=torch.float64)
    return segment_sum(ones[:, None], graph.structure, graph.num_structures)[:, 0]


def edge_vectors(graph: AtomGraph) -> Tensor:
    """``[E, 3]`` Å: position of the sender's image minus position of the receiver."""
    cells = graph.cell.index_select(0, graph.structure.index_select(0, graph.receiver))
    offset = torch.bmm(graph.shift[:, None, :], cells)[:, 0]
    return graph.positions.index_select(0, graph.sender) + offset - graph.positions.index_select(0, graph.receiver)


def _edge_gradient(energy: Tensor, vectors: Tensor, create_graph: bool) -> Tensor:
    """Derivative of the energy with respect to each edge vector: ``[E, 3]`` eV/Å."""
    if not energy.requires_grad:  # no edge at all
        return torch.zeros_like(vectors)
    (gradient,) = torch.autograd.grad(energy, vectors, create_graph=create_graph)
    return gradient


def forces_from_edges(gradient: Tensor, graph: AtomGraph) -> Tensor:
    """``[N, 3]`` eV/Å from dE/dv ``[E, 3]``: an edge pulls its receiver along and pushes its sender back."""
    gradient = gradient.double()
    pulled = segment_sum(gradient, graph.receiver, graph.num_atoms)
    return pulled - segment_sum(gradient, graph.sender, graph.num_atoms)


def stress_from_edges(gradient: Tensor, vectors: Tensor, graph: AtomGraph) -> Tensor:
    """``[B, 3, 3]`` eV/Å³: Σ ½(v gᵀ + g vᵀ)/V over the edges of a structure; not a number where the volume is zero."""
    outer = vectors.detach().double()[:, :, None] * gradient.double()[:, None, :]
    of_edge = graph.structure.index_select(0, graph.receiver)
    virial = segment_sum(0.5 * (outer + outer.transpose(1, 2)), of_edge, graph.num_structures)
    cell = graph.cell.double()
    volume = (cell[:, 0] * torch.linalg.cross(cell[:, 1], cell[:, 2])).sum(dim=-1).abs()
    return virial / torch.where(volume > 0, volume, torch.nan)[:, None, None]
