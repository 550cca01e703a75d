"""docs/flower-cost.md out of the committed results of bench/flower.py and bench/flower_many.py.

python bench/flower_page.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "flower-cost.md"
ROUNDS, MANY = (ROOT / "bench" / "results" / name for name in ("flower.json", "flower_many.json"))
AIM = 1.3


def _rounds(rows: list[dict[str, Any]]) -> list[str]:
    cells = list(dict.fromkeys((row["clients"], row["d"]) for row in rows))
    found = {(row["app"], row["clients"], row["d"]): row for row in rows}
    head = " | ".join(f"{n} x {d:.0e}".replace("e+0", "e") for n, d in cells)
    lines = [f"| app | {head} |", "|---" * (1 + len(cells)) + "|"]
    for app in dict.fromkeys(row["app"] for row in rows):
        cpu = [found[app, n, d] for n, d in cells]
        lines.append(f"| {app} | " + " | ".join(f"{row['cpu_ratio']:.2f} ({row['ratio']:.2f})" for row in cpu) + " |")
    return lines


def _many(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        f"| {row['rule']} | {row['peak_bytes'] / 1e9:.1f} | {row['seconds']:.0f}{'*' if 'note' in row else ''} |"
        for row in rows
    ]
    notes = [f"\\* {row['rule']}: {row['note']}." for row in rows if "note" in row]
    return ["| rule | peak, GB | seconds |", "|---|---|---|", *lines, "", *notes]


def _judged(row: dict[str, Any]) -> str:
    """Whether one size keeps the aim, on the clock and by CPU time: neither hides the other."""
    clock, cpu = ("met" if row[name] <= AIM else "missed" for name in ("ratio", "cpu_ratio"))
    where = f"{row['clients']} clients, d = {row['d']:,}"
    low, high = row["ratio_range"]
    on_clock = f"{row['ratio']:.2f} on the clock, {low:.2f} to {high:.2f} over {row['turns']} turns, {clock}"
    return f"* {where}: {on_clock}; {row['cpu_ratio']:.2f} by CPU time, {cpu}."


def page(rounds: dict[str, Any], many: dict[str, Any]) -> str:
    """The page."""
    ours = [row for row in rounds["results"] if row["app"] == "guard multi-krum"]
    first = many["results"][0]
    return f"""# What the guard costs a Flower app

Made by `bench/flower_page.py` from `bench/results/flower.json` and `bench/results/flower_many.json`, on
{rounds["machine"]}.
The machine was shared and busy: bare and guarded rounds were run in turn in one process, and medians of the ratios of a turn
count. They scatter widely all the same, on the clock more than by CPU time: bare FedAvg beside itself is not 1 either.

## A round beside bare FedAvg

CPU time of a whole in-process round over that of bare FedAvg; in brackets the same of seconds on the clock. Clients answer at
once, one thread, f = n/5, no journal and no watchers (either adds the digests of model and decision). A real round also trains
and sends, so the guard's part of it is smaller. Flower's own strategies at 100 x 1e6 were measured in a run of their own.

{chr(10).join(_rounds(rounds["results"]))}

The aim was a round time of at most {AIM} times the bare one, with Multi-Krum, at every size:

{chr(10).join(_judged(row) for row in ours)}

With a million parameters the Gram pass and writing the updates cost more by themselves than the sum that bare FedAvg forms. Where
each counted client gets its own reply (`replies = "each"`), FedAvg averages again on top.

## {first["clients"]:,} clients in one round

d = {first["d"]:,}, every rule in a process of its own; `none` is bare FedAvg, which holds all replies.

{chr(10).join(_many(many["results"]))}
"""


def main() -> None:
    PAGE.write_text(page(*(json.loads(path.read_text(encoding="utf-8")) for path in (ROUNDS, MANY))), encoding="utf-8")


if __name__ == "__main__":
    main()
