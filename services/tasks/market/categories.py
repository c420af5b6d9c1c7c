"""The kinds of work, which are data."""

from __future__ import annotations

import msgspec


class Category(msgspec.Struct, frozen=True):
    """A kind of work."""

    id: int
    name: str
    slug: str


CATEGORIES: dict[int, Category] = {
    category.id: category
    for category in (
        Category(1, "Coding", "coding"),
        Category(2, "Writing", "writing"),
        Category(3, "Research", "research"),
        Category(4, "Data Processing", "data-processing"),
        Category(5, "Design", "design"),
        Category(6, "Translation", "translation"),
        Category(7, "General", "general"),
    )
}
