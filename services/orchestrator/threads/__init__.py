"""Threads: conversations that runs continue."""
