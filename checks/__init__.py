"""Checks of this repository that no library does for us; `make check` runs them."""
