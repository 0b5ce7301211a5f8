"""`peelian.toml` is read strictly and written so that it reads back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peelian.errors import ConfigError
from peelian.workspace.config import Config, load_config, render_config

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


def write(folder: Path, text: str) -> Path:
    (folder / "peelian.toml").write_text(text, encoding="utf-8")
    return folder


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "")) == Config()


@given(name=TEXT, contact=TEXT, cell=st.floats(1, 1e5), group=TEXT.filter(bool), origins=st.integers(2, 500))
def test_what_is_written_reads_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, contact: str, cell: float, group: str, origins: int
) -> None:
    config = Config.model_validate(
        {
            "agency": {"name": name, "contact": contact, "zone": "Europe/London"},
            "place": {"crs": "EPSG:27700", "cell": cell, "population": {group: "n"}},
            "forecast": {"origins": origins},
        }
    )
    folder = write(tmp_path_factory.mktemp("config"), render_config(config))
    assert load_config(folder) == config


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[agency]\nnmae = 'x'", "agency.nmae"),
        ("[agency]\nzone = 'Mars/Olympus'", "Mars/Olympus"),
        ("[forecast]\nperiod = 'weekly'", "weekly"),
        ("[forecast]\nfractions = [0.0]", "forecast.fractions.0"),
        ("[place]\ncell = -1", "place.cell"),
        ("[publish]\nthreshold = 2", "publish.threshold"),
        ("[surprise]\nx = 1", "surprise"),
        ("version = 2", "version"),
        ("= nonsense", "no valid TOML"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)) as caught:
        load_config(write(tmp_path, text))
    assert caught.value.hint


def test_a_folder_without_a_file_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no peelian\.toml") as caught:
        load_config(tmp_path)
    assert caught.value.hint == f"peelian init {tmp_path}"


def test_every_key_is_in_the_reference() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
    parts = dict(re.findall(r"^## `\[(\w+)\]`\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    for section, values in Config():
        if section == "version":
            continue
        documented = set(
            re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", parts.pop(section), re.MULTILINE)))
        )
        assert documented == {key for key, _ in values}, section
    assert not parts, "documented, but not there"
