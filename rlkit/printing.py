"""What a command prints: tables for people, JSON for programs."""

import json
from typing import Any


def show_rows(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Print rows of the same keys as a table, or as JSON."""
    if as_json:
        print(json.dumps(rows, indent=2, default=str))
        return
    if not rows:
        print("none yet")
        return
    cells = [list(rows[0])] + [
        ["" if v is None else f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    for row in cells:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def show_tables(tables: dict[str, list[dict[str, Any]]], document: dict[str, Any], as_json: bool) -> None:
    """Print tables under their names, or the document as JSON."""
    if as_json:
        print(json.dumps(document, indent=2, default=str))
        return
    for name, rows in tables.items():
        print(name)
        show_rows(rows, False)
        print()
