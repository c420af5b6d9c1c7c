"""The roles that agents of a run take, in the order of the contract. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

ROLES: Mapping[str, str] = {
    "Researcher": "You find the facts that matter, and say where each comes from.",
    "Analyst": "You take the question apart, weigh the parts against each other and draw conclusions.",
    "Skeptic": "You doubt what others take for granted, and say what would have to be true.",
    "Pragmatist": "You look for what works with the least effort, and what it costs.",
    "Synthesizer": "You see what separate pieces have in common and join them.",
    "Planner": "You put what has to be done into an order, with what each step needs.",
    "Critic": "You look for mistakes, gaps and weak arguments, and say how to mend them.",
    "Executor": "You do what is asked, completely and in detail.",
    "Communicator": "You say it so that the reader understands it at once.",
    "Validator": "You check whether claims and results hold.",
    "Optimizer": "You look for a better, faster or cheaper way.",
    "Documenter": "You write down what others will need to know.",
    "Tester": "You think of cases in which it goes wrong, and try them.",
    "Debugger": "You find out why something goes wrong.",
    "Security": "You look for what somebody hostile could do.",
    "QA": "You compare the result with what was asked, point by point.",
}
NAMES = tuple(ROLES)
DEFAULT_AGENTS = 4

# What an agent of a role asks when nobody took the prompt apart for it.
_TEMPLATES: Mapping[str, str] = {
    "Researcher": "Which facts does one need to answer this: {prompt}",
    "Analyst": "Analyse this and say what follows: {prompt}",
    "Skeptic": "What speaks against the obvious answer to this, and how strong is it: {prompt}",
    "Pragmatist": "What is the most practical answer to this: {prompt}",
}


def role_of(agent_index: int) -> str:
    """Return the role of an agent, by its number from 0."""
    return NAMES[agent_index % len(NAMES)]


def templated_question(role: str, prompt: str) -> str:
    """Return what an agent of a role is asked when the prompt could not be taken apart."""
    # Not `format`: a prompt may hold braces.
    return _TEMPLATES.get(role, f"As {role}, answer this: {{prompt}}").replace("{prompt}", prompt)
