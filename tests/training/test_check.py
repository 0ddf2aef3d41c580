"""``equical.check_data``, as Python code meets it; what is found is tested with the audit."""

import json

from ase.io import read, write

import equical
from tests.training.labelled import write_copper


def test_findings_are_counted_and_kept(tmp_path):
    path = write_copper(tmp_path, 12)
    sound = equical.check_data({"paths": path, "group_key": "run"})
    assert sound.converged and sound.findings == () and sound.warnings == ()
    images = read(path, ":")
    for atoms in images:
        atoms.calc.results["stress"] = 160.2 * atoms.calc.results["stress"]
    write(path, images)
    result = equical.check_data(path, valid=path, output=tmp_path / "findings.json")
    assert not result.converged
    assert result.structures == 12
    checks = [finding.check for finding in result.findings]
    assert "stress unit" in checks and "split" in checks
    written = json.loads((tmp_path / "findings.json").read_text())
    assert [finding["check"] for finding in written["findings"]] == checks
    assert written["warnings"] == list(result.warnings)
