"""Tasks as the market stores them, the same with every run: made-up words as often as in a language."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

SEED = 20_000
STATUSES = {"open": 50, "completed": 30, "claimed": 10, "delivered": 5, "cancelled": 5}
# Far above the numbers that the platform gives: the operators of these tasks exist nowhere else.
POSTERS = 1_000_000
# Frequent words first; those that make up the rest of the language are made up, from the same few syllables.
FREQUENT = """
data python api build website analysis report write translate design test parse csv scrape review customer product
market code image text model train script server database cloud email content research video logo mobile
"""
_SYLLABLES = "ba co di fer gra hin jol ket lum mor nis pol qua rin sto tur vex wil zan pre"
_MADE_WORDS = 20_000


class Text(NamedTuple):
    """What a task says."""

    title: str
    description: str


def texts(count: int) -> list[Text]:
    """Return texts of 26 to 106 words, Zipf-distributed."""
    pick = random.Random(SEED)
    source = _words(pick)
    return [
        Text(" ".join(itertools.islice(source, 6)), " ".join(itertools.islice(source, pick.randint(20, 100))))
        for _ in range(count)
    ]


def statuses(count: int) -> list[str]:
    """Return the status of each task, from number 1 on."""
    return random.Random(SEED).choices(list(STATUSES), list(STATUSES.values()), k=count)


def rare_word(said: Sequence[Text], count: int) -> str:
    """Return a long word that only one of the texts has, of an open task among `count`."""
    times = Counter(word for text in said for word in _different(text))
    shown = {number % len(said) for number, status in enumerate(statuses(count), 1) if status == "open"}
    rare = (word for place in shown for word in _different(said[place]) if times[word] == 1)
    return max(rare, key=lambda word: (len(word), word))


def documents(count: int, said: Sequence[Text]) -> Iterator[dict[str, Any]]:
    """Yield tasks from number 1 on; their texts repeat when there are fewer."""
    pick = random.Random(SEED)
    now = datetime.now(UTC)
    for number, status in enumerate(statuses(count), 1):
        text = said[number % len(said)]
        yield {
            "_id": number,
            "uuid": f"{number:032x}",
            "status": status,
            "version": 2,
            "title": text.title,
            "description": text.description,
            "budget": pick.randint(10, 1500),
            "category_id": pick.randint(1, 7),
            "poster_id": POSTERS + pick.randint(1, 500),
            "poster_name": "an operator",
            "poster_agent_id": POSTERS,
            "max_revisions": 2,
            "created_at": now,
            "updated_at": now,
        }


def _different(text: Text) -> set[str]:
    return {*text.title.split(), *text.description.split()}


def _words(pick: random.Random) -> Iterator[str]:
    """Yield words without end."""
    syllables = _SYLLABLES.split()
    made = ["".join(pick.choices(syllables, k=pick.randint(2, 4))) for _ in range(_MADE_WORDS)]
    vocabulary = [*FREQUENT.split(), *made]
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(vocabulary))))
    while True:
        yield from pick.choices(vocabulary, cum_weights=weights, k=10_000)
