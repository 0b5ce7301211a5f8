from __future__ import annotations

import copy
import re

from peelian.publish import bulletin, trial_page
from peelian.publish.calibrated import calibration_section, calibration_sentence
from peelian.publish.words import number, percent


def of(trial, name):
    return next(m for m in trial["methods"] if m["name"] == name)["calibration"]


def test_the_sentence_has_the_trials_own_numbers(town):
    trial = town["trial"]
    (row,) = (r for r in of(trial, "count_map")["coverage"]["the whole area"] if r["level"] == 0.8)
    said = calibration_sentence(trial, "count_map")
    assert f"held what came in {percent(row['observed'])} of 20 periods" in said
    assert said.endswith(f"about {percent(row['expected'])}.")
    assert calibration_sentence(trial, "hotspot") == ""
    assert calibration_sentence(None, "count_map") == ""


def test_charts_and_their_tables_have_the_trials_numbers(town, drawings_of):
    trial = town["trial"]
    section = str(calibration_section(trial))
    found = of(trial, trial["verdict"]["method"])
    pit, ratios = drawings_of(section)
    for drawing in (pit, ratios):
        # The strips of paper aside, one column each.
        assert sum("rect" in e.tag for e in drawing.iter()) == 10
    tables = section.split("<table")[1:3]
    cells = [re.findall(r'<td class="n">([^<]*)</td>', t) for t in tables]
    assert cells[0] == [number(100 * v, digits=1) for v in found["pit"]]
    assert cells[1] == [number(v) for v in found["observed_over_expected"]]
    for row in found["coverage"]["each place picked"]:
        assert f"{percent(row['observed'])} ({percent(row['expected'])} due)" in section
    for method in trial["methods"]:
        assert section.count(f'<th scope="row">{method["title"]}</th>') == 1, "all methods, in the last table"


def test_what_was_not_measured_is_said_or_left_out(town, page_checks):
    trial = copy.deepcopy(dict(town["trial"]))
    found = of(trial, trial["verdict"]["method"])
    found["pit"] = [None] * 10
    found["observed_over_expected"][3] = None
    found["coverage"]["the whole area"][1]["observed"] = None
    section = str(calibration_section(trial))
    assert section.count("<svg") == 1
    assert section.count("not measured") == 3, "the tenth, and the level in both tables"
    assert calibration_sentence(trial, trial["verdict"]["method"]) == ""
    found["observed_over_expected"] = [None] * 10
    assert "<svg" not in calibration_section(trial)
    for method in trial["methods"]:
        del method["calibration"]
    assert calibration_section(trial) is None
    page_checks(trial_page(trial))


def test_it_is_about_the_method_in_use(town):
    assert "Kernel density: where" in calibration_section(town["trial"], used="kernel_density")
    assert "Count map: where" in calibration_section(town["trial"], used="count_map")


def test_a_commander_reads_one_sentence(evidence):
    said = calibration_sentence(evidence.trial, "count_map")
    assert f"<p>{said}</p>" in bulletin(evidence)
