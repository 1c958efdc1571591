"""Which tensor gets which name: those that callers use first, then the user's own, then made-up ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def choose_names(
    fixed: Mapping[str, str], wishes: Mapping[str, str], ids: Iterable[str], fallback: Mapping[str, str]
) -> dict[str, str]:
    """A unique name for each id.

    `fixed` names are kept whatever happens; a wish is kept where it is not taken; what is left gets its
    fallback and a number.
    """
    names = dict(fixed)
    taken = set(names.values())
    counts: dict[str, int] = {}

    def unique(base: str) -> str:
        name = base
        while name in taken:
            counts[base] = counts.get(base, 0) + 1
            name = f"{base}_{counts[base]}"
        taken.add(name)
        return name

    order = list(ids)
    for source in (wishes, fallback):
        for id in order:
            if id not in names and id in source:
                names[id] = unique(source[id])
    return names
