"""docs/hostile.md, made of the results of bench/hostile.py and bench/hostile_tls.py alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.behaviours import BEHAVIOURS, HARMLESS
from bench.strategies import STRATEGIES
from bench.told import SENT

__all__ = ["PAGE", "TLS", "page"]

TLS = Path(__file__).parent / "results" / "hostile_tls.json"
PAGE = Path(__file__).parent.parent / "docs" / "hostile.md"

GLYPHS = {"ok": "✓", "moved": "≠", "nan": "N", "complex": "C", "metrics": "m", "none": "∅", "crash": "✗", "hangs": "∞"}
WORDS = {
    "ok": "as without liars",
    "moved": "the model is elsewhere",
    "nan": "the model holds NaN or Inf",
    "complex": "the model holds complex numbers",
    "metrics": "the model is right, the reported metrics are not",
    "none": "every round is dropped, and no model comes of it",
    "crash": "the run ends with an exception",
    "hangs": "the run waits for ever",
}

Cells = Sequence[Mapping[str, Any]]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in (heads, ["---"] * len(heads), *rows))


def matrix(cells: Cells) -> str:
    """Behaviours by strategies, the worst first."""
    by_row: dict[str, dict[str, Mapping[str, Any]]] = {name: {} for name in BEHAVIOURS}
    for cell in cells:
        by_row[cell["behaviour"]][cell["strategy"]] = cell
    order = list(BEHAVIOURS)

    def harm(name: str) -> tuple[int, int, int]:
        row = by_row[name].values()
        failed = sum(bool(cell["guarded"]["wrong"]) for cell in row)
        return -failed, -sum(cell["bare"]["outcome"] not in ("ok", "metrics") for cell in row), order.index(name)

    rows = [[BEHAVIOURS[n].what, *(_shown(by_row[n].get(s)) for s in STRATEGIES), _said(by_row[n].values())]
            for n in sorted(BEHAVIOURS, key=harm)]  # fmt: skip
    return table(["what is sent", *STRATEGIES, "what the record says"], rows)


def _shown(cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return "–"
    bare = GLYPHS[cell["bare"]["outcome"]]
    if cell["bare"].get("drift") is not None:  # an array of another shape is at no distance
        bare += _size(cell["bare"]["drift"])
    return f"{bare} {'✗' if cell['guarded']['wrong'] else '✓'}"


def _size(drift: float) -> str:
    if drift >= 1000:
        return f"{drift:.0e}".replace("e+0", "e").replace("e+", "e")
    return f"{drift:.0f}" if drift >= 10 else f"{drift:.2g}"


def _said(row: Iterable[Mapping[str, Any]]) -> str:
    """What was said of the liar over all strategies and rounds, the most frequent first."""
    said = Counter(word for cell in row for word in cell["guarded"]["said"])
    return ", ".join(f"`{word}`" for word, _ in said.most_common())


def counts(cells: Cells) -> str:
    found = Counter(cell["bare"]["outcome"] for cell in cells)
    rows = [[f"{GLYPHS[word]} {WORDS[word]}", str(found[word])] for word in WORDS]
    rows += [["**guarded:** ✓ as without liars, and every liar that does harm is named",
              str(sum(not cell["guarded"]["wrong"] for cell in cells))],
             ["**guarded:** ✗ not held", str(sum(bool(cell["guarded"]["wrong"]) for cell in cells))]]  # fmt: skip
    return table(["outcome", f"of {len(cells)} runs"], rows)


def errors(cells: Cells) -> str:
    found = Counter(cell["bare"]["error"] for cell in cells if "error" in cell["bare"])
    return ", ".join(f"`{name}` {count}" for name, count in found.most_common())


def lost(cells: Cells) -> str:
    """What the guard did not hold, by name."""
    rows = [f"* {cell['strategy']}, {cell['liars']} hostile: {BEHAVIOURS[cell['behaviour']].what}: "
            f"{'; '.join(cell['guarded']['wrong'])}" for cell in cells if cell["guarded"]["wrong"]]  # fmt: skip
    return "\n".join(rows) if rows else "Nothing in these tables."


def deployed(found: Mapping[str, Any], cells: Cells) -> str:
    """The table of the runs over TLS, beside what the same does to strategies in one process."""
    rows = []
    for cell in found["cells"]:
        alike = [each for each in cells if each["behaviour"] == SENT[cell["lie"]].like]
        harmed = sum(each["bare"]["outcome"] not in ("ok", "metrics") for each in alike)
        in_process = f"{harmed} of {len(alike)}" if alike else "–"
        held = "; ".join(cell["wrong"]) or "✓"
        rows.append([SENT[cell["lie"]].what, in_process, _fate(cell.get("bare")), str(cell["round"]),
                     f"`{cell['said']}`", f"{cell['accuracy']:.1%}", held])  # fmt: skip
    heads = ["what is sent", "strategies harmed, in process", "bare, over TLS", "round", "what the record says"]
    return table([*heads, "accuracy after it", "held"], rows)


def _fate(bare: Mapping[str, Any] | None) -> str:
    """How a run over TLS without a guard ended."""
    if bare is None:
        return "not run"
    if not bare["ended"]:
        return f"✗ `{bare['said']}` in round {len(bare['accuracy'])}"
    return f"ends, accuracy {bare['accuracy'][-1]:.1%}"


def page(found: Mapping[str, Any], tls: Mapping[str, Any]) -> str:
    """The page, of the results in one process and of those over TLS."""
    cells, versions = found["cells"], found["versions"]
    by_count = {liars: [cell for cell in cells if cell["liars"] == liars] for liars in (1, 2)}
    harmless = ", ".join(each.what for each in BEHAVIOURS.values() if each.reason == HARMLESS)
    refused = "\n".join(f"* {name}: `{why}`" for name, why in found["refused"].items())
    far = ", and how far, in multiples of the way that honest training went"
    legend = "\n".join(f"* {GLYPHS[word]} {WORDS[word]}{far if word == 'moved' else ''}" for word in WORDS)
    sites = tls["nodes"] + tls["liars"]
    counting = ", ".join(name for name, way in STRATEGIES.items() if way.each)
    return f"""# What a hostile client does to Flower, with and without the guard

Made by `{found["command"]}` on {found["machine"]}, flwr {versions["flwr"]}, numpy {versions["numpy"]},
version {versions["mithridate"]}; every run stands in `bench/results/hostile.json`.

{found["clients"]} clients in one process, {found["rounds"]} rounds, Flower's strategies unchanged. One client, in the second
table two, does not send what it should. The guard is the default one (`guard_app(app)`, no policy file), which bears two liars
of twelve; only {counting} get `[round] replies = "each"`, because they
count replies. One seed; a model of two arrays and a counter (none for QFedAvg, which cannot average one); honest clients that
differ by little. What is measured is whether nonsense gets in, not how well a rule tells like from like.

Each cell shows the run without a guard, then the run with it. Bare:

{legend}

Guarded: ✓ means that the run ended, the model is finite and within {found["tolerance"]:.0%} of that way from the guarded model
without liars, each hostile client is named in the record with the reason expected, no honest client is turned away, and the
metrics are those of honest clients. – is a reply that this strategy's model leaves no room for.

Some of what is sent is harmless, and is counted rather than refused: {harmless}.
The rule may still leave such a client out of a round (`not-selected`), as it does with honest ones: that is no accusation.

## One hostile client of twelve

{counts(by_count[1])}

Exceptions that ended bare runs: {errors(by_count[1])}.

{matrix(by_count[1])}

## Two hostile clients of twelve

{counts(by_count[2])}

Exceptions that ended bare runs: {errors(by_count[2])}.

{matrix(by_count[2])}

## What the guard did not hold

{lost(cells)}

## Over a real deployment

Made by `{tls["command"]}`: Flower's own SuperLink and {sites}
SuperNodes on loopback, flwr {tls["versions"]["flwr"]}, with TLS, registered keys of nodes, and signed replies; the app, the
policy and the liar are those of `mithridate lab up`. One SuperNode of {sites} lies. Guarded, it tells the i-th lie in round i
of one run over {len(tls["cells"])} rounds ({tls["wall_s"]:.0f} s where other work was going on). That run ends with accuracy
{tls["accuracy"]["liar"]:.1%}, and with {tls["accuracy"]["honest"]:.1%} when the same SuperNode is honest. Bare, each lie has a
run of {tls["bare_rounds"]} rounds of FedAvg; the first model has an accuracy of {tls["cells"][0]["bare"]["accuracy"][0]:.1%}.

"Strategies harmed" counts bare runs of the first table; for shape (1,) those of its row "arriving last"; – is what only exists
where replies are packed and sent.
"Held" means that the record says of the liar what it should, in that very round, and counts everybody else.

{deployed(tls, by_count[1])}

Most lies are told before the reply is signed, so the signature holds and does not help. Bytes that are no array cannot be signed:
they take the array's place on the way out. So do another client's key and the reply of the round before, which the signature is
there for; bare, nobody signs, and they pass for honest replies. A claim of 1e12 examples makes the liar's model the only one that
counts; here it is an honest one, so that the run goes on. The guard refuses it all the same. A metric too many is left out,
and the model that comes with it counts. What shape (1,) and complex64 do bare depends on who answers first: after an honest reply
they end the run; before all others shape (1,) is broadcast over the sum and the model is lost without a word, and complex64 makes
a complex model, which PyTorch casts back at the clients.

A packed array that cannot be unpacked is worth a look. The SuperLink hands each reply out once, and Flower's Grid unpacks all
that are there in one go: bare, the exception ends the run, and caught it would still cost every honest reply of the same look.
The guard fetches replies one by one, asks for nothing more of one that is larger than an honest one can be, packed or unpacked,
and waits for none whose bytes come slowly while others are there (Flower's Grid waits for three minutes after the last object, up
to two hours in all): tests/flower/test_fetch.py shows each, but for the hours, which stand in Flower's constants.
A part that is named 10,000 times takes 10,000 times its size in a bare server's memory; of this small model that is bearable.

One seed, one run: this shows that transport, deserialisation and signatures change none of the verdicts, not how often.

## What this does not show

* **Flower's DP wrappers keep no promise of privacy behind the guard.** Their noise is made for the mean of n updates, which one
  client moves by at most twice the clip / n. The guard hands them its own model, and one client can move that further: in the
  example of tests/venues/test_hostile.py (twelve clients, clip 1) the mean moves by 0.17, the default guard's model by 0.32, a
  median by 1 and Krum's choice by 2. So the noise is too small, whatever `[round] replies` says, and an epsilon reported by the
  wrappers' accountant is not true. The tables only show that training goes on. For privacy that holds, let clients add the noise
  themselves: `[client]` clip, noise-multiplier and epsilon in the policy.
* Bare, the DP wrappers skip every round in which one client reports an error: that is why an error alone stops their training.
  The guard keeps errors from strategies in rounds that it has made a model of.
* "No reply" costs the whole time-out, bare and guarded; time is simulated here.
* A message in another node's name, the same reply twice, an old message: shown as a transport would deliver them that does not
  check. Whether Flower's does is another question.
* The first round's reply, sent again with the right addresses, is just another update here. Only a signed reply says which
  model it answers: see [identity](identity.md).
* In one process a large config record reaches the server's memory before the guard can look at it; it is not handed on. From a
  SuperLink nothing more of a reply is fetched after the object with which it becomes larger than an honest one can be.
* Attacks that stay within what honest clients send are not on this page: [results.md](results.md) has them.

Strategies that average no arrays are refused when the first round begins, with the reason; the guard does not pretend to
protect them:

{refused}
"""
