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
        each = [found[app, n, d] for n, d in cells]
        lines.append(f"| {app} | " + " | ".join(f"{row['ratio']:.2f} ({row['cpu_ratio']:.2f})" for row in each) + " |")
    seconds = [found["FedAvg", n, d]["round_ms"] / 1e3 for n, d in cells]
    return [*lines, "| FedAvg, seconds | " + " | ".join(f"{each:.2g}" for each in seconds) + " |"]


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


def _of(rounds: dict[str, Any], work: str) -> list[dict[str, Any]]:
    return [row for row in rounds["results"] if row["work"] == work]


def page(rounds: dict[str, Any], many: dict[str, Any]) -> str:
    """The page."""
    trained, answered = (_of(rounds, work) for work in ("train", "answer"))
    judged = {work: [_judged(row) for row in rows if row["app"] == "guard multi-krum"]
              for work, rows in (("train", trained), ("answer", answered))}  # fmt: skip
    first = many["results"][0]
    return f"""# What the guard costs a Flower app

Made by `bench/flower_page.py` from `bench/results/flower.json` and `bench/results/flower_many.json`, on
{rounds["machine"]}.
Bare and guarded rounds were run in turn in one process, and medians of the ratios of a turn count.

Time of a whole in-process round over that of the same round of bare FedAvg, on the clock; in brackets CPU time, to which every
thread adds. f = n/5, no journal and no watchers (either adds the digests of model and decision).

The aim was a round time of at most {AIM} times the bare one, with Multi-Krum, at every size.

## Where clients train

A network of two layers, written as Flower's tutorials write it; each client learns from 60 MNIST images, one epoch in batches of
10. That is a tenth of what a client has where 100 share MNIST; with all of it the guard's part is smaller yet.

{chr(10).join(_rounds(trained))}

{chr(10).join(judged["train"])}

## Where clients answer at once

No federation is like that. It shows what the server alone does, and where the guard's part is largest.

{chr(10).join(_rounds(answered))}

{chr(10).join(judged["answer"])}

With a million parameters the server's part alone does not keep the aim. Bare FedAvg reads each update once and adds it up in the
cache. The guard writes it down as a difference, and Multi-Krum forms n (n + 1) / 2 inner products of rows: with 100 clients and
d = 1e6 that is 5e9 multiplications. The last row but one is the physical limit: those products alone, as fast as the library's
matrix product on all cores, with nothing read or written. Multi-Krum needs that much beside what a mean needs (`guard mean`).
Ours run on all cores, too, to the same bits on any number of them.
Where each counted client gets its own reply (`replies = "each"`), FedAvg averages again on top.

## {first["clients"]:,} clients in one round

d = {first["d"]:,}, every rule in a process of its own; `none` is bare FedAvg, which holds all replies.

{chr(10).join(_many(many["results"]))}
"""


def main() -> None:
    PAGE.write_text(page(*(json.loads(path.read_text(encoding="utf-8")) for path in (ROUNDS, MANY))), encoding="utf-8")


if __name__ == "__main__":
    main()
