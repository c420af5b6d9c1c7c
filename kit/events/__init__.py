"""Events: what changed, in one gapless order, kept for a while and watched live.

A source document carries its newest change; the relay copies every change into `events`; the tail fans it out.
"""
