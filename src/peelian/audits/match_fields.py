"""What a log of face matching may hold here: a short list of fields, and what is refused by name and by value.

The system never matches faces. It reads the log of an agency that does, and of that log nothing but the fields below:
days, opaque numbers to tell clusters apart, groups, thresholds, decisions and what followed. Images, face templates,
names, dates of birth, plates and accounts are refused, whatever the column that they stand in. A refusal says where and
why in words of our own and never repeats what it found, since an error message is kept and read by others.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from peelian.errors import DataError
from peelian.records.sources.mapping import person_word

__all__ = [
    "ALERTS",
    "ATTRIBUTES",
    "DEPLOYMENTS",
    "FIRST_YEAR",
    "LARGEST",
    "MOST_GROUPS",
    "PROBES",
    "WATCH_LIST",
    "Field",
    "check_header",
    "check_values",
    "shows_template_or_image",
]

Kind = Literal["day", "code", "token", "group", "number", "count", "choice", "label"]

ATTRIBUTES = ("group", "sex", "age_band")
"""What subjects are told apart by, as the agency's log has it; nobody is assigned to a group here."""

LONGEST = 40
"""Characters of a value; of a token 128, which a SHA-512 in hexadecimal digits takes."""

LONGEST_TOKEN = 128

MOST_GROUPS = 40
"""Different values of a group or category; what has more is not a category."""

FEW_GROUPS = 8
"""So many may each occur once; of more, half of the rows at least must hold one that recurs."""

LARGEST = 100_000.0
"""Thresholds and scores are under it: what has more digits may be a telephone number, a date or somebody's number."""

FIRST_YEAR = 2000
"""Days before it are of no matching in the street, but may be days of birth."""

YES_NO = ("yes", "no")


@dataclass(frozen=True)
class Field:
    """A column that a log may have.

    Parameters
    ----------
    name : str
    kind : str
        ``day``; ``code``, an opaque id of a deployment or reviewer; ``token``, an opaque id that says which rows
        belong together; ``group``, a category; ``number``; ``count``; ``choice``, one of `choices`; ``label``, the code
        of what a row of published rates is of.
    meaning : str
    needed : bool
    choices : tuple of str
        The last one is what an empty cell means, unless that is the empty text.
    """

    name: str
    kind: Kind
    meaning: str
    needed: bool = False
    choices: tuple[str, ...] = ()


def _attributes(of: str) -> tuple[Field, ...]:
    return (
        Field("group", "group", f"group of {of}, as the agency records it; empty: not known"),
        Field("sex", "group", f"sex of {of}; empty: not known"),
        Field("age_band", "group", f"band of age of {of}, such as 18-24; no exact age; empty: not known"),
    )


_TRUTH = ("true", "false", "unknown")
_CHECKED = ("match", "no_match", "unsure", "")
_FOLLOWED = ("nothing", "stopped", "searched", "arrested", "other", "unknown")
_KNOWN = ("yes", "no", "unknown")

ALERTS = (
    Field("deployment", "code", "code of the deployment or system", needed=True),
    Field("truth", "choice", "whether the alert was right, as adjudicated", True, _TRUTH),
    Field("day", "day", "YYYY-MM-DD; a time of day is cut off"),
    Field(
        "token", "token", "the same for all alerts on the same subject or list entry; replaced by a number"
    ),
    *_attributes("the subject of the alert"),
    Field("threshold", "number", "threshold in force"),
    Field(
        "score",
        "number",
        "similarity, higher is more alike; all that is kept is whether it was under the threshold",
    ),
    Field(
        "under_threshold", "choice", "in place of score: whether it was under the threshold", False, _KNOWN
    ),
    Field("list_category", "group", "category of the watch list that the alert pointed at"),
    Field("reviewer", "code", "code of who looked at the alert; replaced by a number"),
    Field("decision", "choice", "what the reviewer decided; empty: nobody looked", False, _CHECKED),
    Field("second_reviewer", "code", "code of a second one, who decided apart from the first"),
    Field("second_decision", "choice", "what the second decided", False, _CHECKED),
    Field("probe", "choice", "whether the subject was a volunteer seeded as a test", False, YES_NO),
    Field("followed", "choice", "what followed", False, _FOLLOWED),
    Field("corroborated", "choice", "whether anything independent backed it", False, _KNOWN),
)
"""One row an alert: a search that returned at least one candidate at or over the threshold."""

DEPLOYMENTS = (
    Field("deployment", "code", "code of the deployment", needed=True),
    Field("seen", "count", "faces that were searched for", needed=True),
    Field("day", "day", "first day of the deployment"),
    *_attributes("those seen"),
    Field("threshold", "number", "threshold in force"),
    Field("not_acquired", "count", "faces seen of which no usable template could be made (among `seen`)"),
)
"""One row a deployment and combination of groups: how many faces were seen."""

PROBES = (
    Field("deployment", "code", "code of the deployment", needed=True),
    Field("found", "choice", "whether the volunteer set off an alert to the right entry", True, YES_NO),
    Field("token", "token", "the same for all passages of the same volunteer; replaced by a number"),
    *_attributes("the volunteer"),
    Field("acquired", "choice", "whether a usable template could be made", False, ("yes", "no", "unknown")),
)
"""One row a passage of a volunteer who is on the watch list for the test."""

WATCH_LIST = (
    Field("deployment", "code", "code of the deployment", needed=True),
    Field("entries", "count", "entries of the watch list", needed=True),
    Field("list_category", "group", "why they are on it"),
    *_attributes("those listed"),
)
"""One row a deployment, category and combination of groups: how long the watch list was."""


# --- columns -------------------------------------------------------------------------------------------------

_IMAGE = frozenset(
    {"bitmap", "bmp", "clip", "crop", "footage", "gif", "image", "images", "img", "jpeg", "jpg", "mugshot"}
    | {"mugshots", "pic", "picture", "pictures", "photo", "photos", "png", "portrait", "snapshot", "still"}
    | {"thumbnail", "video", "webp"}
)
_TEMPLATE = frozenset(
    {"biometric", "biometrics", "descriptor", "embedding", "embeddings", "encoding", "encodings", "faceprint"}
    | {"feature", "features", "minutiae", "signature", "template", "templates", "vector", "vectors"}
)


def check_header(columns: Sequence[object], fields: Sequence[Field], *, file: str) -> list[str]:
    """The fields that the columns are, in their order.

    Raises
    ------
    DataError
        A column is not on the list, stands there twice, or one is missing. No column is quoted: in a file without a
        line of names the first row stands in their place.
    """
    known = {field.name for field in fields}
    found: list[str] = []
    for place, column in enumerate(columns, start=1):
        name = re.sub(r"[\s-]+", "_", str(column).strip().lower())
        if name not in known:
            raise DataError(_unknown(str(column), name, place, known, file), hint=_hint(fields))
        if name in found:
            msg = f"{file} has the column {name} twice; expected it once"
            raise DataError(msg, hint="leave one of them out")
        found.append(name)
    missing = [field.name for field in fields if field.needed and field.name not in found]
    if missing:
        msg = f"{file} has no column {' and no column '.join(missing)}, which it needs"
        raise DataError(msg, hint=_hint(fields))
    return found


def _hint(fields: Sequence[Field]) -> str:
    return f"leave all out but {', '.join(field.name for field in fields)}"


def _unknown(column: str, name: str, place: int, known: set[str], file: str) -> str:
    where = f"column {place} of {file}"
    shows = shows_template_or_image(column)
    if shows is not None:
        return f"{where} is refused: its name says {shows[0]!r}, so it may hold {shows[1]}; {_RULE}"
    # Which word it was is not said: of what stands there, "Victoria" may be what is taken for "victim".
    if person_word(column) is not None:
        return f"{where} is refused: its name says that it may tell who somebody is; {_RULE}"
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.75)
    meant = f" (is it {near[0]}?)" if near else ""
    return f"{where} is no field of such a log{meant}: only listed fields are read, and a file with others is refused"


def shows_template_or_image(column: str) -> tuple[str, str] | None:
    """The word of a column's name, from a list of ours, that says so, and what it says; None where none does."""
    words = set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column.strip()).lower()))
    for listed, what in ((_IMAGE, "an image"), (_TEMPLATE, "a face template")):
        if words & listed:
            return min(words & listed), what
    return None


_RULE = "no image, no template and nobody's identity is ever read"


# --- values --------------------------------------------------------------------------------------------------

_HEX = r"(?:[0-9A-Fa-f]{16,128}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_ANYWHERE: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "an image",
        re.compile(
            r"^\s*data:|\.(?:jpe?g|png|gif|bmp|webp|tiff?|heic|avif|mp4|mkv|avi|mov)\b", re.IGNORECASE
        ),
    ),
    ("an image", re.compile(r"^\s*(?:/9j/|iVBORw0KGgo|R0lGOD|UklGR|Qk[0-9A-Za-z]{6})")),
    ("an image", re.compile("^(?:b['\"])?(?:\\\\xff\\\\xd8|\xff\xd8\xff|\x89PNG|GIF8)|\\x00", re.IGNORECASE)),
    ("an address of a file", re.compile(r"://|^[A-Za-z]:\\|^(?:/|\\\\|\.{1,2}/)\S")),
    (
        "a face template",
        re.compile(rf"^\s*[\[({{]?\s*(?:{_NUMBER}\s*[,;\s]\s*){{3,}}{_NUMBER}\s*[\])}}]?\s*$"),
    ),
    ("a face template", re.compile(r"^\s*[\[{(].*[\d\"'].*[\])}]\s*$", re.DOTALL)),
    ("an account or e-mail address", re.compile(r"@")),
    ("a line break", re.compile(r"[\r\n]")),
)
_DATE = re.compile(
    r"\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b|\b\d{1,2}[-/.]\d{1,2}[-/.](?:\d{2}|\d{4})\b"
    r"|\b\d{1,2}\s*(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\s*\d{2,4}\b",
    re.IGNORECASE,
)
_PLATE = re.compile(r"\d{3,}|\d{2,}[ -]?[A-Za-z]{2,}|[A-Za-z]{2,}\d{2,}")
_BAND = re.compile(
    r"(?:under|over|<=?|>=?|up to|below|from)?\s*\d{1,3}\s*(?:\+|-\s*\d{1,3}|to\s*\d{1,3}|and (?:over|older|under))?"
    r"|infant|child(?:ren)?|juvenile|minor|youth|teen(?:ager)?|young|(?:young |older )?adult|middle[- ]aged?|older|old"
    r"|senior|elderly|(?:not )?known|unknown",
    re.IGNORECASE,
)
_SEX = re.compile(
    r"[0129fmwdxu]|(?:fe)?males?|(?:wo)?m[ae]n|girls?|boys?|non[- ]?binary|intersex|diverse|other"
    r"|trans(?:gender)?(?: (?:(?:fe)?male|(?:wo)?man))?|unknown|not (?:known|stated|recorded)|unspecified",
    re.IGNORECASE,
)
_TOKEN = re.compile(rf"\d{{1,7}}|{_HEX}")
_CODE = re.compile(rf"[A-Za-z]{{1,2}}|(?=.*\d)[A-Za-z0-9][A-Za-z0-9_.:-]{{0,{LONGEST - 1}}}|{_HEX}")
_LABEL = re.compile(rf"{_CODE.pattern}|(?=.*\d)[^\W_][\w.:\u2010-\u2015\u2212-]{{0,{LONGEST - 1}}}")


def check_values(values: pd.Series, field: Field, *, rows: int, file: str, one_each: bool = False) -> None:
    """Refuse a column that holds what its field must not.

    These checks are a net beneath the list of fields, and not the list itself: a name that somebody wrote into a column
    of groups, over and over, reads as a group.

    Parameters
    ----------
    values : Series of str
        Its different values, none of them empty.
    rows : int
        In how many rows there is one.
    one_each : bool
        Whether a row is of one alert or passage, so that a category of two words that no two rows share may be a name.

    Raises
    ------
    DataError
        It does. Nothing of the value is in the message.
    """
    for what, pattern in _ANYWHERE:
        _refuse(values.str.contains(pattern), field, f"what looks like {what}", file)
    longest = LONGEST_TOKEN if field.kind in ("token", "code", "label") else LONGEST
    _refuse(
        values.str.len() > longest,
        field,
        "text too long for such a field: a note, a template or an image",
        file,
    )
    if field.kind == "token":
        _refuse(~values.str.fullmatch(_TOKEN), field, "what is no opaque token", file, _OPAQUE)
        if _mostly_dates(values):
            _refuse(pd.Series(True, index=values.index), field, "what reads as dates of birth", file, _OPAQUE)
    elif field.kind in ("code", "label"):
        named = ~values.str.fullmatch(_CODE if field.kind == "code" else _LABEL)
        _refuse(
            named, field, "what may be a name and is no code (a code has a digit and no blank)", file, _CODED
        )
    elif field.kind == "group":
        _check_group(values, field, rows, file)
        if one_each and field.name not in ("sex", "age_band") and 2 * len(values) > rows:
            _refuse(
                values.str.contains(r"\w\s+\w"),
                field,
                "two words in rows that share nothing, as names do",
                file,
            )


_OPAQUE = "use running numbers of up to 7 digits, or a keyed hash (HMAC) of 16 or more hexadecimal digits"
_CODED = "number them: R1, R2; D1, D2"


def _check_group(values: pd.Series, field: Field, rows: int, file: str) -> None:
    _refuse(values.str.contains(_DATE), field, "what reads as a date, perhaps of birth", file)
    if field.name == "age_band":
        exact = values.str.fullmatch(r"\s*\d{1,3}(?:\.\d+)?\s*")
        _refuse(exact, field, "exact ages", file, "give bands, such as 18-24 and 65+")
        _refuse(~values.str.fullmatch(_BAND), field, "what is no band of age", file, "18-24, under 18, 65+")
    elif field.name == "sex":
        _refuse(~values.str.fullmatch(_SEX), field, "what is no sex", file, "female, male, other; or F, M, X")
    else:
        _refuse(
            values.str.contains(_PLATE), field, "what may be a plate, a number or a code of somebody", file
        )
    if len(values) > MOST_GROUPS or (len(values) > FEW_GROUPS and len(values) > rows / 2):
        msg = (
            f"the column {field.name} of {file} has {len(values)} different values in {rows} rows; expected at most "
            f"{MOST_GROUPS} that recur: what differs from row to row is no category, and may be names"
        )
        raise DataError(msg, hint=f"leave {field.name} out, or give categories")


def _mostly_dates(values: pd.Series) -> bool:
    """Whether numbers of 6 digits read as days: about one in nine does by chance."""
    six = values[values.str.fullmatch(r"\d{6}")]
    if len(six) < 3:
        return False
    a, b, c = (pd.to_numeric(six.str[i : i + 2]) for i in (0, 2, 4))
    day, month = [x.between(1, 31) for x in (a, b, c)], [x.between(1, 12) for x in (a, b, c)]
    reads = (day[0] & month[1]) | (month[0] & day[1]) | (month[1] & day[2])
    return bool(reads.mean() > 0.6)


def _refuse(found: pd.Series, field: Field, what: str, file: str, hint: str = "") -> None:
    if not found.any():
        return
    n = int(found.sum())
    many = "1 value" if n == 1 else f"{n} different values"
    msg = f"the column {field.name} of {file} is refused: {many} in it hold {what}; {_RULE}"
    raise DataError(msg, hint=hint or f"leave {field.name} out: {field.meaning}")
