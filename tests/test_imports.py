"""Imports point one way, and none costs more than it must."""

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import equical

PACKAGE = Path(equical.__file__).parent
LAYERS = {  # in each package, parts may import themselves and what stands above them here, but not beside them
    "equical": [
        {"errors", "files", "prediction", "version"},
        {"html", "so3", "neighbors"},
        {"graph", "structures"},
        {"model"},
        {"uncertainty", "weights"},
        {"checkpoint", "domain"},
        {"catalogue"},
        {"inference"},
        {"calculator"},
        {"testing"},
        {"workflows"},
        {"conversion", "interfaces", "training"},
        {"cli"},
        {"__init__", "__main__"},
    ],
    "equical.model": [
        {"kernels", "output", "scales", "sizes"},
        {"bricks"},
        {"v1", "v2", "v3"},
        {"generations"},
        {"potential"},
        {"frozen"},
        {"__init__"},
    ],
}


def module_name(path: Path) -> str:
    """``equical.model`` for ``equical/model/__init__.py``."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(path: Path) -> set[str]:
    """Modules of equical that a file imports anywhere: at its top, within functions, and for types only."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in FILES else node.module for name in names}
    return found & FILES.keys()


def part(module: str, package: str) -> str:
    """Which part of a package a module belongs to; the package's own file is ``__init__``."""
    return module.removeprefix(package).split(".")[1] if module != package else "__init__"


@pytest.mark.parametrize("module", FILES)
def test_imports_point_one_way(module):
    for package, layers in LAYERS.items():
        if not f"{module}.".startswith(f"{package}."):
            continue
        rank = {name: number for number, layer in enumerate(layers) for name in layer}
        own = part(module, package)
        assert own in rank, f"give {own} a place among the layers of {package}"
        others = {part(name, package) for name in imported(FILES[module]) if f"{name}.".startswith(f"{package}.")}
        assert {name for name in others - {own} if rank[name] >= rank[own]} == set()


def test_no_file_imports_itself_by_way_of_others():
    """Types count as well: what needs a type of what needs it is one thing, and belongs together."""
    graph = {module: imported(path) - {module} for module, path in FILES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" ← ".join(error.args[1]))


def test_no_class_name_has_two_meanings():
    """The same brick of two generations has one name: which it is, its module says."""
    homes: dict[str, set[str]] = {}
    for module, path in FILES.items():
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, set()).add(re.sub(r"model\.v[123]\..*", "generation", module))
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}


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
