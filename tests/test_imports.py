"""Imports point one way, and none costs more than it must."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import equical

PACKAGE = Path(equical.__file__).parent
LAYERS = [  # each may import itself and what stands above it here
    {"errors", "files", "prediction"},
    {"so3", "neighbors"},
    {"graph", "structures"},
    {"model"},
    {"weights"},
    {"checkpoint"},
    {"inference"},
    {"calculator"},
    {"testing"},
    {"workflows"},
    {"conversion", "training"},
    {"cli"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


def imported_modules(path: Path) -> set[str]:
    """Modules that a file imports anywhere, within functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {node.module or ""}
            if node.module == "equical":
                found |= {f"equical.{alias.name}" for alias in node.names}
    return found


def imported(path: Path) -> set[str]:
    """Parts of equical that a file imports."""
    names = {name.split(".")[1] for name in imported_modules(path) if name.startswith("equical.")}
    return names - {"__version__", "InputError"}


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE or not path.name.startswith("__")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    own = part(path)
    assert own in RANK, f"give {own} a place in LAYERS"
    others = {name for name in imported(path) if name != own}
    assert {name for name in others if RANK[name] >= RANK[own]} == set()


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import equical", {"torch", "ase", "numpy", "matplotlib"}),
        ("import equical.cli", {"torch", "ase", "numpy", "matplotlib"}),
        ("import equical.cli.relax", {"torch", "ase", "numpy", "matplotlib"}),
        ("from equical import relax", {"torch", "matplotlib", "spglib"}),
    ],
)
def test_imports_are_no_heavier_than_they_must_be(statement, absent):
    script = f"{statement}\nimport sys\nprint(*sys.modules)"
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert absent.isdisjoint(process.stdout.split())


def test_public_names_are_there():
    for name in equical.__all__:
        assert getattr(equical, name) is not None
    assert set(equical.__all__) <= set(dir(equical))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = equical.nonsense


def test_importing_the_calculator_is_light_and_changes_no_global_state():
    script = (
        "import os, sys, torch\n"
        "before = torch.get_default_dtype(), torch.get_num_threads(), dict(os.environ)\n"
        "precision = torch.get_float32_matmul_precision()\n"
        "from equical import EquiCalc, relax\n"
        "assert before == (torch.get_default_dtype(), torch.get_num_threads(), dict(os.environ))\n"
        "assert precision == torch.get_float32_matmul_precision()\n"
        "assert not {'matplotlib', 'phonopy', 'spglib'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def module_of(name: str) -> Path | None:
    """The file of a module or package of equical by its full name; None if it is neither."""
    place = PACKAGE.parent.joinpath(*name.split("."))
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def imported_files(path: Path) -> set[Path]:
    """Files that a file imports from anywhere in it: at the top, within functions, and for types alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {module_of(alias.name) for alias in node.names if alias.name.startswith("equical")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("equical"):
            for alias in node.names:  # a module of the package, or a name in it
                found.add(module_of(f"{node.module}.{alias.name}") or module_of(node.module))
    return {file for file in found if file is not None} - {path, PACKAGE / "__init__.py"}


def test_no_files_import_each_other_in_a_circle():
    graph = {path: imported_files(path) for path in FILES}
    done: set[Path] = set()

    def visit(path: Path, way: tuple[Path, ...]) -> None:
        assert path not in way, " → ".join(str(file.relative_to(PACKAGE)) for file in (*way[way.index(path) :], path))
        if path not in done:
            for other in sorted(graph.get(path, ())):
                visit(other, (*way, path))
            done.add(path)

    for path in FILES:
        visit(path, ())
