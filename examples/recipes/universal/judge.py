"""Judge a model or any ASE calculator, in one command.

    python judge.py --model universal-run/gradients/model --data universal-data/ --output judged/
    python judge.py --calculator nequix_teacher:calculator --data universal-data/ --output judged-teacher/ --quick

Five pieces, each with a file of its own in the output, which is not computed again while it is there: ``labels``
(errors on what no training has seen), ``crystals`` (volumes, bulk moduli, equations of state), ``order`` (which
structure of a substance is the stablest), ``pairs`` (repulsion of any two elements) and ``phonons``. ``table.txt`` has
them all. ``--quick`` takes a sample of everything.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from calculators import add_choice, chosen
from judge_crystals import judge_crystals, report_crystals
from judge_labels import judge_labels, report_labels
from judge_order import judge_order, report_order
from judge_pairs import judge_pairs, report_pairs
from judge_phonons import judge_phonons, report_phonons

DATA = Path("universal-data")

PIECES: dict[str, tuple[Callable, Callable]] = {
    "labels": (judge_labels, report_labels),
    "crystals": (judge_crystals, report_crystals),
    "order": (judge_order, report_order),
    "pairs": (judge_pairs, report_pairs),
    "phonons": (judge_phonons, report_phonons),
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_choice(parser)
    parser.add_argument("--data", type=Path, default=DATA, help="folder that prepare.py wrote")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--pieces", nargs="+", choices=list(PIECES), default=list(PIECES))
    parser.add_argument("--quick", action="store_true", help="a sample of everything")
    options = parser.parse_args(arguments)
    calculator = chosen(options)
    subject = {"model": options.model or options.calculator, "quick": options.quick}
    options.output.mkdir(parents=True, exist_ok=True)
    texts = []
    for name in options.pieces:
        judge, report = PIECES[name]
        path = options.output / f"{name}.json"
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["subject"] != subject:
                parser.error(f"{path} is about {found['subject']}; give another --output")
        else:
            found = {"subject": subject, **judge(calculator, options.data, options.quick)}
            part = path.with_suffix(".part")
            part.write_text(json.dumps(found, indent=1), encoding="utf-8")
            part.rename(path)
        texts.append("\n".join([f"## {name}", "", *report(found)]))
        print(texts[-1] + "\n", flush=True)
    (options.output / "table.txt").write_text("\n\n".join(texts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
