"""Words of a task and of a query, reduced to stems so that `parse` finds `parser` and `parsing`. No I/O.

How much a stem weighs in a task: its title counts more than any number of mentions in its description. A word of a
query matches every stem that begins with its own, as a text search with prefixes does.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import msgspec
import snowballstemmer

MAX_WEIGHT = 7
_TITLE_WEIGHT = 4
_LONGEST = 64  # characters of a word; what is longer is data, not language
_PART = re.compile(r"[^\W_]+")
_PUNCTUATION = re.compile(r"[^\w\s]")
_SAY_NOTHING = """
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself
it its itself they them their theirs themselves what which who whom this that these those am is are was were be
been being have has had having do does did doing a an the and but if or because as until while of at by for with
about against between into through during before after above below to from up down in out on off over under
again further then once here there when where why how all any both each few more most other some such no nor not
only own same so than too very can will just should now
"""
_STOP_WORDS = frozenset(_SAY_NOTHING.split())
_stemmer = snowballstemmer.stemmer("english")


def weights(title: str, description: str) -> dict[str, int]:
    """Return how much each stem weighs in a task, 1 to `MAX_WEIGHT`."""
    in_title, in_description = Counter(_stems(title)), Counter(_stems(description))
    return {
        stem: (_TITLE_WEIGHT if stem in in_title else 0) + _step(in_description[stem])
        for stem in in_title | in_description
    }


class Words(msgspec.Struct, frozen=True):
    """The stems of a task.

    Attributes:
        stems: in the order of the alphabet.
        weights: how much each weighs.
    """

    stems: tuple[str, ...] = ()
    weights: tuple[int, ...] = ()

    def weight(self, beginning: str) -> int:
        """Return how much the stems that begin with `beginning` weigh together, at most `MAX_WEIGHT`."""
        place, total = bisect_left(self.stems, beginning), 0
        while place < len(self.stems) and self.stems[place].startswith(beginning):
            total += self.weights[place]
            place += 1
        return min(total, MAX_WEIGHT)


def words_of(title: str, description: str) -> Words:
    """Return the stems of a task."""
    found = sorted(weights(title, description).items())
    return Words(tuple(stem for stem, _ in found), tuple(weight for _, weight in found))


def query_terms(query: str) -> list[str]:
    """Return the stems that a task must have the beginning of, each once; words that say nothing are left out."""
    words = _PUNCTUATION.sub("", _folded(query)).split()
    terms = [stem_of(word) for word in words if _PART.search(word) and word not in _STOP_WORDS]
    return list(dict.fromkeys(terms))


@lru_cache(maxsize=65_536)
def stem_of(word: str) -> str:
    """Return the stem of a word in small letters."""
    stem: str = _stemmer.stemWord(word[:_LONGEST])
    return stem


def _stems(text: str) -> Iterator[str]:
    for chunk in _folded(text).split():
        parts = _PART.findall(chunk)
        # A query has its punctuation removed, so `web-scraping` has to be found as `webscraping` too.
        if len(parts) > 1:
            parts.append(_PUNCTUATION.sub("", chunk))
        for word in parts:
            if word not in _STOP_WORDS:
                yield stem_of(word)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _step(count: int) -> int:
    """Return what a number of mentions adds: one, a few, many."""
    return min(count, 1) + (count > 1) + (count > 3)
