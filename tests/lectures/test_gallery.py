"""docs/lectures.md: a section for each program, in order, and a row for each page or heading of the notes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
GALLERY = ROOT / "docs" / "lectures.md"
PROGRAMS = sorted((ROOT / "examples" / "lectures").glob("[0-9][0-9]*_*.py"))
PICTURES = sorted((ROOT / "docs" / "pictures" / "lectures").iterdir())
LARGEST = 150_000  # bytes of a picture

NYU_2022, NYU_2023 = "DS-GA 1003, April 2022", "CSCI-GA 2565, Nov 2023"
NYU = f"{NYU_2022}; {NYU_2023}"
PAGES = {NYU_2022: range(3, 53), NYU_2023: range(3, 58)}  # before them: the title, the plan of the day

HEADINGS = {
    "6.867, Oct 2017": """
        Recap; The machine learning mindset; Introduction: motivating view 1; Introduction: motivating
        view 2; Neural networks; Jargon; Neural networks as functions; Toy example: no hidden layers;
        Activation functions; 1 hidden layer network; How powerful are these models?; more generally;
        even more; What's the catch?; Recent interest; Negative results; How powerful?; Network with 10
        hidden neurons; With 100 neurons; Now with 500 neurons; Nonlinear separation; Training a NN: ERM
        once again; SGD; Computing a stochastic gradient; Chain-rule of calculus; Computing gradients:
        the challenge; Backpropagation; Backprop, pseudocode; Automatic differentiation""",
    "Training optimization problem, features": """
        Neural network training optimization problem; Deriving backpropagation; Recall from calculus:
        Chain rule; Application to feed-forward network; Decomposing the derivatives; Within a single
        layer; Backpropagation algorithm; Summary: backpropagation; Features; Terminology; Example
        processing pipeline; Feature extraction vs learning; Multi-layer networks and feature
        extraction; Deep networks as feature extractors; A simple example; Example: autoencoders;
        Autoencoders""",
    "Data Sciences Institute": """
        Neural Network for classification; Artificial Neuron; Concrete Example; Layer of Neurons; One
        Hidden Layer Network; Element-wise activation functions; Softmax function; Training the network;
        Gradient Descent; Implementing Gradient Descent; Stochastic Gradient Descent; Computing
        Gradients; Chain rule; Backpropagation; Initialization and normalization; SGD learning rate;
        Momentum; Why Momentum Really Works; Alternative optimizers; The Karpathy Constant for Adam;
        Optimizers around a saddle point""",
}
ORDER = [NYU, NYU_2023, *HEADINGS]


def number(path: Path) -> str:
    """What a program is called on the page: 10h of 10h_early_stopping.py, 3 of 03_neuron.py."""
    return path.stem.split("_")[0].lstrip("0")


def sections() -> list[tuple[str, str]]:
    """The headings of the programs' sections, and their texts."""
    parts = re.split(
        r"^## (\d+[a-z]?\. .*)$", GALLERY.read_text().split("\n## Every topic")[0], flags=re.MULTILINE
    )
    return list(zip(parts[1::2], parts[2::2], strict=True))


def rows() -> list[list[str]]:
    """The table of topics: notes, pages or headings, topic, programs."""
    table = GALLERY.read_text().split("\n## Every topic")[1]
    lines = [line for line in table.splitlines() if line.startswith("| ")][1:]
    return [re.split(r" (?<!\\)\| ", line[2:-2]) for line in lines]


def anchors(page: Path) -> set[str]:
    """The headings of a page as its links name them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def first_page(row: list[str]) -> int:
    found = re.match(r"\d+", row[1])
    assert found, row
    return int(found[0])


def test_each_program_has_its_section_in_order() -> None:
    assert [heading.split(".")[0] for heading, _ in sections()] == [number(path) for path in PROGRAMS]
    for (heading, text), path in zip(sections(), PROGRAMS, strict=True):
        (picture,) = re.findall(r"^!\[[^]]{10,}\]\((.*)\)$", text, flags=re.MULTILINE)
        assert picture == f"pictures/lectures/{path.stem}.png", heading
        assert f"\n\n[{path.name}](../examples/lectures/{path.name})" in text, heading


def test_every_link_leads_somewhere() -> None:
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", GALLERY.read_text()):
        page = GALLERY.parent / path if path else GALLERY
        assert page.is_file(), path
        assert not anchor or anchor in anchors(page), f"{path}#{anchor}"


def test_the_table_names_every_program_by_its_number() -> None:
    named = re.findall(r"\[(\d+[a-z]?)\]\(#(\d+[a-z]?)-", " ".join(row[3] for row in rows()))
    assert all(shown == linked for shown, linked in named)
    assert {shown for shown, _ in named} == {number(path) for path in PROGRAMS}


@pytest.mark.parametrize("notes", PAGES)
def test_every_page_of_the_slides_has_a_row(notes: str) -> None:
    place = -1 if notes == NYU_2023 else 0  # "46; 47" is page 46 of the one's and 47 of the other's
    pages = {int(re.findall(r"\d+", row[1])[place]) for row in rows() if row[0] in (NYU, notes)}
    assert set(PAGES[notes]) <= pages


@pytest.mark.parametrize("notes", HEADINGS)
def test_every_heading_of_the_notes_has_a_row_in_its_place(notes: str) -> None:
    headings = " ".join(HEADINGS[notes].split()).split("; ")
    found = [heading for row in rows() if row[0] == notes for heading in row[1].split("; ")]
    places = [headings.index(heading) for heading in found]
    assert places == sorted(places)
    assert set(found) == set(headings)


def test_the_table_is_in_the_order_of_the_notes() -> None:
    assert all(len(row) == 4 and all(row) for row in rows())
    places = [ORDER.index(row[0]) for row in rows()]
    assert places == sorted(places)
    for notes in (NYU, NYU_2023):
        pages = [first_page(row) for row in rows() if row[0] == notes]
        assert pages == sorted(pages)


def test_pictures_are_those_of_the_programs_and_small() -> None:
    assert [path.stem for path in PICTURES] == [path.stem for path in PROGRAMS]
    assert [path.name for path in PICTURES if path.stat().st_size > LARGEST] == []
