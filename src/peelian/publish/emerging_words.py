"""What emerged, in sentences: which clusters and places stand out, how sure that is, how often it would be an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peelian.publish.words import day, interval, listing, number, percent, plural

__all__ = [
    "AGAINST",
    "LOOKS_AT",
    "NAMES",
    "details",
    "headline",
    "leaders",
    "p_words",
    "rate_words",
    "scan_words",
    "watch_words",
]

Result = Mapping[str, Any]

NAMES: Mapping[str, str] = {
    "scan": "Scan against the past",
    "permutation": "Scan by shuffled times",
    "farrington": "Same time of past years (Farrington)",
    "ears_c1": "Just before (EARS C1)",
    "ears_c2": "Some time before (EARS C2)",
    "ears_c3": "Three running (EARS C3)",
    "cusum": "Small rises that add up (CUSUM)",
}

LOOKS_AT: Mapping[str, str] = {
    "scan": "clusters of any size and length",
    "permutation": "clusters of any size and length",
    "farrington": "the latest {unit}",
    "ears_c1": "the latest {unit}",
    "ears_c2": "the latest {unit}",
    "ears_c3": "the latest three {unit}s together",
    "cusum": "the latest 26 {unit}s, with small excesses added up",
}

AGAINST: Mapping[str, str] = {
    "scan": "what each square's own past leads to expect",
    "permutation": "each square's share of all reports of the last year",
    "farrington": "the same time of past years",
    "ears_c1": "the seven {unit}s before it",
    "ears_c2": "seven {unit}s before it, with two left out between so that a rise doesn't hide itself",
    "ears_c3": "seven {unit}s before them",
    "cusum": "what was expected before them",
}

LEADING = ("farrington", "ears_c2", "ears_c1", "ears_c3", "cusum")
"""Which of the ways to watch places the page leads with: the first of them that could look."""


def leaders(result: Result) -> tuple[Result | None, Result | None]:
    """The scan and the watch that a page leads with."""
    watched = {one["method"]: one for one in result["watched"]}
    lead = next((watched[name] for name in LEADING if name in watched), None)
    return (result["scans"][0] if result["scans"] else None), lead


def headline(result: Result) -> str:
    """What stands out by the methods that the page leads with, and the clearest of it."""
    scan, watch = leaders(result)
    parts = [one for one in (scan, watch) if one is not None]
    if not any(one["reports"] or one.get("places") for one in parts):
        return f"Nothing was reported in the latest {result['unit']}s, so that nothing can stand out."
    if not any(one["signals"] for one in parts):
        return _nothing(result, scan, watch)
    said, first = [], []
    if scan is not None and scan["signals"]:
        said.append(plural(scan["signals"], "emerging cluster"))
        first.append(_cluster(scan["clusters"][0]))
    if watch is not None and watch["signals"]:
        said.append(f"{number(watch['signals'])} of {_places(result)}")
        first.append(_place(watch["places"][0]))
    verb = "stands" if len(said) == 1 and said[0].startswith("1 ") else "stand"
    clearest = [one["clusters" if "clusters" in one else "places"][0] for one in parts if one["signals"]]
    short = any(one["alarms_a_year"] is None for one in clearest)
    past = (
        ", though the past is too short to say how often that is a false alarm"
        if short
        else " and from these records' own past"
    )
    return f"{listing(said)} {verb} out from chance{past}, up to {day(result['to'])}: {'; and '.join(first)}."


def _nothing(result: Result, scan: Result | None, watch: Result | None) -> str:
    said = []
    if scan is not None:
        n = scan["settings"]["weeks"]
        said.append(f"no emerging cluster in the {plural(n, result['unit'])} up to {day(result['to'])}")
    if watch is not None:
        latest = LOOKS_AT[watch["method"]].format(unit=result["unit"])
        said.append(f"none of {_places(result)} in {latest}")
    return f"Nothing stands out from chance and from these records' own past: {listing(said)}."


def details(result: Result) -> list[str]:
    """How sure the clearest finding is, or what came nearest to one; and what other methods say."""
    scan, watch = leaders(result)
    said = []
    if scan is not None and scan["clusters"]:
        one = scan["clusters"][0]
        what = "The cluster" if scan["signals"] else f"The highest cluster, {_cluster(one)},"
        said.append(f"{what} has {_cluster_sure(one)}.")
    if watch is not None and watch["signals"]:
        said.append(f"The {result['places']['one']} has {_place_sure(watch['places'][0], result)}.")
    others = [one for one in (*result["scans"], *result["watched"]) if one is not scan and one is not watch]
    naming = [f"{NAMES[one['method']]} {number(one['signals'])}" for one in others if one["signals"]]
    if naming:
        said.append(f"Of {plural(len(others), 'other method')}, these find something too: {listing(naming)}.")
    elif others:
        said.append(f"{plural(len(others), 'other method')} that looked at the same reports found nothing.")
    return said


def _places(result: Result) -> str:
    places = result["places"]
    return plural(places["n"], places["one"])


def p_words(p: float) -> str:
    """A p-value or a false-discovery rate: three decimals, and never 0."""
    return "under 0.001" if p < 0.001 else number(p, digits=3)


def _p(p: float) -> str:
    return f"p {p_words(p)}" if p < 0.001 else f"p = {p_words(p)}"


def rate_words(rate: float | None) -> str:
    """How many a year."""
    if rate is None:
        return "not known"
    return "0" if rate == 0 else number(rate, digits=1) if rate >= 0.05 else "under 0.1"


def _often(rate: float | None) -> str:
    """How often these records' own past had something as rare."""
    if rate is None:
        return "the past is too short to say how often that would be a false alarm"
    if rate == 0:
        return "nothing as rare in these records' own past"
    return f"something as rare came up {rate_words(rate)} times a year in these records' own past"


def _cluster(one: Result) -> str:
    return (
        f"{plural(one['observed'], 'report')} within {number(one['radius_m'], digits=0)} m around {one['where']} since "
        f"{day(one['from'])}, where {number(one['expected'])} were expected ({_p(one['p'])})"
    )


def _cluster_sure(one: Result) -> str:
    ratio = number(one["ratio"], digits=1)
    return (
        f"{ratio} times as many as expected (95 % interval {interval(one['low'], one['high'], digits=1)}); "
        f"{_often(one['alarms_a_year'])}"
    )


def _place(one: Result) -> str:
    return (
        f"{one['name']} with {plural(one['observed'], 'report')} since {day(one['from'])}, where "
        f"{number(one['expected'], digits=1)} were expected ({_p(one['p'])})"
    )


def _place_sure(one: Result, result: Result) -> str:
    bound = "" if one["upper"] is None else f"a bound of {number(one['upper'], digits=1)}, "
    return (
        f"{bound}a false-discovery rate of {p_words(one['q'])} over {_places(result)}; "
        f"{_often(one['alarms_a_year'])}"
    )


def scan_words(scan: Result, result: Result) -> str:
    """What a scan says, and by which setting."""
    settings, clusters = scan["settings"], scan["clusters"]
    setting = (
        f"p at most {settings['level']:g}, and something as rare in the past at most {settings['alarms']:g} times a "
        "year"
    )
    if not scan["reports"]:
        return f"Nothing was reported in the {plural(settings['weeks'], result['unit'])} looked at."
    if not clusters:
        return "No place had more reports of late than was expected there."
    first = f"{_cluster(clusters[0])}: {_cluster_sure(clusters[0])}"
    if scan["signals"]:
        verb = "stands" if scan["signals"] == 1 else "stand"
        return f"{plural(scan['signals'], 'cluster')} {verb} out ({setting}). The first is {first}."
    why = "chance alone makes" if clusters[0]["p"] > settings["level"] else "these records often had before"
    return f"None stands out ({setting}). The highest is {first}. That is no more than {why}."


def watch_words(watch: Result, result: Result) -> str:
    """What a watch says, and by which setting."""
    level, alarms = watch["settings"]["level"], watch["settings"]["alarms"]
    setting = (
        f"false-discovery rate up to {percent(level)}, and something as rare in the past at most {alarms:g} times a "
        "year"
    )
    n = watch["above_bound"]
    chance = result["places"]["n"] * watch["settings"]["alpha"]
    above = (
        f"{number(n)} {'is above its' if n == 1 else 'are above their'} own bound, where chance alone puts up to "
        f"{number(chance, digits=0 if chance >= 10 else 1)}"
    )
    unit = result["unit"]
    looks = LOOKS_AT[watch["method"]].format(unit=unit)
    how = f"{looks[:1].upper()}{looks[1:]}, held against {AGAINST[watch['method']].format(unit=unit)}."
    if not watch["signals"]:
        return f"{how} None of {_places(result)} stands out ({setting}); {above}."
    verb = "stands" if watch["signals"] == 1 else "stand"
    one = watch["places"][0]
    first = f"{_place(one)}: {_place_sure(one, result)}"
    found = f"{number(watch['signals'])} of {_places(result)} {verb} out"
    return f"{how} {found} ({setting}); {above}. The first is {first}."
