"""Offsets in one arena for buffers whose lifetimes are known.

Best fit in time order, with freed neighbours merged, is fast and near the lower bound for deep graphs.
Small graphs, where it leaves holes, are also packed largest first, and the smaller arena wins.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from .plan import Buffer, aligned, most_live

FEW = 512  # buffers: packing largest first compares all pairs


def assign_offsets(buffers: Sequence[Buffer]) -> int:
    """Give every buffer its offset; the bytes of the arena."""
    arena = _in_time_order(buffers)
    if len(buffers) <= FEW and arena > most_live(buffers)[0]:
        offsets = [buffer.offset for buffer in buffers]
        packed = _largest_first(buffers)
        if packed < arena:
            return packed
        for buffer, offset in zip(buffers, offsets, strict=True):
            buffer.offset = offset
    return arena


def _largest_first(buffers: Sequence[Buffer]) -> int:
    """Each buffer, from the largest on, into the lowest gap among those it lives together with. O(n²)."""
    placed: list[Buffer] = []
    arena = 0
    for buffer in sorted(buffers, key=lambda b: (-b.nbytes, b.first)):
        size = aligned(buffer.nbytes)
        rivals = [b for b in placed if b.first <= buffer.last and buffer.first <= b.last]
        offset = 0
        for rival in sorted(rivals, key=lambda b: b.offset):
            if rival.offset >= offset + size:
                break
            offset = max(offset, rival.offset + aligned(rival.nbytes))
        buffer.offset = offset
        placed.append(buffer)
        arena = max(arena, offset + size)
    return arena


def _in_time_order(buffers: Sequence[Buffer]) -> int:
    """Each buffer, as it comes to life, into the smallest hole that fits. O(n · holes), after sorting."""
    free: list[tuple[int, int]] = []  # (offset, size), sorted, neighbours merged
    ending: dict[int, list[Buffer]] = {}
    waiting = sorted({buffer.last for buffer in buffers})
    for buffer in buffers:
        ending.setdefault(buffer.last, []).append(buffer)
    arena = 0
    done = 0
    for buffer in sorted(buffers, key=lambda b: b.first):
        while done < len(waiting) and waiting[done] < buffer.first:
            for dead in ending[waiting[done]]:
                _release(free, dead.offset, aligned(dead.nbytes))
            done += 1
        size = aligned(buffer.nbytes)
        best = min((block for block in free if block[1] >= size), key=lambda block: block[1], default=None)
        if best is not None:
            free.remove(best)
            buffer.offset = best[0]
            if best[1] > size:
                bisect.insort(free, (best[0] + size, best[1] - size))
        elif free and free[-1][0] + free[-1][1] == arena:  # grow the last free block
            buffer.offset = free.pop()[0]
            arena = buffer.offset + size
        else:
            buffer.offset = arena
            arena += size
    return arena


def _release(free: list[tuple[int, int]], offset: int, size: int) -> None:
    if size == 0:
        return
    at = bisect.bisect(free, (offset, 0))
    if at < len(free) and free[at][0] == offset + size:
        size += free.pop(at)[1]
    if at > 0 and free[at - 1][0] + free[at - 1][1] == offset:
        offset, before = free.pop(at - 1)
        size += before
        at -= 1
    free.insert(at, (offset, size))
