from __future__ import annotations

import contextlib
import csv
import html
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import peelian.publish.public as public_module
from peelian.charter import Ledger
from peelian.errors import CheckError, UsageError
from peelian.publish import Evidence, public_page, public_site, site_files, write_site
from peelian.publish.public import _together
from peelian.records import ImportReport


def text_of(page, page_checks):
    return " ".join(" ".join(page_checks(page).text).split())


def test_it_is_closed_accessible_and_well_formed(evidence, page_checks):
    outline = page_checks(public_page(evidence))
    headings = [said for _, said in outline.headings]
    for part in (
        "What we use, and why", "What we don't do, and why", "What was reported", "Does it work?", "Where the hours go",
        "Whom it reaches", "Who decided, and why", "How to check us", "What this can't tell", "How to object",
    ):  # fmt: skip
        assert part in headings


def test_no_small_number_of_reports_is_anywhere(evidence, town, page_checks, tmp_path):
    """Only the count of one area changes; whatever it is under the threshold, the same bytes come out."""
    sites = set()
    for n in (1, 2, 3, 4):
        reported = town["reported"].assign(reported=[120, n, 57, 44])
        files = public_site(replace(evidence, reported=reported), tmp_path / str(n))
        page = files[0].read_text()
        said = text_of(page, page_checks)
        assert "North East fewer than 5" in said
        assert "North East: number not shown" in page
        total = f'All areas together</th><td class="n">{221 + n}<'
        assert page.count(total) == 1
        sites.add(tuple(f.read_text().replace(total, "") for f in files))
    assert len(sites) == 1


def test_what_would_give_a_small_number_away_is_hidden_with_it(evidence, tmp_path):
    files = public_site(evidence, tmp_path / "public")
    rows = list(csv.DictReader(files[1].open()))
    shown = {row["name"]: row["reported"] for row in rows}
    assert shown["North East"] == "<5"
    assert list(shown.values()).count("hidden") == 1 or '<td class="n">hidden</td>' in files[0].read_text()
    assert all(v in ("<5", "hidden") or int(v) >= 5 or v == "0" for v in shown.values())


def test_exact_places_stay_inside(evidence, tmp_path):
    for file in public_site(evidence, tmp_path / "public"):
        text = file.read_text()
        for place in evidence.plan["places"]:
            assert place["cell"] not in text
            assert place["reason"] not in text
            for number in (f"{place['x']:.0f}", f"{place['lon']:.3f}", f"{place['lat']:.3f}"):
                assert number not in text


def account(stored, duplicates, corrections, reasons, **more):
    quarantined = sum(reasons.values())
    return ImportReport(
        source="s", file="a.csv", sha256="0" * 64, rows_in=stored + duplicates + corrections + quarantined,
        stored=stored, duplicates=duplicates, corrections=corrections, quarantined=quarantined,
        quarantined_by_reason=reasons, **more,
    ).to_dict()  # fmt: skip


def test_what_became_of_the_rows_adds_up(evidence, page_checks):
    imports = [
        account(900, 0, 12, {"no_place": 60, "correction_without_row": 8}),
        account(0, 900, 0, {"no_place": 20}, cancelled_earlier=7),
    ]
    said = text_of(public_page(replace(evidence, imports=imports)), page_checks)
    assert "We read 1,900 rows of records." in said
    parts = re.search(r"all that we read\. (.*?) We set aside 4.6\s% of the rows\.", said)[1]
    assert parts.startswith(
        "900 kept . Later, 7 of these were taken back by another file .".replace(" .", ".")
    )
    numbers = [int(n) for n in re.findall(r"(?:^|\. )(\d+) (?:kept|repeats|corrections|rows)", parts)]
    assert numbers == [900, 900, 88, 12]
    assert sum(numbers) == 1900
    assert "no place that we can read (80) it takes back a report that we don't have (8)" in said
    assert "neither in the file" not in said


@given(st.dictionaries(st.text("abc", min_size=1), st.integers(0, 40), max_size=6), st.integers(3, 9))
def test_grouped_numbers_keep_their_sum_and_show_no_small_one(parts, threshold):
    groups = _together(parts, threshold)
    assert sum(n for _, n in groups) == sum(parts.values())
    assert sorted(name for names, _ in groups for name in names) == sorted(k for k, n in parts.items() if n)
    if sum(parts.values()) >= threshold:
        assert all(n >= threshold for _, n in groups)
    for names, n in groups:
        assert n == sum(parts[name] for name in names)


GROUPS_ALONE = "We use this only to check whom a plan reaches. Groups play no part in choosing places."
ALL_RESIDENTS = "The number of all residents of a place, with no group, was given to the method in use."


@pytest.mark.parametrize(
    ("method", "features", "told"),
    [
        ("boosted_counts", {"population": ["Total"]}, True),
        ("boosted_counts", {"distance_to_stations": ["stations.geojson", "00"]}, False),
        ("boosted_counts", {}, False),
        ("count_map", {"population": ["Total"]}, False),
    ],
)
def test_residents_are_said_to_be_used_where_the_method_in_use_was_given_them(
    evidence, page_checks, method, features, told
):
    forecast = {"method": method, "verdict": None, "learned_from": {"companions": {}, "features": features}}
    plan = {**evidence.plan, "method": method}
    said = text_of(public_page(replace(evidence, forecast=forecast, plan=plan)), page_checks)
    assert (ALL_RESIDENTS in said) == told
    assert (GROUPS_ALONE in said) == (not told)
    assert "Groups play no part in choosing places." in said


def test_a_few_rows_left_out_are_not_counted(evidence, page_checks):
    said = text_of(public_page(replace(evidence, imports=[account(500, 1, 0, {"no_place": 2})])), page_checks)
    assert "We read 503 rows of records. We kept all but a few: fewer than 5." in said
    assert not re.search(r"\b500\b", said)


def test_hours_are_given_by_area(evidence, page_checks):
    said = text_of(public_page(evidence), page_checks)
    hours: dict[str, float] = {}
    for place in evidence.plan["places"]:
        hours[place["area_name"]] = hours.get(place["area_name"], 0) + place["hours"]
    for name, n in hours.items():
        assert f"{name} {n:g}" in said


@pytest.mark.parametrize("state", ["proposed", "refused", "withdrawn", "expired"])
def test_a_plan_that_nobody_stands_behind_is_not_shown(evidence, page_checks, state):
    decision = {**evidence.decision, "state": state}
    said = text_of(public_page(replace(evidence, decision=decision)), page_checks)
    assert "Where the hours go, by area" not in said
    assert "small place" not in said


def test_without_a_decision_no_plan_is_shown(evidence, page_checks):
    said = text_of(public_page(replace(evidence, decision=None)), page_checks)
    assert "Nobody has said yes to a plan" in said
    assert "Where the hours go, by area" not in said


def test_demonstration_contact_and_attribution(evidence, page_checks):
    said = text_of(public_page(evidence), page_checks)
    assert "oversight@town.example" in said
    assert "Records: Test town, CC0." in said
    assert "demonstration" not in said
    shown = text_of(public_page(replace(evidence, demonstration=True, contact="")), page_checks)
    assert (
        "This is a demonstration on published records. No police agency took part or decided anything."
        in shown
    )
    assert "nobody to write to" in shown
    assert "has not given a contact" in text_of(public_page(replace(evidence, contact="")), page_checks)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("better", "Yes, it does."),
        ("no better", "We can't show that it does."),
        ("worse", "No, it does worse."),
    ],
)
def test_the_verdict_in_plain_words(evidence, page_checks, status, said):
    trial = {**evidence.trial, "verdict": {**evidence.trial["verdict"], "status": status}}
    page = text_of(public_page(replace(evidence, trial=trial)), page_checks)
    assert page.count(f"Does it work better than simple counting? {said}") == 2
    assert "Simple counting picked 5 % of the map." in page.replace("\N{NO-BREAK SPACE}", " ")


def test_with_nothing_but_a_grid_it_is_honest(town, page_checks):
    page = public_page(
        Evidence(agency="A", zone="UTC", category="theft", period="next week", grid=town["grid"])
    )
    said = text_of(page, page_checks)
    for honest in (
        "We don't know yet",
        "How many records were read was not handed to this page",
        "Numbers by area were not handed to this page",
        "Nobody has said yes to a plan",
        "Not measured.",
        "The state of the ledger was not handed to this page",
    ):
        assert honest in said


def test_without_areas_there_is_a_table_and_no_map(evidence, drawings_of):
    page = public_page(replace(evidence, areas=None))
    assert not any("pl-map" in d.attrib["class"] for d in drawings_of(page))
    assert "North West" in page


def test_the_code_on_the_page_checks_the_ledger(evidence, tmp_path, monkeypatch, capsys):
    """The lines that the page shows are run as they stand, on a real ledger, before and after one byte is changed."""
    monkeypatch.chdir(tmp_path)
    ledger = Ledger.create(tmp_path / "inside", origin="town.example/ledger", key_path=tmp_path / "key")
    ledger.append([b'{"kind": "import"}', b'{"kind": "plan"}'])
    state = {
        **evidence.ledger, "size": ledger.size, "vkey": ledger.vkey,
        "checkpoint": ledger.signed_checkpoint().decode() if callable(ledger.signed_checkpoint)
        else ledger.signed_checkpoint.decode(),
    }  # fmt: skip
    site = public_site(replace(evidence, ledger=state), tmp_path / "public")
    ledger.append([b'{"kind": "publication"}'])
    folder = tmp_path / "public"
    (folder / "ledger").mkdir()
    for name in ("checkpoint", "vkey", "tile"):
        copy = shutil.copytree if (tmp_path / "inside" / name).is_dir() else shutil.copy
        copy(tmp_path / "inside" / name, folder.joinpath("ledger", name))
    monkeypatch.chdir(folder)
    assert 'href="ledger/checkpoint"' in site[0].read_text()
    assert (folder / "ledger" / "checkpoint").read_text().splitlines()[1] == str(state["size"] + 1)
    code = html.unescape(re.search(r'id="check-code">(.*?)</code>', site[0].read_text(), re.DOTALL)[1])
    assert max(map(len, code.splitlines())) < 100
    exec(code, {})
    assert "size=3" in capsys.readouterr().out
    entries = next((folder / "ledger" / "tile" / "entries").rglob("*p/3"), None)
    assert entries is not None
    changed = bytearray(entries.read_bytes())
    changed[-1] ^= 1
    entries.write_bytes(changed)
    with pytest.raises(CheckError):
        exec(code, {})


def test_same_evidence_same_bytes(evidence, town, tmp_path):
    one = [f.read_bytes() for f in public_site(evidence, tmp_path / "a")]
    other = [f.read_bytes() for f in public_site(Evidence(**town), tmp_path / "b")]
    assert one == other


def test_a_site_is_made_once_and_written_as_it_was_made(evidence, tmp_path, monkeypatch):
    """What was hashed before is what lies in the folder afterwards, byte for byte; nothing is written to make it."""
    made = []
    page = public_module.public_page
    monkeypatch.setattr(public_module, "public_page", lambda e, **more: made.append(e) or page(e, **more))
    monkeypatch.chdir(tmp_path)
    files = site_files(evidence)
    assert list(tmp_path.iterdir()) == []
    assert list(files) == ["index.html", "reported-incidents.csv", "checkpoint.txt"]
    awkward = {**files, "checkpoint.txt": "line\r\n\N{EM DASH} signed\n"}
    written = write_site(awkward, tmp_path / "public")
    assert len(made) == 1
    assert [p.name for p in written] == list(files)
    assert {p.name: p.read_bytes() for p in written} == {k: v.encode() for k, v in awkward.items()}
    whole = public_site(evidence, tmp_path / "whole")
    assert {p.name: p.read_bytes() for p in whole} == {k: v.encode() for k, v in files.items()}
    assert len(made) == 2


@pytest.mark.parametrize("name", ["", "..", ".", "a/b.html", "../index.html", "/etc/motd"])
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    out = tmp_path / "public"
    write_site({"index.html": "old"}, out)
    with pytest.raises(UsageError, match="plain file names"):
        write_site({"index.html": "new", name: "x"}, out)
    with pytest.raises(UsageError, match="no file"):
        write_site({}, out)
    assert (out / "index.html").read_text() == "old"
    assert [p.name for p in tmp_path.rglob("*")] == ["public", "index.html"]


def test_the_old_site_is_replaced_as_a_whole(evidence, tmp_path):
    out = tmp_path / "public"
    out.mkdir()
    (out / "old.html").write_text("old")
    files = public_site(evidence, out)
    assert sorted(p.name for p in out.iterdir()) == sorted(f.name for f in files)
    assert list(tmp_path.iterdir()) == [out]
    assert out.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("at", range(8))
def test_a_crash_leaves_the_old_site_or_the_new_one(evidence, tmp_path, monkeypatch, at):
    """The process dies at the n-th step that touches the disk: nothing after it runs, no clean-up either."""
    out = tmp_path / "public"
    before = {f.name: f.read_bytes() for f in public_site(replace(evidence, agency="Before"), out)}
    after = {f.name: f.read_bytes() for f in public_site(evidence, tmp_path / "other" / "public")}
    steps = iter(range(1000))

    class DiedError(BaseException):
        pass

    dead = []

    def dying(real):
        def step(*args, **kwargs):
            if dead or next(steps) == at:
                dead.append(True)
                raise DiedError
            return real(*args, **kwargs)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", dying(os.fsync))
        patch.setattr(Path, "rename", dying(Path.rename))
        patch.setattr("shutil.rmtree", dying(__import__("shutil").rmtree))
        with contextlib.suppress(DiedError):
            public_site(evidence, out)
    if (
        not out.exists()
    ):  # between the two renames: the old site is whole beside it, and the next run puts it back
        out = tmp_path / ".public.old"
    left = {f.name: f.read_bytes() for f in out.iterdir()}
    assert left in (before, after)
    public_site(evidence, tmp_path / "public")
    assert {f.name: f.read_bytes() for f in (tmp_path / "public").iterdir()} == after


def test_a_spreadsheet_runs_no_name_as_a_formula(evidence, town, tmp_path):
    reported = town["reported"].assign(name=["=HYPERLINK(1)", "+1", "@x", "Plain"])
    files = public_site(replace(evidence, reported=reported), tmp_path / "public")
    names = [row["name"] for row in csv.DictReader(files[1].open())]
    assert names == ["'=HYPERLINK(1)", "'+1", "'@x", "Plain"]


def test_nothing_that_was_read_can_become_markup(evidence, town, page_checks):
    evil = "<script>alert(1)</script>\"'&"
    reported = town["reported"].assign(name=[evil, "b", "c", "d"])
    plan = {**evidence.plan, "places": [{**evidence.plan["places"][0], "area_name": evil}]}
    page = public_page(
        replace(
            evidence, agency=evil, category=evil, contact=evil, attribution=evil, reported=reported, plan=plan,
            ledger={**evidence.ledger, "checkpoint": evil, "vkey": evil, "origin": evil},
            decision={**evidence.decision, "reason": evil, "role": evil},
        )
    )  # fmt: skip
    assert "<script" not in page
    page_checks(page)


def _syllables(word: str) -> int:
    groups = re.findall(r"[aeiouy]+", word.lower())
    silent = word.lower().endswith("e") and not word.lower().endswith("le") and len(groups) > 1
    return max(len(groups) - silent, 1)


def test_the_public_page_reads_at_about_twelve_years(evidence):
    """Flesch-Kincaid grade (Kincaid et al. 1975) of the prose: grade 7 is read by pupils of twelve to thirteen."""
    page = public_page(evidence)
    main = re.search(r"<main.*</main>", page, re.DOTALL)[0]
    prose = re.sub(r"(?s)<(svg|table|pre|dl|blockquote|nav|details).*?</\1>", " ", main)
    blocks = re.findall(r"(?s)<(?:p|li)\b[^>]*>(.*?)</(?:p|li)>", prose)
    text = html.unescape(" ".join(re.sub(r"<[^>]+>", "", b).strip().rstrip(".") + "." for b in blocks))
    sentences = [s for s in re.split(r"[.!?:]+\s", text) if re.search("[a-z]", s)]
    words = re.findall(r"[A-Za-z']+", text)
    grade = 0.39 * len(words) / len(sentences) + 11.8 * sum(map(_syllables, words)) / len(words) - 15.59
    assert len(words) > 400
    assert grade < 7.0, grade
