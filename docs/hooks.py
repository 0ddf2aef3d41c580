"""What pages take from the repository while the site is built: the cards of the shipped models, and file names."""

import re
from pathlib import Path

MODELS = Path(__file__).resolve().parent.parent / "models"
CARDS = "<!-- cards of the shipped models -->"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the cards of all shipped models where a page asks for them, their headings one level down."""
    if CARDS not in markdown:
        return markdown
    cards = [card.read_text("utf-8").strip() for card in sorted(MODELS.glob("*/README.md"))]
    return markdown.replace(CARDS, "\n\n".join(re.sub(r"^#", "##", card, flags=re.MULTILINE) for card in cards))
