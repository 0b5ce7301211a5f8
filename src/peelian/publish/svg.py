"""Small pure functions that give SVG text: the vocabulary of every map and chart here.

A drawing is one ``<svg role="img">`` with a title and a description. Colours are attributes in the light palette plus
classes that a page's stylesheet overrides (`peelian.publish.palette`), so that a drawing also stands alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from markupsafe import Markup, escape

from peelian.publish.palette import LIGHT

__all__ = ["box", "circle", "coordinate", "draw", "fill", "line", "path", "stroke", "text"]

FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','Liberation Sans',Arial,sans-serif"


def coordinate(value: float) -> str:
    """A coordinate with at most one decimal, in as few characters as possible."""
    said = f"{value:.1f}"
    said = said.removesuffix(".0")
    return "0" if said in ("-0", "") else said


def fill(name: str) -> str:
    """Attributes that fill with a colour of the palette; ``"none"`` for no fill."""
    return 'fill="none"' if name == "none" else f'class="f-{name}" fill="{LIGHT[name]}"'


def stroke(name: str, width: float = 1.0, *, dash: str = "") -> str:
    """Attributes of an unfilled line in a colour of the palette."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'class="s-{name}" fill="none" stroke="{LIGHT[name]}" stroke-width="{width:g}"{dashed}'


def draw(
    body: Iterable[str],
    *,
    width: float,
    height: float,
    title: str,
    desc: str,
    kind: str = "chart",
    defs: str = "",
) -> Markup:
    """Wrap drawn elements as one picture.

    Parameters
    ----------
    body : iterable of str
        SVG elements, already escaped.
    width, height : float
        Of the view box; the picture scales to where it stands.
    title, desc : str
        What it is, and what it shows in words, for those who don't see it.
    kind : str
        Class of the picture: ``"chart"`` or ``"map"``.
    defs : str
        Patterns and the like.

    Returns
    -------
    Markup
        Safe to put in a page as it is. Ids inside are made from the content, so two pictures on a page don't clash.
    """
    inside = "".join(body)
    key = "s" + hashlib.sha256(f"{title}\0{desc}\0{inside}".encode()).hexdigest()[:8]
    inside, defs = inside.replace("#ID-", f"#{key}-"), defs.replace('"ID-', f'"{key}-')
    size = f"{coordinate(width)} {coordinate(height)}"
    return Markup(  # noqa: S704 - every text in body went through `text` or `escape`
        f'<svg xmlns="http://www.w3.org/2000/svg" class="pl-{kind}" viewBox="0 0 {size}" role="img" '
        f'aria-labelledby="{key}-t {key}-d" font-family="{FONT}" font-size="13">'
        f'<title id="{key}-t">{escape(title)}</title><desc id="{key}-d">{escape(desc)}</desc>'
        + (f"<defs>{defs}</defs>" if defs else "")
        + f"{inside}</svg>"
    )


def text(
    x: float,
    y: float,
    said: str,
    *,
    colour: str = "ink",
    anchor: str = "start",
    size: float = 0,
    bold: bool = False,
) -> str:
    """One line of text with its baseline at `y`; escaped here."""
    extra = "" if anchor == "start" else f' text-anchor="{anchor}"'
    extra += f' font-size="{size:g}"' if size else ""
    extra += ' font-weight="600"' if bold else ""
    return f'<text x="{coordinate(x)}" y="{coordinate(y)}" {fill(colour)}{extra}>{escape(said)}</text>'


def line(
    x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1.0, *, dash: str = ""
) -> str:
    """A straight line."""
    ends = " ".join(
        f'{k}="{coordinate(v)}"' for k, v in zip(("x1", "y1", "x2", "y2"), (x1, y1, x2, y2), strict=True)
    )
    return f"<line {ends} {stroke(colour, width, dash=dash)}/>"


def box(x: float, y: float, width: float, height: float, paint: str) -> str:
    """A rectangle, painted with the attributes of `fill` or `stroke`."""
    return (
        f'<rect x="{coordinate(x)}" y="{coordinate(y)}" width="{coordinate(width)}" '
        f'height="{coordinate(height)}" {paint}/>'
    )


def circle(x: float, y: float, radius: float, paint: str) -> str:
    """A disc, painted with the attributes of `fill` or `stroke`."""
    return f'<circle cx="{coordinate(x)}" cy="{coordinate(y)}" r="{coordinate(radius)}" {paint}/>'


def path(d: str, paint: str, *, title: str = "") -> str:
    """A path, with an optional title of its own (shown on hover)."""
    if title:
        return f'<path d="{d}" {paint}><title>{escape(title)}</title></path>'
    return f'<path d="{d}" {paint}/>'
