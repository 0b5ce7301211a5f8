"""Turning a template and its data into one self-contained page.

A page asks nothing of the network: styles are inline and named by their hash in a Content-Security-Policy that allows
nothing else, drawings are SVG in the page, and there is no script. Everything that comes from outside is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from peelian.publish import palette, words
from peelian.publish.wording import check_page

__all__ = ["render"]


@lru_cache(maxsize=1)
def _environment() -> Environment:
    env = Environment(
        loader=PackageLoader("peelian.publish"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.filters |= {
        "number": words.number,
        "percent": words.percent,
        "day": words.day,
        "moment": words.moment,
        "plural": words.plural,
    }
    return env


@lru_cache(maxsize=1)
def _style() -> tuple[Markup, str]:
    """The stylesheet, and the policy that allows it and nothing else."""
    text = palette.css() + files("peelian.publish").joinpath("templates", "style.css").read_text(
        encoding="utf-8"
    )
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    return Markup(text), policy  # noqa: S704 - the package's own stylesheet


def render(template: str, **data: Any) -> str:
    """Fill a template of this room.

    Parameters
    ----------
    template : str
        Name, such as ``"bulletin.html"``.
    **data
        What it shows. `Markup` (drawings, tables) is put in as it is, everything else is escaped. ``demonstration``
        puts the banner on top.

    Returns
    -------
    str
        The page; the same bytes for the same data.

    Raises
    ------
    CheckError
        A word in it is never published (see `peelian.publish.wording`).
    """
    css, policy = _style()
    defaults: dict[str, Any] = {
        "demonstration": False,
        "public": False,
        "notes": (),
        "said": (),
        "about": "this trial",
    }
    page = _environment().get_template(template).render(**{**defaults, **data}, css=css, csp=policy)
    return check_page(re.sub(r"\n\s*\n+", "\n", page).strip() + "\n")
