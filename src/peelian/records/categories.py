"""The standard categories, and the tables that map each source's labels to them.

The standard list follows the offence groups of the FBI's National Incident-Based Reporting System (NIBRS
User Manual, 2023.0, group A and B offences), shortened to what place-based work needs. Two coarse names
exist because police.uk publishes nothing finer: ``violence`` and ``vehicle_crime``.

A table is a CSV with the columns ``pattern, category, officer_initiated``. A pattern is one of

``05*``
    every code that begins so (the longest one wins); codes of digits are zero-padded to six first (SLMPD);
``BATTERY/04B``
    a label with a code (Chicago's primary type with its FBI code);
``BATTERY``
    a label. Case and punctuation don't matter in any of them.

``officer_initiated`` is charter rule 6: records that exist because officers went and looked (drug
possession, vice, trespass, obstruction, weapons found in stops, liquor, loitering) are flagged, and left out
of training by default.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from peelian.errors import ConfigError, SourceError

__all__ = ["STANDARD", "CategoryTable", "StandardCategory", "load_table"]


@dataclass(frozen=True, slots=True)
class StandardCategory:
    """One standard category: its NIBRS codes, what it holds, and its default officer-initiated flag."""

    nibrs: tuple[str, ...]
    meaning: str
    officer_initiated: bool = False


_S = StandardCategory

#: Standard name -> NIBRS codes, meaning and the default of the officer-initiated flag.
STANDARD: Mapping[str, StandardCategory] = MappingProxyType(
    {
        "homicide": _S(("09A", "09B", "09C"), "murder, manslaughter"),
        "sexual_assault": _S(("11A", "11B", "11C", "11D", "36A", "36B"), "sexual offences against a person"),
        "robbery": _S(("120",), "taking by force or threat"),
        "aggravated_assault": _S(("13A",), "assault with a weapon or serious injury"),
        "simple_assault": _S(("13B",), "assault or battery without a weapon or serious injury"),
        "intimidation": _S(("13C",), "threats, stalking, harassment"),
        "violence": _S(
            ("13A", "13B", "13C", "11A"), "violence of a kind that the source does not tell apart"
        ),
        "kidnapping": _S(("100", "64A", "64B"), "kidnapping, human trafficking"),
        "burglary": _S(("220",), "unlawful entry to steal or commit another offence"),
        "theft": _S(("23A", "23B", "23C", "23D", "23E", "23H"), "theft other than of or from a vehicle"),
        "theft_from_vehicle": _S(("23F", "23G"), "theft from a motor vehicle, or of its parts"),
        "motor_vehicle_theft": _S(("240",), "theft of a motor vehicle"),
        "vehicle_crime": _S(
            ("23F", "23G", "240"), "theft of or from a vehicle, not told apart by the source"
        ),
        "arson": _S(("200",), "deliberate burning"),
        "vandalism": _S(("290",), "damage to property"),
        "fraud": _S(("250", "26A", "26B", "26C", "26D", "26E", "26F", "26G", "270", "510"), "fraud, forgery"),
        "stolen_property": _S(("280",), "receiving or possessing stolen property", True),
        "weapons": _S(("520",), "unlawful possession, carrying or use of a weapon", True),
        "drugs": _S(("35A", "35B"), "possession, sale or making of drugs", True),
        "prostitution": _S(("40A", "40B", "40C"), "prostitution and its promotion", True),
        "gambling": _S(("39A", "39B", "39C", "39D"), "unlawful gambling", True),
        "liquor": _S(("90E", "90G"), "liquor laws, drunkenness", True),
        "driving": _S(("90D",), "driving under the influence, and other driving offences", True),
        "collision": _S((), "traffic collisions, leaving the scene of one"),
        "disorder": _S(("90C",), "disturbance of the peace, noise, antisocial behaviour"),
        "loitering": _S(("90B",), "loitering, begging, curfew", True),
        "trespass": _S(("90J",), "trespass", True),
        "obstruction": _S(("90Z",), "obstruction of officers or of justice, warrants", True),
        "family": _S(("90F",), "non-violent offences against family or children"),
        "other": _S(("90Z",), "everything else, and every label that no table maps"),
    }
)

#: Names that sources use for the standard categories, compared without case and punctuation.
_SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        "murder": "homicide",
        "homicide murder": "homicide",
        "manslaughter": "homicide",
        "rape": "sexual_assault",
        "sex assault": "sexual_assault",
        "sex offense": "sexual_assault",
        "sex offence": "sexual_assault",
        "sexual offence": "sexual_assault",
        "sexual offense": "sexual_assault",
        "robbery street": "robbery",
        "mugging": "robbery",
        "agg assault": "aggravated_assault",
        "aggravated battery": "aggravated_assault",
        "felony assault": "aggravated_assault",
        "assault aggravated": "aggravated_assault",
        "assault": "simple_assault",
        "battery": "simple_assault",
        "common assault": "simple_assault",
        "misdemeanor assault": "simple_assault",
        "assault simple": "simple_assault",
        "stalking": "intimidation",
        "harassment": "intimidation",
        "threats": "intimidation",
        "violence and sexual offences": "violence",
        "violent crime": "violence",
        "human trafficking": "kidnapping",
        "abduction": "kidnapping",
        "breaking and entering": "burglary",
        "break and enter": "burglary",
        "burglary breaking and entering": "burglary",
        "burglary residential": "burglary",
        "residential burglary": "burglary",
        "burglary commercial": "burglary",
        "commercial burglary": "burglary",
        "larceny": "theft",
        "larceny theft": "theft",
        "stealing": "theft",
        "shoplifting": "theft",
        "pickpocketing": "theft",
        "bicycle theft": "theft",
        "bike theft": "theft",
        "other theft": "theft",
        "theft from the person": "theft",
        "petty theft": "theft",
        "grand theft": "theft",
        "grand larceny": "theft",
        "theft from auto": "theft_from_vehicle",
        "theft from car": "theft_from_vehicle",
        "theft from motor vehicle": "theft_from_vehicle",
        "theft of motor vehicle parts": "theft_from_vehicle",
        "theft of motor vehicle parts or accessories": "theft_from_vehicle",
        "larceny from vehicle": "theft_from_vehicle",
        "burglary from vehicle": "theft_from_vehicle",
        "car break in": "theft_from_vehicle",
        "auto theft": "motor_vehicle_theft",
        "car theft": "motor_vehicle_theft",
        "vehicle theft": "motor_vehicle_theft",
        "stolen vehicle": "motor_vehicle_theft",
        "theft of vehicle": "motor_vehicle_theft",
        "theft of motor vehicle": "motor_vehicle_theft",
        "grand theft auto": "motor_vehicle_theft",
        "mvt": "motor_vehicle_theft",
        "criminal damage": "vandalism",
        "criminal mischief": "vandalism",
        "property damage": "vandalism",
        "malicious mischief": "vandalism",
        "graffiti": "vandalism",
        "destruction damage vandalism of property": "vandalism",
        "forgery": "fraud",
        "embezzlement": "fraud",
        "deceptive practice": "fraud",
        "identity theft": "fraud",
        "stolen property offenses": "stolen_property",
        "receiving stolen property": "stolen_property",
        "weapon": "weapons",
        "weapons violation": "weapons",
        "weapon law violations": "weapons",
        "weapons offense": "weapons",
        "possession of weapons": "weapons",
        "drug": "drugs",
        "drug offense": "drugs",
        "narcotics": "drugs",
        "drug narcotic violations": "drugs",
        "drug possession": "drugs",
        "vice": "prostitution",
        "prostitution offenses": "prostitution",
        "gambling offenses": "gambling",
        "liquor law violation": "liquor",
        "liquor law violations": "liquor",
        "drunkenness": "liquor",
        "public intoxication": "liquor",
        "dui": "driving",
        "dwi": "driving",
        "driving under the influence": "driving",
        "hit and run": "collision",
        "disorderly conduct": "disorder",
        "public order": "disorder",
        "anti social behaviour": "disorder",
        "antisocial behaviour": "disorder",
        "disturbance": "disorder",
        "noise": "disorder",
        "curfew": "loitering",
        "vagrancy": "loitering",
        "begging": "loitering",
        "trespassing": "trespass",
        "trespass of real property": "trespass",
        "criminal trespass": "trespass",
        "warrant": "obstruction",
        "resisting arrest": "obstruction",
        "family offenses nonviolent": "family",
        "child endangerment": "family",
        "other offense": "other",
        "other crime": "other",
        "all other offenses": "other",
    }
)


def fold(text: str) -> str:
    """Return ``text`` in lower case, with each run of anything but letters and digits as one space."""
    return re.sub(r"[^a-z0-9]+", " ", text.casefold()).strip()


_BY_FOLD: Mapping[str, str] = MappingProxyType({**{fold(n): n for n in STANDARD}, **_SYNONYMS})


@dataclass(frozen=True, slots=True)
class CategoryTable:
    """Rules from a source's labels and codes to standard categories.

    ``rules`` and ``own`` map a folded pattern (``"05*"``, ``"battery/04b"``, ``"battery"``, ``"breakandenter*"``) to a
    category and its flag. What the agency wrote itself (``own``) goes before all that comes with the source.
    """

    rules: Mapping[str, tuple[str, bool]]
    own: Mapping[str, tuple[str, bool]] = field(default_factory=dict)

    def lookup(self, label: str, *, code: str | None = None) -> tuple[str, bool] | None:
        """Return ``(category, officer_initiated)`` of a label and optional code, or ``None`` if unmapped."""
        name = fold(label)
        compact = fold(code).replace(" ", "") if code else ""
        hit = _hit(self.own, name, compact) or _prefix(self.own, name.replace(" ", ""))
        hit = hit or _hit(self.rules, name, compact)
        if hit is not None:
            return hit
        standard = _BY_FOLD.get(name)
        return None if standard is None else (standard, STANDARD[standard].officer_initiated)


def _hit(rules: Mapping[str, tuple[str, bool]], name: str, code: str) -> tuple[str, bool] | None:
    """What rules say of a label with its code, of the beginning of the code, or of the label alone."""
    padded = code.zfill(6) if code.isdigit() else code
    of_code = rules.get(f"{name}/{code}") or rules.get(f"{name}/{padded}") or _prefix(rules, padded)
    return of_code or rules.get(name)


def _prefix(rules: Mapping[str, tuple[str, bool]], text: str) -> tuple[str, bool] | None:
    for length in range(len(text), 0, -1):
        hit = rules.get(f"{text[:length]}*")
        if hit is not None:
            return hit
    return None


def load_table(source: str, override: Path | None = None) -> CategoryTable:
    """Return the category table of a source, with a user's own CSV merged over the built-in one.

    A source without a built-in table gets the standard names and their synonyms alone.

    Raises
    ------
    SourceError
        If the override can't be read.
    ConfigError
        If a row of it has an unknown category or flag.
    """
    rules: dict[str, tuple[str, bool]] = {}
    own: dict[str, tuple[str, bool]] = {}
    builtin = resources.files("peelian.records") / "tables" / f"{source}.csv"
    if re.fullmatch(r"[a-z0-9_]+", source) and builtin.is_file():
        rules.update(_rules(builtin.read_text(encoding="utf-8").splitlines(), f"{source}.csv"))
    if override is not None:
        try:
            lines = Path(override).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            msg = f"category table {override} can't be read: {error}"
            raise SourceError(
                msg, hint="give a UTF-8 CSV with the columns pattern,category,officer_initiated"
            ) from error
        own.update(_rules(lines, str(override)))
    return CategoryTable(MappingProxyType(rules), MappingProxyType(own))


def _rules(lines: Iterable[str], name: str) -> dict[str, tuple[str, bool]]:
    reader = csv.DictReader(lines)
    if not {"pattern", "category"} <= set(reader.fieldnames or ()):
        found = ", ".join(reader.fieldnames or ["none"])
        msg = f"{name}: columns {found}; expected pattern,category,officer_initiated"
        raise ConfigError(msg, hint="begin the file with pattern,category,officer_initiated")
    rules: dict[str, tuple[str, bool]] = {}
    for number, row in enumerate(reader, start=2):
        pattern, category = (row["pattern"] or "").strip(), (row["category"] or "").strip().lower()
        if not pattern or category not in STANDARD:
            near = difflib.get_close_matches(category, STANDARD, n=1)
            names = ", ".join(STANDARD)
            msg = f"{name} line {number}: category {category!r} for {pattern!r} is not one of {names}"
            raise ConfigError(msg, hint=f"write {near[0]}" if near else "use a name from the list")
        flag = (row.get("officer_initiated") or "").strip().lower()
        if flag not in {"", "true", "false"}:
            msg = f"{name} line {number}: officer_initiated {flag!r} is not true or false"
            raise ConfigError(msg, hint="write true or false, or leave it empty for the category's default")
        initiated = STANDARD[category].officer_initiated if not flag else flag == "true"
        rules[_pattern(pattern)] = (category, initiated)
    return rules


def _pattern(pattern: str) -> str:
    if pattern.endswith("*"):
        return fold(pattern[:-1]).replace(" ", "") + "*"
    label, slash, code = pattern.rpartition("/")
    if slash and re.fullmatch(r"[0-9]{2,6}[A-Z]?", code):
        return f"{fold(label)}/{code.lower()}"
    return fold(pattern)
