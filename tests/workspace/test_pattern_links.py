"""Links in a workspace: learnt from labels or told as mere nearness, kept and made again, and answered."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from peelian.errors import DataError, NotEnoughDataError, RefusedError, UsageError
from peelian.patterns.chance_links import nearer_than_chance
from peelian.workspace import Workspace
from peelian.workspace.chosen import choose
from peelian.workspace.duplicates import duplicates
from peelian.workspace.erase import erase
from peelian.workspace.judge import answers, judge
from peelian.workspace.ledger import entries, verify_ledger
from peelian.workspace.links import links
from peelian.workspace.outcome import Outcome
from peelian.workspace.replay import replay
from peelian.workspace.week_parts import series as week_series

from ..cli.conftest import run

Opener = Callable[..., Workspace]
SINCE = "2016-07-01"
NICKNAME = "Shorty and the red van"
REASON = "the same broken lock and the same goods in both reports"


def page_of(workspace: Workspace, done: Outcome) -> str:
    return workspace.page(done.run, "links.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def given(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Labels and manner of real reports; that near ones are of one series is made up, and so is the manner."""
    folder = tmp_path_factory.mktemp("given")
    every = choose(Workspace(imported), "burglary")
    year = every.incidents.where(start=SINCE)
    late = set(year.frame["id"])
    found = nearer_than_chance(every.incidents, replicates=99, at_least=0.3).chains
    chains = [chain for chain in found if late.issuperset(chain)][:20]
    rows = [(one, NICKNAME if k == 0 else f"series {k}") for k, chain in enumerate(chains) for one in chain]
    of = dict(rows)
    rng = np.random.default_rng(0)
    rest = [one for one in rng.permutation(year.frame["id"]).tolist() if one not in of][:40]
    rows += [(one, f"alone {k}") for k, one in enumerate(rest)]
    rows += [("no-such-report", "series 1"), (rows[0][0], "")]
    pd.DataFrame(rows, columns=["incident", "series"]).to_csv(folder / "labels.csv", index=False)
    entry = [f"e{hash_of(of.get(one, one)) % 5}" for one in year.frame["id"]]
    codes = pd.DataFrame({"incident": year.frame["id"], "entry": entry})
    codes.loc[len(codes)] = ["no-such-report", "e1"]
    codes.to_csv(folder / "manner.csv", index=False)
    return folder / "labels.csv", folder / "manner.csv"


def hash_of(text: str) -> int:
    return sum(map(ord, text))


@pytest.fixture(scope="module")
def learnt(
    imported: Path, given: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Workspace, Outcome]:
    folder = Path(shutil.copytree(imported, tmp_path_factory.mktemp("links") / "city"))
    workspace = Workspace(folder, role="analyst")
    return workspace, links(workspace, "burglary", first=SINCE, labels=given[0], manner=given[1])


def test_hypotheses_come_with_reasons_a_trial_and_a_map(learnt: tuple[Workspace, Outcome]) -> None:
    workspace, done = learnt
    result, page = done.result, page_of(workspace, done)
    assert result["basis"] == "labels"
    assert result["manner"] == {"from": "file", "fields": ["entry"]}
    assert [one["id"] for one in result["hypotheses"][:2]] == ["L1", "L2"]
    pairs = workspace.table(done.run, "pairs")
    first = pairs[pairs["id"] == "L1"].iloc[0]
    assert first["known"] == ""
    assert first["one"] in result["hypotheses"][0]["said"]
    assert result["hypotheses"][0]["probability"] == pytest.approx(first["probability"])
    assert {"place", "entry"} <= {part["feature"] for row in result["pairs"] for part in row["parts"]}
    assert result["pairs"][0]["parts"][0]["text"] in page.replace("&#39;", "'")
    assert "Link by link: what each feature adds" in page
    assert {row["features"] for row in result["trial"]["scores"]} == {
        "place, time and manner", "place and time", "manner"
    }  # fmt: skip
    for said in (
        "likely link",
        "Whether the probabilities hold",
        "What manner adds to place and time",
        "What this can't tell",
    ):
        assert said in page, said
    assert len(json.dumps(result)) < 200_000


def test_candidates_that_join_known_series_are_told(learnt: tuple[Workspace, Outcome]) -> None:
    workspace, done = learnt
    found = workspace.table(done.run, "series")
    named = found[found["id"] != ""]
    assert (named["incidents"] >= 3).all()
    assert "known already" not in set(named["labels"])
    assert set(found["labels"].str.replace(r"\d+", "N", regex=True)) <= {
        "new", "known already", "adds N to a known series", "joins N series that the labels keep apart"
    }  # fmt: skip
    if found["labels"].str.contains("keep apart").any():
        assert "link or the label is wrong" in page_of(workspace, done)


def test_no_name_of_a_series_is_kept_anywhere(learnt: tuple[Workspace, Outcome]) -> None:
    workspace, done = learnt
    folder = workspace.folder / "runs" / done.run
    for path in sorted(folder.iterdir()):
        text = (
            pd.read_parquet(path).to_csv() if path.suffix == ".parquet" else path.read_text(encoding="utf-8")
        )
        assert "Shorty" not in text, path.name
    labels = workspace.table(done.run, "labels")
    assert labels["series"].dropna().str.fullmatch(r"K\d+").all()
    told = done.result["labels"]
    assert told["unknown"] == 1
    assert told["without_series"] == 1
    assert (told["series"], told["alone"], told["outside"]) == (20, 40, 0)
    assert any("1 of its" in note for note in done.result["notes"])
    entry = json.dumps(entries(workspace)[-1])
    assert not any(name in entry for name in labels["incident"].dropna())


def test_it_can_be_made_again_without_the_files(
    learnt: tuple[Workspace, Outcome], given: tuple[Path, Path]
) -> None:
    workspace, done = learnt
    call = json.loads((workspace.folder / "runs" / done.run / "call.json").read_text(encoding="utf-8"))
    assert call["arguments"]["labels"] == "labels.csv"
    found = replay(Workspace(workspace.folder, role="overseer"), done.run).result
    assert found["same"], found["text"]
    assert {"labels.parquet", "manner.parquet", "links.html"} <= set(found["files"])
    assert verify_ledger(workspace)["status"] == "verified"


def test_what_was_learnt_is_used_again_and_by_the_week(learnt: tuple[Workspace, Outcome]) -> None:
    workspace, done = learnt
    again = links(workspace, "burglary", first="2016-09-01", model=done.run)
    assert again.result["basis"] == done.run
    assert again.result["manner"] == {"from": done.run, "fields": ["entry"]}
    assert again.result["trial"] is None
    assert again.result["model"] == done.result["model"]
    assert again.result["hypotheses"]
    assert replay(Workspace(workspace.folder, role="overseer"), again.run).result["same"]
    every = choose(workspace, "burglary")
    told = week_series(workspace, "burglary", every.incidents, every.end, seed=0)
    assert told["basis"] == again.run
    assert "learnt from known series" in told["sentence"]
    assert all(0 < one["probability"] <= 1 for one in told["candidates"])
    mere = links(workspace, "burglary", first="2016-11-01")
    assert any(f"--model {again.run}" in note for note in mere.result["notes"])


def test_the_week_takes_the_manner_from_the_records_where_the_model_did(
    acting: Opener, given: tuple[Path, Path]
) -> None:
    workspace = acting()
    done = links(workspace, "burglary", labels=given[0], first="2016-08-01")
    assert done.result["manner"] == {"from": "records", "fields": ["label"]}
    assert done.result["labels"]["outside"] > 0
    every = choose(workspace, "burglary")
    told = week_series(workspace, "burglary", every.incidents, every.end, seed=0)
    assert told["basis"] == done.run
    assert "Not looked at" not in told["sentence"]


def test_without_labels_it_is_nearness_and_no_more(acting: Opener) -> None:
    workspace = acting()
    done = links(workspace, "burglary")
    result, page = done.result, page_of(workspace, done)
    assert result["basis"] == "nearer than chance"
    assert result["model"] is None
    assert "does not mean that they are one series" in result["sentence"]
    assert "Reports nearer than chance" in page
    assert "How near is nearer than chance" in page
    assert any("--labels" in note for note in result["notes"])
    chains = workspace.table(done.run, "series")
    assert (chains["incidents"] >= 3).all()
    assert {one["id"][0] for one in result["hypotheses"]} == {"L", "S"}
    assert replay(acting("overseer"), done.run).result["same"]


def test_answers_about_what_is_only_near_are_kept_and_not_scored(acting: Opener) -> None:
    workspace = acting()
    done = links(workspace, "burglary", first="2016-09-01")
    judge(workspace, done.run, "L1", confirmed=True, reason=REASON)
    found = answers(workspace)
    assert [one["answer"] for one in found["answers"]] == ["confirmed"]
    assert found["scores"]["links"]["answered"] == 0, "a bound on a probability is none"
    assert links(workspace, "burglary", first="2016-09-01").result["answers"] is None


def test_answers_are_kept_and_scored_at_the_foot_of_the_next_page(
    acting: Opener, given: tuple[Path, Path]
) -> None:
    workspace = acting()
    done = links(workspace, "burglary", first=SINCE, labels=given[0], manner=given[1])
    assert done.result["answers"] is None
    judge(workspace, done.run, "L1", confirmed=True, reason=REASON)
    judge(workspace, done.run, "L2", confirmed=False, reason=REASON)
    assert answers(workspace)["scores"]["links"]["answered"] == 2
    again = links(workspace, "burglary", first="2016-11-01")
    assert again.result["answers"]["answered"] == 2
    assert again.result["answers"]["confirmed"] == 1
    assert "How earlier hypotheses held" in page_of(workspace, again)
    assert links(workspace, "robbery").result["answers"] is None, "of another category"


def test_an_erased_report_leaves_what_was_found_and_given(acting: Opener, given: tuple[Path, Path]) -> None:
    workspace = acting()
    done = links(workspace, "burglary", first=SINCE, labels=given[0], manner=given[1])
    gone = str(workspace.table(done.run, "labels")["incident"].dropna().iloc[0])
    made = duplicates(workspace, category="burglary", first=SINCE)
    erase(acting("steward"), [gone], reason="a court ordered that this record goes")
    for name in (done.run, made.run):
        for path in sorted((workspace.folder / "runs" / name).iterdir()):
            text = pd.read_parquet(path).to_csv() if path.suffix == ".parquet" else path.read_text("utf-8")
            assert gone not in text, path
    assert "[erased]" in workspace.table(done.run, "labels")["incident"].tolist()


def labelled(tmp_path: Path, rows: list[tuple[str, str]]) -> Path:
    pd.DataFrame(rows, columns=["incident", "series"]).to_csv(tmp_path / "l.csv", index=False)
    return tmp_path / "l.csv"


def test_labels_that_name_one_series_or_nothing_known(acting: Opener, tmp_path: Path) -> None:
    ids = choose(acting(), "burglary").incidents.frame["id"].tolist()
    with pytest.raises(NotEnoughDataError, match="labels name 1 series"):
        links(acting(), "burglary", labels=labelled(tmp_path, [(one, "x") for one in ids[:9]]))
    with pytest.raises(NotEnoughDataError, match="labels name 0 series"):
        links(acting(), "burglary", labels=labelled(tmp_path, [("nowhere", "x"), ("neither", "x")]))


def test_wrong_settings_are_refused(acting: Opener, given: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="links-0099"):
        links(acting(), "burglary", model="links-0099")
    with pytest.raises(UsageError, match="neither labels nor a model"):
        links(acting(), "burglary", manner=given[1])
    with pytest.raises(UsageError, match=re.escape("0 was given")):
        links(acting(), "burglary", at_least=0)
    with pytest.raises(NotEnoughDataError):
        links(acting(), "burglary", first="2001-01-01")
    with pytest.raises(RefusedError, match="look for patterns"):
        links(acting("commander"), "burglary")
    text = given[1].read_text(encoding="utf-8").splitlines()
    other = tmp_path / "manner.csv"
    other.write_text("\n".join([text[0], "neither,e1"]), encoding="utf-8")
    with pytest.raises(DataError, match="none of the 1 rows"):
        links(acting(), "burglary", labels=given[0], manner=other)


def test_nothing_found_is_said(acting: Opener) -> None:
    workspace = acting()
    done = links(workspace, "burglary", first="2016-03-01", last="2016-03-05", at_least=0.99)
    assert done.result["hypotheses"] == []
    page = page_of(workspace, done)
    assert "There is no hypothesis" in page
    assert "<svg" not in page


def test_the_command(acting: Opener, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    where = ("-w", acting().folder)
    code, out, _ = run(capsys, "patterns", "links", "-c", "burglary", "--from", "2016-09-01", *where)
    assert code == 0
    assert "belong together" in out
    assert "peelian patterns confirm|reject links-" in out
    assert "page: " in out
    code, out, _ = run(
        capsys, "patterns", "links", "-c", "burglary", "--from", "2016-09-01", "--json", *where
    )
    assert json.loads(out)["hypotheses"][0]["id"] == "L1"
    path = labelled(tmp_path, [("a", "b")])
    path.write_text(path.read_text(encoding="utf-8").replace("series", "suspect"), encoding="utf-8")
    code, _, err = run(capsys, "patterns", "links", "-c", "burglary", "--labels", path, *where)
    assert code != 0
    assert "about persons" in err
    code, out, _ = run(capsys, "patterns", "links", "--help")
    assert "--labels" in out
