"""What pages take from the repository while the site is built: the cards of the shipped models, and tables of keys."""

import re
from pathlib import Path

MODELS = Path(__file__).resolve().parent.parent / "models"
CARDS = "<!-- cards of the shipped models -->"
KEYS = "<!-- keys of a training configuration -->"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the cards of all shipped models, and the keys of a training, where a page asks for them."""
    if CARDS in markdown:
        cards = [card.read_text("utf-8").strip() for card in sorted(MODELS.glob("*/README.md"))]
        lowered = "\n\n".join(re.sub(r"^#", "##", card, flags=re.MULTILINE) for card in cards)
        markdown = markdown.replace(CARDS, lowered)
    if KEYS in markdown:
        from equical.training.config.keys import as_markdown

        markdown = markdown.replace(KEYS, as_markdown())
    return markdown
