"""Write the results of the benchmarks, bench/out/*.json, into the tables of docs/explanation/forecasting.md.

python tools/bench_report.py docs/explanation/forecasting.md
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

OUT = Path(__file__).resolve().parents[1] / "bench" / "out"


def interval(d: dict, name: str, digits: int, sign: str = "+") -> str:
    """A difference or a value with the ends of its interval, or a dash where there is none."""
    if d[name] is None or d["low"] is None:
        return "–"
    return f"{d[name]:{sign}.{digits}f} ({d['low']:{sign}.{digits}f} to {d['high']:{sign}.{digits}f})"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def plain(name: str) -> str:
    """A method's name as words; a method that was given twice is the peer."""
    if name.startswith("chosen_by_"):
        score = name.removeprefix("chosen_by_").replace("_", " ").replace("pai", "PAI")
        return f"*what each half-year's past had chosen by {score}*"
    if name == "hindsight":
        return "*counts that know the future*"
    return "*counts, 730-day decay*" if "#" in name else name.replace("_", " ")


def portland(figures: dict) -> str:
    """A table for each category: PAI at both areas beside the baseline's, and log skill over the last year."""
    parts = []
    for category in ("burglary", "motor_vehicle_theft"):
        found = figures[category]
        known = found["known"]
        rows = []
        for row in sorted(found["rows"], key=lambda r: -(r["log_skill"]["value"] or -9)):
            skill = found["last_52_log_skill"].get(row["method"])
            rows.append(
                [
                    plain(row["method"]),
                    *(
                        f"{row[f'pai_{k}']['value']:.1f}, {interval(row[f'pai_{k}_difference'], 'difference', 1)}"
                        for k in range(2)
                    ),
                    "–" if skill is None else interval(skill, "value", 2, ""),
                ]
            )
        head = ["method", *(f"PAI at {a}, difference from the baseline" for a in figures["areas"])]
        parts.append(
            f"**{plain(category).capitalize()}**: {found['events']:,} calls in 104 weeks, {found['cells']:,} cells. "
            f"Known of the baseline: {known[0]} and {known[1]}; of boosted counts: log skill {known[2]:.2f}, and "
            f"{found['wanted']:.2f} was wanted.\n\n" + table([*head, "log skill, last 52 weeks"], rows)
        )
    return "\n\n".join(parts)


def room(figures: dict) -> str:
    """What mixtures of kernels can come to in log skill, with and without the future in view."""
    rows = [
        [plain(category), f"{found['back']:.3f}", f"{found['both']:.3f}", f"{found['wanted']:.2f}"]
        for category, found in figures.items()
    ]
    return table(["log skill, last 52 weeks", "looking back", "looking back and ahead", "wanted"], rows)


def chicago(figures: dict) -> str:
    """A row a category: ours and the peer, both chosen on the year before."""
    rows = []
    for category, found in figures.items():
        by_name = {row["method"]: row for row in found["rows"]}
        value = {k: by_name[found[k]]["pai_0"]["value"] for k in ("ours", "peer")}
        line = by_name["hindsight"]["pai_0"]["value"]
        alone = by_name["boosted_counts"]["pai_0"]["value"]
        rows.append(
            [
                category,
                f"{found['events']:,}",
                f"{plain(found['ours'])} {value['ours']:.2f}",
                f"{plain(found['peer'])} {value['peer']:.2f}",
                f"{found['pai_ratio']:.3f}",
                interval(found["pai_difference"], "difference", 2),
                f"{alone:.2f}",
                f"{line:.2f}, {interval(found['above_hindsight'], 'difference', 2)}",
                interval(found["log_skill_difference"], "difference", 3),
            ]
        )
    head = ["category", "reports", "ours", "best of counts and kernels", "ratio of PAI", "difference"]
    return table([*head, "boosted counts", "hindsight, ours above it", "log skill above the peers'"], rows)


def trial(figures: dict) -> str:
    """Time and memory of a full trial."""
    rows = [["82,677 reports, 10,256 cells, 52 origins, all methods"]]
    rows[0] += [f"{figures['seconds']:.0f} s", f"{figures['memory_gb']:.1f} GB"]
    if "ratio" in figures:
        rows.append(["ten times the reports", f"{figures['tenfold_seconds']:.0f} s"])
        rows[-1] += [f"{figures['tenfold_memory_gb']:.1f} GB"]
    return table(["trial of Chicago burglary", "time", "memory"], rows)


def speed(figures: dict) -> str:
    """Ours, the peer's and the ratio, a row a case."""
    rows = [[r["work"], r["ours"], r["peer"], r["ratio"], r["note"]] for r in figures["rows"]]
    return table(["work", "ours", "peer", "peer over ours", "checked"], rows)


BLOCKS: dict[str, Callable[[dict], str]] = {
    "portland": portland,
    "room": room,
    "chicago": chicago,
    "trial": trial,
    "kernel_density": speed,
    "self_exciting": speed,
    "prospective": speed,
}


def main(path: Path) -> None:
    """Replace each block between its markers; one without figures stays as it is."""
    text = path.read_text(encoding="utf-8")
    for name, made in BLOCKS.items():
        figures = OUT / f"{name}.json"
        block = re.compile(rf"(<!-- bench: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not block.search(text):
            msg = f"{path} has no block '<!-- bench: {name} -->'"
            raise SystemExit(msg)
        if not figures.exists():
            print(f"{name}: kept as it was; python bench/{name}.py makes {figures.name}", file=sys.stderr)
            continue
        new = made(json.loads(figures.read_text(encoding="utf-8")))
        text = block.sub(lambda m, new=new: f"{m[1]}\n{new}\n\n{m[2]}", text)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
