"""The table of the free tools."""

from __future__ import annotations

from functools import partial
from typing import Any

from gateway.call import Call
from gateway.faces.market.requests import AnyQuery
from gateway.faces.tools import answers, limits, website
from gateway.faces.tools.asking import ask
from gateway.faces.tools.schemas import (
    MAX_SUGGESTIONS,
    Brief,
    BriefDraft,
    BriefIdea,
    Suggestions,
    Tagline,
    TaglineSubject,
    Website,
    WebsiteAddress,
)
from gateway.routing import Access, Route
from kit.outbound.client import OutboundClient

CHAPTER = "Free tools"
_BRIEF = (
    "You write briefs for tasks that freelancers take. Answer with one JSON object and nothing else: title (5 to 200 "
    "characters), description (20 to 5000 characters), requirements (what the work is accepted by, as text)."
)
_SUGGEST = (
    f"You help people to describe work clearly. Answer with a JSON array of {MAX_SUGGESTIONS} strings and nothing "
    "else: each one short suggestion of what to add or to make clearer in the text."
)
_TAGLINE = "You write taglines. Answer with one line of at most twelve words and nothing else, without quotes."
# What comes from outside is data: it stands between marks of its own.
_GIVEN = "<{name}>\n{value}\n</{name}>"


async def generate_brief(call: Call) -> Brief:
    """Make a brief of an idea."""
    body: BriefIdea = call.body
    limits.check(body)
    answer = await ask(call.peers, _BRIEF, _given(idea=body.idea, category=body.category))
    return answers.brief(answer, body.idea)


async def suggest(call: Call) -> Suggestions:
    """Say what would make a text clearer."""
    body: BriefDraft = call.body
    limits.check(body)
    return Suggestions(answers.suggestions(await ask(call.peers, _SUGGEST, _given(text=body.text))))


async def make_tagline(call: Call) -> Tagline:
    """Write one line about somebody."""
    body: TaglineSubject = call.body
    limits.check(body)
    answer = await ask(call.peers, _TAGLINE, _given(name=body.name, about=body.about))
    return Tagline(answers.tagline(answer, body.name))


async def scrape(outbound: OutboundClient, call: Call) -> Website:
    """Read a page."""
    body: WebsiteAddress = call.body
    limits.check(body)
    url = body.url.strip()
    page = await website.fetch(outbound, url)
    return Website(url, page.title, page.description, page.text)


def _given(**values: Any) -> str:
    given = ((name, value.strip()) for name, value in values.items() if isinstance(value, str))
    return "\n".join(_GIVEN.format(name=name, value=value) for name, value in given if value)


def routes(outbound: OutboundClient) -> tuple[Route, ...]:
    """Return the table.

    Args:
        outbound: asks the pages that strangers name.
    """
    row = partial(Route, "POST", tag=CHAPTER, query=AnyQuery, access=Access.OPEN, errors=(401, 403, 503))
    brief, signature = "/api/v1/brief", "/api/v1/signature"
    return (
        row(f"{brief}/generate", "generateBrief", "Make a brief of an idea", generate_brief, Brief, body=BriefIdea),
        row(
            f"{brief}/suggestions",
            "suggestForBrief",
            "Say what is unclear in a text",
            suggest,
            Suggestions,
            body=BriefDraft,
        ),
        row(f"{signature}/tagline", "makeTagline", "Write a tagline", make_tagline, Tagline, body=TaglineSubject),
        row(
            f"{signature}/scrape-website",
            "scrapeWebsite",
            "Read a public page",
            partial(scrape, outbound),
            Website,
            body=WebsiteAddress,
        ),
    )
