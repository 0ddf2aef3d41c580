"""Show in the pages what docstrings hold beside Google's sections: cross-references, doctests, literal blocks."""

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:class|func|meth|data|attr|mod|exc):`(~?)\.?([\w.]+)`")
DOCTEST = re.compile(r"^>>> .*\n?(?:.+\n?)*", re.MULTILINE)
LITERAL = re.compile(r"^::\n", re.MULTILINE)


def _named(match: re.Match[str]) -> str:
    """The name as code, and as a link where the site documents it."""
    short, path = match.groups()
    name = path.rsplit(".", 1)[-1] if short or path.startswith("equical.") else path
    return f'<autoref optional identifier="{path}"><code>{name}</code></autoref>'


def _fenced(match: re.Match[str]) -> str:
    return f"```pycon\n{match[0].rstrip()}\n```\n"


class AsMarkdown(griffe.Extension):
    """Applied to every docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of one object."""
        if obj.docstring:
            text = LITERAL.sub("", ROLE.sub(_named, obj.docstring.value))
            obj.docstring.value = DOCTEST.sub(_fenced, text)
