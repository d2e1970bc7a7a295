"""The page of robots says what the code does."""

from __future__ import annotations

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_and_its_pictures_are_up_to_date():
    specification = importlib.util.spec_from_file_location("draw_embodiments", DOCS / "draw_embodiments.py")
    program = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(program)
    stale = [path.name for path, text in program.files().items() if not path.is_file() or path.read_text() != text]
    assert stale == [], "run: python docs/draw_embodiments.py"
