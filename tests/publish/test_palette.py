from __future__ import annotations

import itertools
import re

import pytest

from peelian.publish.palette import CLASSES, DARK, LIGHT, contrast, css, luminance

SCHEMES = {"light": LIGHT, "dark": DARK}


def test_contrast_matches_the_values_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert contrast("#123456", "#123456") == 1.0
    assert luminance("#ffffff") == pytest.approx(1.0)


def test_both_schemes_name_the_same_colours():
    assert LIGHT.keys() == DARK.keys()
    assert all(re.fullmatch("#[0-9a-f]{6}", c) for scheme in SCHEMES.values() for c in scheme.values())


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("ink", "paper"), ("muted", "paper"), ("link", "paper"), ("good", "paper"), ("warn", "paper"),
        ("ink", "wash"), ("muted", "wash"), ("link", "wash"), ("ink", "warnwash"), ("warn", "warnwash"),
    ],
)  # fmt: skip
def test_text_can_be_read(scheme, text, ground):
    assert contrast(SCHEMES[scheme][text], SCHEMES[scheme][ground]) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("mark", ["accent", "data", "edge", "q4"])
def test_what_a_chart_draws_stands_out(scheme, mark):
    assert contrast(SCHEMES[scheme][mark], SCHEMES[scheme]["paper"]) >= 3.0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_plan_cell_stands_out_by_its_casing_on_every_class(scheme):
    colours = SCHEMES[scheme]
    assert contrast(colours["accent"], colours["paper"]) >= 3.0
    assert contrast(colours["q4"], colours["paper"]) >= 3.0


@pytest.mark.parametrize(("scheme", "sign"), [("light", -1), ("dark", 1)])
def test_classes_keep_their_order_in_greyscale(scheme, sign):
    grey = [luminance(SCHEMES[scheme][f"q{i}"]) for i in range(CLASSES)]
    assert all(sign * (b - a) > 0 for a, b in itertools.pairwise(grey))
    steps = [contrast(SCHEMES[scheme][f"q{i}"], SCHEMES[scheme][f"q{i + 1}"]) for i in range(CLASSES - 1)]
    assert min(steps) >= 1.3, steps


def test_the_stylesheet_has_a_class_for_each_use_and_dark_on_screen_only():
    text = css()
    for name in LIGHT:
        assert f".f-{name}{{fill:var(--{name})}}" in text
        assert f".s-{name}{{stroke:var(--{name})}}" in text
    assert "@media screen and (prefers-color-scheme:dark)" in text
