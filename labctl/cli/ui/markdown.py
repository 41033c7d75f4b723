"""A brief on a terminal. Prose is wrapped by the rules of wrap.py. Code is never wrapped, so that a learner can copy
it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from labctl.cli.ui.table import layout
from labctl.cli.ui.wrap import cells, fold, unbroken

_CHINESE = re.compile("[\u2e80-\u9fff\uf900-\uffef]")
_STYLES = {"strong": "\x1b[1m", "em": "\x1b[3m", "code": "\x1b[36m", "heading": "\x1b[1m", "dim": "\x1b[2m"}
_PLAIN = "\x1b[0m"
# A line of output in a block of commands. For the shell it is a comment, so a learner can paste the whole block.
_OUTPUT = re.compile(r"^(?:#>|//>)")


def rendered(text: str, width: int) -> list[str]:
    """Return the lines of a Markdown text. Only code and very long words can be wider than ``width``."""
    tree = SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(text))
    return list(_blocks(tree.children, width))


def _blocks(nodes: list[SyntaxTreeNode], width: int, tight: bool = False) -> Iterator[str]:
    for number, node in enumerate(nodes):
        if number and not tight:
            yield ""
        yield from _block(node, width)


def _block(node: SyntaxTreeNode, width: int) -> Iterator[str]:
    match node.type:
        case "heading":
            yield from _heading(node, width)
        case "paragraph":
            yield from fold(_inline(node), width)
        case "fence" | "code_block":
            yield from _code(node.content)
        case "bullet_list" | "ordered_list":
            yield from _list(node, width)
        case "table":
            head, *rows = [[_inline(cell) for cell in row.children] for part in node.children for row in part.children]
            yield from layout(head, rows, width)
        case "blockquote":
            yield from (f"│ {line}".rstrip() for line in _blocks(node.children, width - 2))
        case "hr":
            yield "─" * width
        case _:
            yield from fold(node.content if not node.children else _inline(node), width)


def _heading(node: SyntaxTreeNode, width: int) -> Iterator[str]:
    level = int(node.tag[1])
    lines = fold(_inline(node, ("heading",)), width)
    yield from lines
    if level < 3:
        rule = ("═" if level == 1 else "─") * max(cells(line) for line in lines)
        yield rule if level == 1 else click.style(rule, dim=True)


def _code(content: str) -> Iterator[str]:
    """Yield the lines of code from the first column on, with no other characters before or after them."""
    for line in content.rstrip("\n").split("\n"):
        style = "dim" if _OUTPUT.match(line) else "code"
        yield f"{_STYLES[style]}{line}{_PLAIN}" if line else ""


def _list(node: SyntaxTreeNode, width: int) -> Iterator[str]:
    start = int(node.attrs.get("start", 1))
    loose = any(len(item.children) > 1 and item.children[1].type == "paragraph" for item in node.children)
    for number, item in enumerate(node.children):
        if number and loose:
            yield ""
        mark = f"{start + number}. " if node.type == "ordered_list" else "• "
        indent = " " * len(mark)
        for index, child in enumerate(item.children):
            if index and (loose or child.type in ("fence", "code_block", "table")):
                yield ""
            for at, line in enumerate(_block(child, width - len(mark))):
                if child.type in ("fence", "code_block"):
                    yield line
                else:
                    yield f"{mark if index == at == 0 else indent}{line}".rstrip()


def _inline(node: SyntaxTreeNode, styles: tuple[str, ...] = ()) -> str:
    return "".join(_words(child, styles) for child in node.children)


def _words(node: SyntaxTreeNode, styles: tuple[str, ...]) -> str:
    match node.type:
        case "text" | "html_inline":
            return _in_style(node.content, styles)
        case "code_inline":
            return _in_style(unbroken(node.content), (*styles, "code"))
        case "strong" | "em":
            # Chinese has no italics.
            style = "strong" if _CHINESE.search(_inline(node)) else node.type
            return _inline(node, (*styles, style))
        case "softbreak":
            return _break(node)
        case "hardbreak":
            return " "
        case "link":
            target, words = str(node.attrs.get("href", "")), _inline(node, styles)
            return words if target.startswith("#") or target in words else f"{words} ({target})"
        case _:
            return _inline(node, styles) if node.children else _in_style(node.content, styles)


def _in_style(text: str, styles: tuple[str, ...]) -> str:
    return f"{''.join(_STYLES[style] for style in styles)}{text}{_PLAIN}" if styles else text


def _break(node: SyntaxTreeNode) -> str:
    """Return the text for a line break of the file: a space, or nothing between two Chinese characters."""
    before = node.previous_sibling.content[-1:] if node.previous_sibling else ""
    after = node.next_sibling.content[:1] if node.next_sibling else ""
    return "" if _CHINESE.match(before) and _CHINESE.match(after) else " "
