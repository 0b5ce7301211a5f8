"""The colours of everything published, in light and in dark, and the arithmetic that says they can be read.

Contrast is the ratio of relative luminances of WCAG 2.2 (success criteria 1.4.3 and 1.4.11). The five classes of a
map differ in luminance first and in hue second, so that they keep their order for colour-blind readers and on a
black-and-white printer.
"""

from __future__ import annotations

__all__ = ["CLASSES", "DARK", "LIGHT", "contrast", "css", "luminance"]

CLASSES = 5
"""Colours of a map, from few to many."""

LIGHT: dict[str, str] = {
    "paper": "#ffffff",
    "wash": "#f3f5f6",
    "ink": "#15202b",
    "muted": "#4b5a67",
    "rule": "#c9d1d7",
    "edge": "#6b7883",
    "link": "#0b4f8a",
    "accent": "#b23c0e",
    "good": "#17633a",
    "warn": "#8a4b00",
    "warnwash": "#fff4de",
    "q0": "#e9eff2",
    "q1": "#b8d3de",
    "q2": "#7aadc4",
    "q3": "#3c7ea3",
    "q4": "#144a75",
    "on0": "#15202b",
    "on1": "#15202b",
    "on2": "#15202b",
    "on3": "#ffffff",
    "on4": "#ffffff",
    "band": "#cfe0e8",
    "data": "#144a75",
}
"""Name -> colour on white paper: also what is printed, and what an SVG carries when it stands alone."""

DARK: dict[str, str] = {
    "paper": "#12181d",
    "wash": "#1b242b",
    "ink": "#edf1f4",
    "muted": "#a9b6c0",
    "rule": "#3a4751",
    "edge": "#8b98a3",
    "link": "#8cc4f5",
    "accent": "#ff9a5a",
    "good": "#7fd3a2",
    "warn": "#ffc56b",
    "warnwash": "#352813",
    "q0": "#222e37",
    "q1": "#2d5064",
    "q2": "#417a97",
    "q3": "#79b3cf",
    "q4": "#d3ecf7",
    "on0": "#edf1f4",
    "on1": "#edf1f4",
    "on2": "#ffffff",
    "on3": "#10181d",
    "on4": "#10181d",
    "band": "#2b4657",
    "data": "#a9d4e8",
}
"""The same names on a dark screen. Many is light there, few is dark: what stands out is always the many."""


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``, 0 (black) to 1 (white), after WCAG 2.2."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21, after WCAG 2.2."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def css() -> str:
    """The stylesheet's part that comes from the palette: variables for both schemes, and one class a use.

    An SVG element carries its light colour as an attribute and a class such as ``f-q3`` (fill) or ``s-rule`` (stroke);
    the class wins where this stylesheet is, which is how one drawing serves light, dark and print.
    """
    light = "".join(f"--{name}:{colour};" for name, colour in LIGHT.items())
    dark = "".join(f"--{name}:{colour};" for name, colour in DARK.items())
    classes = "".join(f".f-{n}{{fill:var(--{n})}}.s-{n}{{stroke:var(--{n})}}" for n in LIGHT)
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{classes}\n"
    )
