"""Small line charts as SVG text: 0.2 ms each, where a matplotlib figure would take the kernel 50 ms."""

import html
from collections.abc import Mapping

import numpy as np

from rlkit.diagnostics import style
from rlkit.widgets.headline import FAINT, INK, MUTED

WIDTH, HEIGHT = 1200, 400  # units of the drawing, which scales with the page
PIXELS = 92  # of its height there
LINE = "fill='none' stroke-width='1.6' vector-effect='non-scaling-stroke' stroke-linejoin='round'"
WIDE = 6  # more curves than this get a card of twice the width
MOST_POINTS = 160  # more would not be seen, and would fill the notebook
CARD = f"border:1px solid {FAINT};border-radius:8px;padding:8px 12px 9px;min-width:0"
LEGEND = f"display:flex;flex-wrap:wrap;gap:0 10px;font-size:11px;line-height:1.5;color:{INK};margin-top:4px"
FRAME = f"position:relative;padding:13px 0;border-bottom:1px solid {FAINT}"
SMALL = f"font-size:10.5px;line-height:1;color:{MUTED};position:absolute"


def chart(title: str, curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> str:
    """An HTML card of curves by name, each (x, y) of float64 (n,): their latest values, and the range of both axes."""
    curves = {name: _thinned(*curve) for name, curve in curves.items()}
    curves = {name: (x, y) for name, (x, y) in curves.items() if len(x)}
    if not curves:
        return f"<div style='{CARD}'>{_head(title)}<div style='color:{MUTED}'>after the first rollouts</div></div>"
    xs, ys = (np.concatenate([curve[axis] for curve in curves.values()]) for axis in (0, 1))
    lines, names = [], []
    for (name, (x, y)), color in zip(curves.items(), style.PALETTE * len(curves), strict=False):
        path = " ".join(map("{},{}".format, _scaled(x, xs, WIDTH), _scaled(-y, -ys, HEIGHT)))
        lines.append(f"<polyline points='{path}' stroke='{color}' {LINE}/>")
        key = f"<b style='color:{color}'>\u2501</b> {html.escape(name)} {y[-1]:.4g}"
        names.append(f"<span style='white-space:nowrap'>{key}</span>")
    box = f"viewBox='-8 -12 {WIDTH + 16} {HEIGHT + 24}' preserveAspectRatio='none'"
    drawing = f"<svg {box} style='display:block;width:100%;height:{PIXELS}px'>{''.join(lines)}</svg>"
    corners = {"top:0;left:0": f"{ys.max():.4g}", "bottom:2px;left:0": f"{ys.min():.4g}"}
    corners["bottom:2px;right:0"] = f"{style.brief(xs.max())} steps"
    marks = "".join(f"<span style='{SMALL};{place}'>{text}</span>" for place, text in corners.items())
    alone = f"{y[-1]:.4g}" if len(curves) == 1 else ""
    legend = "" if alone else f"<div style='{LEGEND}'>{''.join(names)}</div>"
    card = CARD + (";grid-column:span 2" if len(curves) > WIDE else "")
    return f"<div style='{card}'>{_head(title, alone)}<div style='{FRAME}'>{drawing}{marks}</div>{legend}</div>"


def grid(charts: list[str]) -> str:
    """Charts side by side, as many as the page has room for."""
    columns = "display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:10px;align-items:start"
    return f"<div style='{columns};font-size:12px'>{''.join(charts)}</div>"


def _head(title: str, value: str = "") -> str:
    """The title on the left, the latest value of a single curve on the right."""
    row = f"display:flex;justify-content:space-between;font-weight:600;color:{INK};line-height:1.6"
    return f"<div style='{row}'><span>{html.escape(title)}</span><span style='color:{style.BLUE}'>{value}</span></div>"


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The finite points, at most about MOST_POINTS of them with the last; the same ones again while the curve grows."""
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    step = 1 << max(0, (len(x) - 1) // MOST_POINTS).bit_length()
    kept = np.unique(np.append(np.arange(0, len(x), step), max(0, len(x) - 1)))
    return (x[kept], y[kept]) if len(x) else (x, y)


def _scaled(values: np.ndarray, among: np.ndarray, size: int) -> list[int]:
    """Values in whole units, the smallest of `among` at 0 and the largest at `size`; half way where all are equal."""
    low, high = among.min(), among.max()
    return ((values - low) / (high - low) * size if high > low else np.full(len(values), size / 2)).astype(int).tolist()
