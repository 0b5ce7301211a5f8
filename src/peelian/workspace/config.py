"""``peelian.toml``: what a workspace is about, validated; an unknown key is an error, never ignored."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from peelian.errors import ConfigError, UsageError
from peelian.units import Frequency, KeptFor

__all__ = ["Config", "load_config", "misfit", "render_config"]

FILE = "peelian.toml"

Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Agency(_Section):
    """Who keeps the workspace."""

    name: str = "An agency without a name"
    zone: str | None = None
    contact: str = ""
    attribution: str = ""
    demonstration: bool = False

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str | None) -> str | None:
        if zone is not None and zone not in available_timezones():
            msg = f"{zone!r} is no time zone of the IANA database; write it as America/Chicago"
            raise ValueError(msg)
        return zone


class Place(_Section):
    """Where: CRS, grid and areas."""

    crs: str | None = None
    cell: Positive = 250.0
    areas: str | None = None
    area_id: str | None = None
    area_name: str | None = None
    population: dict[str, str] = Field(default_factory=dict)
    margins: dict[str, str] = Field(default_factory=dict)
    features: dict[str, str] = Field(default_factory=dict)


class Records(_Section):
    """How records are read."""

    categories: dict[str, str] = Field(default_factory=dict)
    map: dict[str, dict[str, str]] = Field(default_factory=dict)
    earliest: int = Field(default=1970, ge=1900)


class Forecast(_Section):
    """What is forecast, and how it is tried."""

    period: str = "1w"
    origins: int = Field(default=52, ge=2)
    fractions: tuple[Share, ...] = (0.01, 0.05)
    methods: tuple[str, ...] = ("all",)
    gap: int | Literal["measured"] = 0
    seed: int = Field(default=0, ge=0)

    @field_validator("methods")
    @classmethod
    def _named(cls, methods: tuple[str, ...]) -> tuple[str, ...]:
        if not methods or len(set(methods)) < len(methods):
            msg = f'{list(methods)} was given; expected ["all"] or names of methods, each once'
            raise ValueError(msg)
        return methods

    @field_validator("gap", mode="before")
    @classmethod
    def _periods(cls, gap: object) -> object:
        if gap != "measured" and (not isinstance(gap, int) or isinstance(gap, bool) or gap < 0):
            msg = f'{gap!r} was given; expected a whole number of periods, at least 0, or "measured"'
            raise ValueError(msg)
        return gap

    @field_validator("period")
    @classmethod
    def _span(cls, period: str) -> str:
        try:
            return str(Frequency.parse(period))
        except UsageError as error:
            raise ValueError(error.message) from None


class PlanSection(_Section):
    """The budget of a plan."""

    unit_hours: Positive = 40.0
    hours_per_place: Positive = 2.0
    cap_per_area: int | None = Field(default=3, ge=1)
    expires_days: int = Field(default=14, ge=1)


class Decisions(_Section):
    """What the overseer is told of how decisions are taken, and by when objections are answered."""

    answer_days: int = Field(default=30, ge=1)
    min_seconds: float = Field(default=30.0, ge=0)
    max_approvals: int = Field(default=10, ge=2)


class Audit(_Section):
    """How burden is measured. What is allowed is set by `peelian audit threshold`, and kept in the ledger."""

    reference: str | None = None
    block_km: Positive = 1.0
    replicates: int = Field(default=2000, ge=100)


class Emergency(_Section):
    """For how long a person may do in an emergency what their role may not."""

    max_hours: float = Field(default=24, gt=0, le=168)


class Publish(_Section):
    """What the public sees."""

    threshold: int = Field(default=5, ge=3)


class Roles(_Section):
    """Who speaks when nobody says so."""

    default: str = "analyst"


def _span(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return str(KeptFor.parse(text))
    except UsageError as error:
        raise ValueError(error.message) from None


Kept = Annotated[str | None, AfterValidator(_span)]


class Retention(_Section):
    """How long each table is kept; what has no limit is kept until somebody sets one."""

    records: Kept = None
    superseded: Kept = None
    quarantine: Kept = None
    cancelled: Kept = None
    runs: Kept = None
    verbs: dict[
        Literal[
            "quality",
            "trial",
            "forecast",
            "drift",
            "time",
            "hot",
            "repeats",
            "emerging",
            "factors",
            "links",
            "duplicates",
            "week",
            "plan",
            "audit",
            "audit_table",
            "audit_forecast",
            "audit_loop",
            "audit_stops",
            "audit_facematch",
            "audit_data",
            "decide",
            "publish",
        ],
        Kept,
    ] = Field(default_factory=dict)
    looks: Kept = None
    objections: Kept = None
    people: Kept = None
    backups: Kept = None
    cache: Kept = None


class State(_Section):
    """Where runs, decisions and the outbox are kept."""

    url: str = Field(default="sqlite:///state.db", repr=False)


class Witness(_Section):
    """Another institution that cosigns the ledger: asked at a URL, or by files in a folder."""

    name: str = Field(min_length=1)
    vkey: tuple[str, ...] = Field(min_length=1)
    url: str | None = Field(default=None, pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")
    folder: str | None = Field(default=None, min_length=1)

    @field_validator("vkey", mode="before")
    @classmethod
    def _one_or_more(cls, vkey: object) -> object:
        return (vkey,) if isinstance(vkey, str) else vkey

    @field_validator("vkey")
    @classmethod
    def _keys(cls, vkey: tuple[str, ...]) -> tuple[str, ...]:
        from peelian.charter.cosignature import CosignatureKey

        for each in vkey:
            try:
                CosignatureKey.from_vkey(each)
            except ConfigError as error:
                raise ValueError(error.message) from None
        return vkey

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.url is None) == (self.folder is None):
            msg = f"the witness {self.name!r} needs either a url or a folder"
            raise ValueError(msg)
        return self


class Ledger(_Section):
    """The ledger's name in its checkpoints (C2SP: a schema-less URL that nobody else uses), and who watches it."""

    origin: str = Field(default="peelian.invalid/workspace", pattern=r"^[^\s+]+$")
    ml_dsa: bool = False
    quorum: int = Field(default=0, ge=0)
    witnesses: tuple[Witness, ...] = ()

    @model_validator(mode="after")
    def _enough_and_different(self) -> Self:
        names = [witness.name for witness in self.witnesses]
        # An Ed25519 cosignature holds under any name of its key: the key itself must differ.
        keys = [vkey.split("+", 2)[2] for witness in self.witnesses for vkey in witness.vkey]
        if len(set(names)) < len(names) or len(set(keys)) < len(keys):
            msg = "two witnesses have the same name or the same key; each counts once"
            raise ValueError(msg)
        if self.quorum > len(names):
            msg = f"quorum = {self.quorum} was given, and there are {len(names)} witnesses"
            raise ValueError(msg)
        return self


class Config(_Section):
    """The whole file."""

    version: Literal[1] = 1
    agency: Agency = Agency()
    place: Place = Place()
    records: Records = Records()
    forecast: Forecast = Forecast()
    plan: PlanSection = PlanSection()
    decisions: Decisions = Decisions()
    audit: Audit = Audit()
    emergency: Emergency = Emergency()
    publish: Publish = Publish()
    roles: Roles = Roles()
    retention: Retention = Retention()
    state: State = State()
    ledger: Ledger = Ledger()


def load_config(folder: Path) -> Config:
    """Read and validate ``peelian.toml`` in `folder`.

    Raises
    ------
    ConfigError
        The file is not there, is no TOML, or has an unknown key or a value of the wrong kind.
    """
    path = folder / FILE
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        msg = f"{folder} was given as a workspace, but it holds no {FILE}"
        raise ConfigError(msg, hint=f"peelian init {folder}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path} is no valid TOML: {error}"
        raise ConfigError(msg, hint="mend the line that the message names") from None
    _without_max_ratio(path, raw.get("audit"))
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        lines = [f"  {misfit(e)}" for e in error.errors()]
        msg = f"{path} has {len(lines)} setting(s) that don't fit:\n" + "\n".join(lines)
        raise ConfigError(msg, hint="see docs/reference/configuration.md for every key") from None


def _without_max_ratio(path: Path, audit: object) -> None:
    """Leave out what earlier versions wrote of a threshold that nobody had set; one that was set is not passed over."""
    if not isinstance(audit, dict):
        return
    value = audit.get("max_ratio")
    if value is not None:
        msg = (
            f"{path} has max_ratio = {value} in [audit]; a threshold is kept in the ledger now, which shows who set it "
            "and when"
        )
        said = f"--by {str(audit.get('max_ratio_set_by') or 'the oversight board')!r} --reason '...' --as overseer"
        raise ConfigError(
            msg,
            hint=f"take the max_ratio lines out, then: peelian audit threshold exposure_ratio {value} {said}",
        )
    for key in ("max_ratio_set_by", "max_ratio_set_at"):
        audit.pop(key, None)


def misfit(error: ErrorDetails) -> str:
    """One setting that doesn't fit, in words; without what was given if that is a database's URL or may be one."""
    given = repr(error["input"])
    secret = error["loc"][:1] == ("state",) or "://" in given
    shown = "what was given is not repeated here" if secret else f"given: {given}"
    return f"{'.'.join(str(p) for p in error['loc'])}: {error['msg']} ({shown})"


def _text(text: str) -> str:
    # A JSON string is a TOML basic string if nothing is escaped as a surrogate; TOML also wants DEL escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    """One TOML value."""
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_none=True)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_text(k)} = {_value(v)}" for k, v in value.items()) + " }"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def render_config(config: Config) -> str:
    """The text of a ``peelian.toml`` that reads back as `config`, every key with its meaning's section."""
    lines = ["# What this workspace is about. Unknown keys are errors. Every key is explained in", ""]
    lines[0] += " docs/reference/configuration.md."
    lines.append(f"version = {config.version}")
    for section, values in config:
        if section == "version":
            continue
        lines += ["", f"[{section}]  # {type(values).__doc__}".rstrip()]
        for key, value in values:
            if value is None:
                lines.append(f"# {key} = (not set)")
            elif value == {}:
                lines.append(f"# {key} = {{}}")
            elif value == () and key == "witnesses":  # which are added below, as [[ledger.witnesses]]
                lines.append(f"# {key} = []")
            else:
                lines.append(f"{key} = {_value(value)}")
    return "\n".join(lines) + "\n"
