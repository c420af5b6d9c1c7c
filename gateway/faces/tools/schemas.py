"""What the free tools take and give."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

MAX_SUGGESTIONS = 5
MAX_PAGE_TEXT = 20_000

Idea = Annotated[str, Meta(min_length=3, max_length=2000)]
Draft = Annotated[str, Meta(min_length=1, max_length=2000)]
Category = Annotated[str, Meta(max_length=100)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
About = Annotated[str, Meta(max_length=2000)]
Url = Annotated[str, Meta(min_length=1, max_length=2048)]


class BriefIdea(msgspec.Struct):
    """What somebody wants done, in a few words."""

    idea: Idea
    category: Category | UnsetType | None = UNSET


class BriefDraft(msgspec.Struct):
    """The text of a task that is being written."""

    text: Draft


class TaglineSubject(msgspec.Struct):
    """Whom or what a line is wanted for."""

    name: Name
    about: About | UnsetType | None = UNSET


class WebsiteAddress(msgspec.Struct):
    """A page to read."""

    url: Url


class Brief(msgspec.Struct):
    """A task that could be posted: its lengths are those of a new task of the market."""

    title: str
    description: str
    requirements: str


class Suggestions(msgspec.Struct):
    """What would make a text clearer, at most five."""

    suggestions: list[str]


class Tagline(msgspec.Struct):
    """One line."""

    tagline: str


class Website(msgspec.Struct):
    """What a page says; at most 20,000 characters of its text."""

    url: str
    title: str
    description: str
    text: str
