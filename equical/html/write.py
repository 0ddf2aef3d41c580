"""The file of a page."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from equical.files import atomic_path
from equical.html.page import Fact, Image, Page, as_link
from equical.html.scene import scene
from equical.html.table import shown, table_as_html, target
from equical.html.text import as_data, as_text

__all__ = ["page_as_html", "write_page"]


def write_page(page: Page, path: str | os.PathLike[str]) -> Path:
    """Write a page as one file, which needs no other and no network.

    Args:
        page: what to write.
        path: of the file, which is replaced if it exists.
    """
    path = Path(path)
    with atomic_path(path) as temporary:
        temporary.write_bytes(page_as_html(page).encode("utf-8"))
    return path


def page_as_html(page: Page) -> str:
    """The page as text.

    Nothing in it can do more than it should: the scripts of equical alone may run, which a browser tells by their
    hashes, and nothing is fetched from anywhere.
    """
    place = {structure.name: number for number, structure in enumerate(page.structures)}
    scripts = [_asset("table.js")]
    if place:
        scripts += [_asset("vendor/3Dmol-min.js"), _asset("viewer.js")]
    body = [
        _header(page),
        _facts(page.facts, place),
        _warnings(page.warnings),
        f'<main class="{"with-viewer" if place else "alone"}">',
        _asset("viewer.html") if place else "",
        '<div class="results">',
        *(table_as_html(table, place) for table in page.tables),
        _images(page.images),
        "</div>",
        "</main>",
        _footer(page.footer, with_viewer=bool(place)),
        f'<script type="application/json" id="scene">{_scene(page)}</script>' if place else "",
        *(f"<script>{script}</script>" for script in scripts),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{as_text(page.title)}</title>\n<style>\n{_asset('page.css')}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body>\n</html>\n"
    )


def _scene(page: Page) -> str:
    return as_data(scene(page.structures, None if page.first is None else as_link(page.first)))


@cache
def _asset(name: str) -> str:
    """A file of this package; a browser reads line ends as hashes must see them."""
    return files("equical.html").joinpath(name).read_text("utf-8").replace("\r\n", "\n")


def _policy(scripts: Iterable[str]) -> str:
    hashes = " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _header(page: Page) -> str:
    kind = "" if page.good is None else " good" if page.good else " bad"
    verdict = f'<span class="verdict{kind}">{as_text(page.verdict)}</span>' if page.verdict else ""
    subtitle = f"<p>{as_text(page.subtitle)}</p>" if page.subtitle else ""
    return f"<header>\n<h1>{as_text(page.title)}{verdict}</h1>\n{subtitle}\n</header>"


def _facts(facts: Iterable[Fact], place: Mapping[str, int]) -> str:
    entries = []
    for fact in facts:
        value = as_text(shown(fact.value))
        if fact.link is not None:
            value = f'<a href="#structure-{target(fact.link, place)}">{value}</a>'
        unit = f" <small>{as_text(fact.unit)}</small>" if fact.unit and fact.value is not None else ""
        note = f' title="{as_text(fact.note)}"' if fact.note else ""
        entries.append(f"<div{note}><dt>{as_text(fact.name)}</dt><dd>{value}{unit}</dd></div>")
    return f'<dl class="facts">{"".join(entries)}</dl>' if entries else ""


def _warnings(warnings: Iterable[str]) -> str:
    entries = "".join(f"<li>{as_text(warning)}</li>" for warning in warnings)
    return f'<section class="warnings"><h2>To bear in mind</h2><ul>{entries}</ul></section>' if entries else ""


def _images(images: Iterable[Image]) -> str:
    figures = []
    for image in images:
        title = as_text(image.title)
        source = f"data:image/png;base64,{b64encode(image.png).decode()}"
        figures.append(f'<figure><img src="{source}" alt="{title}"><figcaption>{title}</figcaption></figure>')
    return f'<section class="images">{"".join(figures)}</section>' if figures else ""


def _footer(lines: Iterable[str], with_viewer: bool) -> str:
    parts = [f"<p>{as_text(line)}</p>" for line in lines]
    if with_viewer:
        licences = as_text(_asset("vendor/LICENSES.txt"))
        parts.append(f"<details><summary>Structures are drawn by 3Dmol.js</summary><pre>{licences}</pre></details>")
    return f"<footer>{''.join(parts)}</footer>" if parts else ""
