"""Errors as a user sees them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.cli.report import Bar, as_options, report_error, report_fault, show, visible
from peelian.errors import CRSError, LedgerError, RefusedError


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        ("source_crs='EPSG:4326' if they are degrees", "--source-crs EPSG:4326 if they are degrees"),
        ('zone="America/Chicago"', "--zone America/Chicago"),
        ("date_order='dmy', or 'mdy'", "--date-order dmy, or 'mdy'"),
        ("least_ratio=1.5", "--least-ratio 1.5"),
        ("longest=48", "--longest 48"),
        ("days=(7, 14)", "--days 7,14"),
        ("distances=(0, 100, 200)", "--distances 0,100,200"),
        ("days=(7,), or longer", "--days 7, or longer"),
        (
            "look at fewer weeks, or use method='permutation'",
            "look at fewer weeks, or use --method permutation",
        ),
        ("trend_level=0.05", "trend_level=0.05"),
        ("peelian import FILE", "peelian import FILE"),
        ("resource='x'", "resource='x'"),
    ],
)
def test_hints_speak_of_options(hint: str, said: str) -> None:
    assert as_options(hint) == said


def test_an_error_says_what_and_what_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    code = report_error(CRSError("degrees [were] given", hint="source_crs='EPSG:4326'"), as_json=False)
    out, err = capsys.readouterr()
    assert (code, out) == (4, "")
    assert err == "error: degrees [were] given\ntry:   --source-crs EPSG:4326\n"


@pytest.mark.parametrize(("error", "code"), [(RefusedError("no"), 3), (LedgerError("cut"), 5)])
def test_an_error_as_json_has_one_shape(
    error: RefusedError | LedgerError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report_error(error, as_json=True) == code
    told = json.loads(capsys.readouterr().out)["error"]
    assert told == {"type": type(error).__name__, "message": error.message, "hint": None, "exit_code": code}


def test_a_fault_is_said_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_fault(ZeroDivisionError("x"), as_json=False) == 1
    err = capsys.readouterr().err
    assert "fault inside peelian" in err
    assert "Traceback" not in err
    assert "PEELIAN_TRACEBACK=1" in err


def test_a_full_disk_is_the_system_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_fault(OSError(28, "No space left on device", "/data/x"), as_json=False) == 1
    assert "No space left on device: /data/x" in capsys.readouterr().err


def test_the_bar_keeps_to_stderr_and_says_each_step_once(capsys: pytest.CaptureFixture[str]) -> None:
    with Bar() as bar:
        for i in range(3):
            bar("importing", i, 3)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "importing ...\n")
    with Bar(quiet=True) as bar:
        bar("importing", 1, 3)
    assert capsys.readouterr() == ("", "")


ACTING = [chr(n) for n in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("a\x1b[2Jb", "a<U+001B>[2Jb"),
        ("\x9b2J", "<U+009B>2J"),
        ("\x07", "<U+0007>"),
        ("halted\rnothing is halted", "halted<U+000D>nothing is halted"),
        ("\u202eton\u202c \u2066x\u2069", "<U+202E>ton<U+202C> <U+2066>x<U+2069>"),
        ("one\n\ttwo: è, Ø, 東, שלום, 👮", "one\n\ttwo: è, Ø, 東, שלום, 👮"),
    ],
)
def test_what_others_wrote_can_t_act_on_the_terminal(
    written: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show({"text": written}, written, as_json=False)
    assert capsys.readouterr().out == f"{told}\n"
    report_error(RefusedError(written, hint=written), as_json=False)
    assert capsys.readouterr().err.expandtabs() == f"error: {told}\ntry:   {told}\n".expandtabs()
    show({"text": written}, written, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"text": written}, "programs get what was written"


@given(st.text(st.characters() | st.sampled_from(ACTING)))
def test_only_newlines_and_tabs_are_left_of_what_acts(text: str) -> None:
    seen = visible(text)
    assert not {*seen} & {*ACTING} - {"\n", "\t"}
    assert visible(seen) == seen
