"""Tables that print: as plain text, in colour with rich, as HTML in notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.table import Table as RichTable

Align = Literal["<", ">"]

PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))


def quantity(number: float, unit: str) -> str:
    """A number of some unit in three digits, with an SI prefix.

    >>> quantity(3_210_000, "flop"), quantity(4.52e-5, "s"), quantity(0, "B")
    ('3.21 Mflop', '45.2 µs', '0 B')
    """
    if not number:
        return f"0 {unit}"
    rounded = float(f"{number:.3g}")
    factor, prefix = next((each for each in PREFIXES if abs(rounded) >= each[0]), PREFIXES[-1])
    digits = f"{rounded / factor:.3g}"
    return f"{digits} {prefix}{unit}"


@dataclass(frozen=True)
class Table:
    """Rows of text under headers. `totals` are rows under a line.

    >>> print(Table("", (("op", "<"), ("flops", ">")), [("matmul", "1,000"), ("add", "20")]))
    op      flops
    matmul  1,000
    add        20
    """

    title: str
    columns: Sequence[tuple[str, Align]]
    rows: Sequence[Sequence[str]]
    totals: Sequence[Sequence[str]] = ()

    def __str__(self) -> str:
        headers = [header for header, _ in self.columns]
        lines = [headers, *self.rows, *self.totals]
        widths = [max(len(line[n]) for line in lines) for n in range(len(headers))]

        def text(line: Sequence[str]) -> str:
            cells = zip(line, self.columns, widths, strict=True)
            return "  ".join(f"{cell:{align}{width}}" for cell, (_, align), width in cells).rstrip()

        rule = ["-" * (sum(widths) + 2 * (len(widths) - 1))] if self.totals else []
        return "\n".join(
            [
                *([self.title] if self.title else []),
                text(headers),
                *map(text, self.rows),
                *rule,
                *map(text, self.totals),
            ]
        )

    def __rich__(self) -> RichTable:
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(title=self.title or None, box=box.SIMPLE_HEAD, title_justify="left")
        for header, align in self.columns:
            table.add_column(header, justify="left" if align == "<" else "right", overflow="fold")
        for row in self.rows:
            table.add_row(*map(Text, row))
        if self.totals:
            table.add_section()
        for row in self.totals:
            table.add_row(*map(Text, row), style="bold")
        return table

    def _repr_html_(self) -> str:
        def row(cells: Sequence[str], tag: str) -> str:
            texts = [
                f'<{tag} style="text-align:{"left" if align == "<" else "right"}">{escape(cell)}</{tag}>'
                for cell, (_, align) in zip(cells, self.columns, strict=True)
            ]
            return f"<tr>{''.join(texts)}</tr>"

        head = row([header for header, _ in self.columns], "th")
        body = "\n".join(row(cells, "td") for cells in self.rows)
        foot = "\n".join(row(cells, "th") for cells in self.totals)
        caption = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        feet = f"\n<tfoot>\n{foot}\n</tfoot>" if foot else ""
        return f"<table>{caption}\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>{feet}\n</table>"
