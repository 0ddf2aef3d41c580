"""How the distance of two atoms, and which atoms they are, weigh a message."""

import torch
from torch import Tensor, nn

__all__ = ["GaussianBasis", "RadialMLP", "polynomial_envelope"]


def polynomial_envelope(distances: Tensor, cutoff: float) -> Tensor:
    """Smooth cutoff f(u) = 1 − 21u⁵ + 35u⁶ − 15u⁷ with u = d/cutoff; zero with two derivatives at and beyond u = 1.

    Gasteiger et al., arXiv 2003.03123, eq. 8 with p = 5.
    """
    u = (distances / cutoff).clamp(max=1.0)
    return 1 - u**5 * (21 - u * (35 - 15 * u))


class GaussianBasis(nn.Module):
    """exp(−½ ((d − μ_k)/2Δ)²) with centres μ_k spaced by Δ from zero to the cutoff, both included."""

    centers: Tensor

    def __init__(self, cutoff: float, num_radial: int):
        super().__init__()
        self.width = 2 * cutoff / (num_radial - 1)
        spacing = cutoff / (num_radial - 1)
        centers = torch.tensor([k * spacing for k in range(num_radial)], dtype=torch.float64)
        self.register_buffer("centers", centers, persistent=False)

    def forward(self, distances: Tensor) -> Tensor:
        """Distances ``[E]`` (Å) to features ``[E, num_radial]``."""
        return torch.exp(-0.5 * ((distances[:, None] - self.centers) / self.width).square())


class RadialMLP(nn.Module):
    """Three linear layers on Gaussians and the two elements of an edge, with layer norm and SiLU between."""

    def __init__(self, num_radial: int, edge_channels: int, outputs: int, max_elements: int):
        super().__init__()
        self.num_radial = num_radial
        self.sender_embedding = nn.Embedding(max_elements, edge_channels)
        self.receiver_embedding = nn.Embedding(max_elements, edge_channels)
        nn.init.uniform_(self.sender_embedding.weight, -0.001, 0.001)
        nn.init.uniform_(self.receiver_embedding.weight, -0.001, 0.001)
        self.linear_1 = nn.Linear(num_radial + 2 * edge_channels, edge_channels)
        self.norm_1 = nn.LayerNorm(edge_channels)
        self.linear_2 = nn.Linear(edge_channels, edge_channels)
        self.norm_2 = nn.LayerNorm(edge_channels)
        self.linear_3 = nn.Linear(edge_channels, outputs)

    def element_parts(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """What atoms add to the first layer as senders and as receivers, once for each atom: ``[N, edge_channels]``."""
        _, from_sender, from_receiver = self._first_layer()
        sender_part = nn.functional.linear(self.sender_embedding(numbers), from_sender, self.linear_1.bias)
        return sender_part, nn.functional.linear(self.receiver_embedding(numbers), from_receiver)

    def _first_layer(self) -> tuple[Tensor, ...]:
        """Weights of the first layer that act on Gaussians, sender and receiver."""
        widths = (self.num_radial, self.linear_2.in_features, self.linear_2.in_features)
        return self.linear_1.weight.split(widths, dim=1)

    def forward(self, basis: Tensor, elements: Tensor) -> Tensor:
        """Radial weights of each edge.

        Args:
            basis: ``[E, num_radial]`` Gaussians of the distances.
            elements: ``[E, edge_channels]`` sum of the parts of both atoms, see :meth:`element_parts`.

        Returns:
            ``[E, outputs]``.
        """
        hidden = basis @ self._first_layer()[0].T + elements
        hidden = nn.functional.silu(self.norm_1(hidden))
        hidden = nn.functional.silu(self.norm_2(self.linear_2(hidden)))
        return self.linear_3(hidden)
