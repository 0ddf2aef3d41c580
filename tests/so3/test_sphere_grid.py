import pytest
import torch

from equical.so3.sphere_grid import equiangular_grid, gauss_legendre_grid, sphere_grid


@pytest.mark.parametrize(("points", "weights"), [gauss_legendre_grid(12, 12), equiangular_grid(14, 8)])
def test_weights_sum_to_one_on_unit_vectors(points: torch.Tensor, weights: torch.Tensor) -> None:
    torch.testing.assert_close(points.norm(dim=-1), torch.ones(len(points), dtype=torch.float64))
    torch.testing.assert_close(weights.sum().item(), 1.0)


def test_coefficients_survive_the_way_to_the_grid_and_back() -> None:
    for grid in (sphere_grid(4), sphere_grid(4, 4), sphere_grid(3, None, (14, 14))):
        size = grid.to_grid.shape[1]
        torch.testing.assert_close(
            grid.from_grid @ grid.to_grid, torch.eye(size, dtype=torch.float64), rtol=0, atol=1e-13
        )


def test_published_grids_have_their_published_norms() -> None:
    edge, node = sphere_grid(4, 2, (14, 8)), sphere_grid(4, None, (14, 14))
    expected = [0.4472135955, 0.444401610279, 0.438804161595, 0.509343723493, 0.562804393315]
    torch.testing.assert_close(edge.to_grid[0, :5].tolist(), expected, rtol=0, atol=1e-11)
    assert edge.to_grid.norm().item() == pytest.approx(10.9469209427, abs=1e-9)
    assert edge.from_grid.norm().item() == pytest.approx(2.8913958642, abs=1e-9)
    assert node.to_grid.norm().item() == pytest.approx(14.0, abs=1e-9)
    assert node.from_grid.norm().item() == pytest.approx(2.2786479678, abs=1e-9)


@pytest.mark.parametrize(("lmax", "mmax", "published"), [(4, 2, (14, 8)), (6, 2, (20, 8))])
def test_smallest_grid_multiplies_like_the_published_one(lmax: int, mmax: int, published: tuple[int, int]) -> None:
    small, large = sphere_grid(lmax, mmax), sphere_grid(lmax, mmax, published)
    assert len(small.to_grid) < len(large.to_grid)
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(2, small.to_grid.shape[1], dtype=torch.float64, generator=generator)
    products = [grid.from_grid @ ((grid.to_grid @ x) * (grid.to_grid @ y)) for grid in (small, large)]
    torch.testing.assert_close(products[0], products[1], rtol=0, atol=1e-13)
