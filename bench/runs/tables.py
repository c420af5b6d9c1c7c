"""The results of runs as rows of tables, and what they had to reach."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from bench.market.tables import within
from bench.rounds import Key
from bench.runs.scenes import AT_ONCE, FEW, PAID, PLAYED, SLOW, Runs, Share, WordRun, start_of

WORD_P99_MS = 250.0
SHARE_RATIO = 2.0
COLUMNS = (
    "what",
    "at once",
    "runs/s",
    "whole run p50 ms",
    "p99 ms",
    "without models p50 ms",
    "p99 ms",
    "start p50 ms",
    "server ms",
    "MongoDB ms",
    "errors",
)
NOTE = (
    "A run is seven calls of the mock, four of them one after the other: taking the prompt apart, four agents side by "
    "side, joining, checking. It lasts from the first byte of POST /run to the end of its stream; without models is "
    "that time less what the models took on the way. Paid: the budget is held in the ledger, each call reserves and "
    "settles, the rest goes back. At once: so many clients, each starts a run when its last one has ended. Start is "
    "POST /run alone. Server and MongoDB are processor time per run."
)
WORD_COLUMNS = ("what", "runs at once", "words/s", "p50 ms", "p99 ms", "longest ms", "wrong")
WORD_NOTE = (
    "A model of the protocol of OpenAI on this machine writes the time as its words; the delay runs from there to the "
    "client of the run's stream. Text is collected for a tenth of a second before it is sent. Wrong are words that did "
    "not come, or twice, and runs that failed."
)
SHARE_COLUMNS = ("what", "alone s", "beside s", "beside / alone", "of the other's runs not over")
SHARE_NOTE = (
    f"An operator starts {FEW} runs of 4 agents at once and waits for the last: alone, then while another operator of "
    "the same plan has many. Medians; in brackets the shortest and the longest."
)
RIVAL_COLUMNS = ("engine", "alone p50 ms", "p99 ms", f"runs/s, {AT_ONCE} at once", "p50 ms", "p99 ms", "what it keeps")
RIVAL_NOTE = (
    "The same shape with a model of no delay. The others are called in their own process, without HTTP, tenants, plans "
    "and events; Piecework is asked over HTTP and watched over SSE."
)
_OWN = (
    "every step, its tokens, cost and result, and the events of the run, journaled before they are acknowledged; any "
    "replica goes on after a crash, finished steps are not repeated"
)


def rows(runs: Runs) -> Iterator[tuple[str, ...]]:
    """What a run costs."""
    found = runs.rounds
    for row, at_once in ((PLAYED, 1), (PAID, 1), (SLOW, 1), (PLAYED, AT_ONCE), (PAID, AT_ONCE)):
        key = Key(row.name, at_once)
        whole = [found.percentile_ms(key, share) for share in (0.50, 0.99)]
        bare = [None if value is None or at_once > 1 else value - row.model_ms for value in whole]
        if whole[0] is not None:
            yield (
                row.name,
                str(at_once),
                _shown(found.rate(key), 1),
                *(_shown(value, 0) for value in whole),
                *("" if value is None else _shown(value, 0) for value in bare),
                _shown(found.percentile_ms(start_of(row, at_once), 0.50), 0),
                *(_shown(_ms(found.fact(key, name)), 1) for name in ("server_cpu_us", "database_cpu_us")),
                ", ".join(f"{n} x {status}" for status, n in found.statuses(key).items() if status != "done"),
            )


def word_rows(runs: Runs) -> Iterator[tuple[str, ...]]:
    """Words on their way."""
    for run in runs.words:
        facts = run.delay.facts
        wrong = f"{facts['missing']:.0f} missing, {facts['doubled']:.0f} twice, {facts['failed']:.0f} failed"
        yield (
            run.name,
            str(run.runs),
            _shown(run.delay.rate, 0),
            _shown(within(run.delay, 0.50), 0),
            _shown(within(run.delay, 0.99), 0),
            _shown(within(run.delay, 1.0), 0),
            wrong if _is_wrong(run) else "",
        )


def share_rows(runs: Runs) -> Iterator[tuple[str, ...]]:
    """Fair share."""
    for share in runs.shares:
        before, after = share.waiting
        yield (
            share.name,
            _spread(share.alone),
            _spread(share.beside),
            _shown(share.ratio, 2),
            f"{before:,} before, {after:,} after",
        )


def rival_rows(runs: Runs) -> Iterator[tuple[str, ...]]:
    """Other engines, and our own beside them."""
    if not runs.rivals:
        return
    for rival in runs.rivals:
        yield (
            f"{rival.name} {rival.version}",
            *(_shown(within(rival.alone, share), 1) for share in (0.50, 0.99)),
            _shown(rival.at_once.rate, 1),
            *(_shown(within(rival.at_once, share), 1) for share in (0.50, 0.99)),
            rival.keeps,
        )
    found, alone, many = runs.rounds, Key(PLAYED.name, 1), Key(PLAYED.name, AT_ONCE)
    yield (
        "Piecework",
        *(_shown(found.percentile_ms(alone, share), 1) for share in (0.50, 0.99)),
        _shown(found.rate(many), 1),
        *(_shown(found.percentile_ms(many, share), 1) for share in (0.50, 0.99)),
        _OWN,
    )


def words_within(runs: Runs) -> Iterator[tuple[WordRun, float | None]]:
    """The 99th percentile of the delay of words; none when words are missing."""
    for run in runs.words:
        yield run, None if _is_wrong(run) else within(run.delay, 0.99)


def shares_within(runs: Runs) -> Iterator[tuple[Share, float | None]]:
    """How much longer an operator waits beside another one."""
    for share in runs.shares:
        yield share, share.ratio


def _is_wrong(run: WordRun) -> bool:
    return any(run.delay.facts[name] for name in ("missing", "doubled", "failed"))


def _spread(values: list[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _ms(microseconds: float | None) -> float | None:
    return None if microseconds is None else microseconds / 1000.0


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
