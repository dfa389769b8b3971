"""How the tests read the public page: a strict tree of elements, tables by id, lines by name, figures by value."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser

from etl.deliver.sheet_text import number_vi

VOID = {"meta", "link", "input", "br", "img"}


@dataclass
class Node:
    tag: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    def all(self, tag: str) -> list[Node]:
        found = []
        for child in self.children:
            if isinstance(child, Node):
                found += ([child] if child.tag == tag else []) + child.all(tag)
        return found

    def every(self) -> list[Node]:
        return [self, *(n for child in self.children if isinstance(child, Node) for n in child.every())]

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    @property
    def seen(self) -> str:
        """What is on the screen: without what only a screen reader says."""
        parts = (
            child if isinstance(child, str) else "" if child.attributes.get("class") == "vh" else child.seen
            for child in self.children
        )
        return " ".join("".join(parts).split())


class Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice in <{tag}>"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parsed(html: str) -> Node:
    tree = Tree()
    tree.feed(html)
    tree.close()
    assert [node.tag for node in tree.open] == [""], "every element is closed"
    return tree.root


def table(root: Node, name: str) -> Node:
    return next(node for node in root.all("table") if node.attributes.get("id") == name)


def lines(node: Node) -> dict[str, list[Node]]:
    """Name in the heading cell of each line → its cells."""
    found = {}
    for row in node.all("tr"):
        cells = [child for child in row.children if isinstance(child, Node)]
        head = next((cell for cell in cells if cell.attributes.get("scope") == "row"), None)
        if head is not None:
            found[head.text] = cells
    return found


def assert_figure(
    cell: Node, value: Decimal | int | None, decimals: int | None = 2, *, signed: bool = False
) -> None:
    """The cell holds exactly this figure, and shows it the Vietnamese way."""
    shown = cell.seen.removesuffix("*")
    if value is None:
        assert (cell.attributes.get("data-value"), shown) == ("", "—")
        assert "không có số liệu" in cell.text
        return
    assert Decimal(cell.attributes["data-value"]) == value
    if decimals is not None:
        assert shown == number_vi(value, decimals, signed=signed)


def unit_lines(root: Node) -> dict[str, list[Node]]:
    """data-unit → cells, of the tables of the index."""
    return {
        row.attributes["data-unit"]: [child for child in row.children if isinstance(child, Node)]
        for one in root.all("table")
        if one.attributes["id"].startswith("bang-khoi-")
        for row in one.all("tr")
        if "data-unit" in row.attributes
    }
