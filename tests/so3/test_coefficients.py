from equical.so3.coefficients import degree_of, edge_degrees, edge_index, edge_rescale, edge_size


def test_edge_order_is_the_published_one() -> None:
    expected = (0, 2, 6, 12, 20, 3, 7, 13, 21, 1, 5, 11, 19, 8, 14, 22, 4, 10, 18)
    assert edge_index(4, 2) == expected
    assert edge_size(6, 2) == 29


def test_degrees_of_both_orders() -> None:
    assert degree_of(2) == (0, 1, 1, 1, 2, 2, 2, 2, 2)
    assert edge_degrees(2, 1) == (0, 1, 2, 1, 2, 1, 2)


def test_rescaling_makes_up_for_dropped_orders_only() -> None:
    assert set(edge_rescale(3, 3)) == {1.0}
    by_degree = dict(zip(edge_degrees(3, 1), edge_rescale(3, 1), strict=True))
    assert by_degree == {0: 1.0, 1: 1.0, 2: (5 / 3) ** 0.5, 3: (7 / 3) ** 0.5}
