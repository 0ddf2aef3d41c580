"""What pages take from the repository while the site is built: the cards of the shipped models, and tables of keys."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

MODELS = Path(__file__).resolve().parent.parent / "models"
CARDS = "<!-- cards of the shipped models -->"
KEYS = "<!-- keys of a training configuration -->"


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pictures of the cards."""
    for path in sorted(MODELS.glob("*/*.png")):
        files.append(File.generated(config, _picture(path), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the cards of all shipped models, and the keys of a training, where a page asks for them."""
    if CARDS in markdown:
        cards = [_card(path) for path in sorted(MODELS.glob("*/README.md"))]
        lowered = "\n\n".join(re.sub(r"^#", "##", card, flags=re.MULTILINE) for card in cards)
        markdown = markdown.replace(CARDS, lowered)
    if KEYS in markdown:
        from equical.training.config.keys import as_markdown

        markdown = markdown.replace(KEYS, as_markdown())
    return markdown


def _card(path: Path) -> str:
    """A card whose pictures are found where :func:`on_files` puts them."""
    here = re.compile(r"\]\((\w+\.png)\)")
    return here.sub(lambda found: f"]({_picture(path.with_name(found[1]))})", path.read_text("utf-8").strip())


def _picture(path: Path) -> str:
    return f"images/models/{path.parent.name}-{path.name}"
