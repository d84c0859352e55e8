"""Prove that each room of asyncz.py uses only what is above it, and measure the file.

A room is what stands between two banners, `# === Name ===`; what is above the first banner is the
head. Three things are looked at, each by a function that gives lines of text, none if all is well:

- the banners are the rooms that the module's docstring lists, in the same order;
- no room uses a name of the module that a later room defines, nor a private member (`x._name`)
  that only later rooms define. What is inside functions counts too, and so do annotations,
  also those in quotation marks: a reader meets them all the same;
- the figures of the table `LIMITS` are kept.

    python .ci/rooms.py [asyncz.py]

Tokens are counted with Python 3.11 or older: later ones count an f-string in pieces.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

LIMITS = {
    "tokens": 55_700,  # aim: 45,000; it is to fall
    "lines with more than 100 columns": 0,
    "lines of a room": 500,
    "private methods of a class": 25,
    "lines of a class": 520,
    "functions with more than 60 lines": 6,
}
LEAST_COMMENTS = 4.5  # percent of the lines that are comments of their own
BANNER = re.compile(r"^# === (.+) ===$")
LISTED = re.compile(r"^    (\S+(?: \S+)*) {2,}\S")
QUIET = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.Lambda, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass
class Source:
    """The file, read once."""

    text: str
    lines: list[str] = field(init=False)
    tree: ast.Module = field(init=False)
    banners: list[tuple[int, str]] = field(init=False)  # the line of each room, and its name

    def __post_init__(self) -> None:
        self.lines = self.text.splitlines()
        self.tree = ast.parse(self.text)
        found = ((number, BANNER.match(line)) for number, line in enumerate(self.lines, 1))
        self.banners = [(number, match[1]) for number, match in found if match]

    def room_of(self, line: int) -> int:
        """Return the number of the room of a line, 0 for the head."""
        return sum(number <= line for number, _ in self.banners)

    def name_of(self, room: int) -> str:
        return self.banners[room - 1][1] if room else "the head"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


# --- The banners ---


def check_banners(source: Source) -> list[str]:
    """Compare the banners with the list in the module's docstring."""
    listed = listed_rooms(ast.get_docstring(source.tree, clean=False) or "")
    there = [name for _, name in source.banners]
    if not listed:
        return ["the module's docstring lists no rooms"]
    wrong = [f"the docstring lists {name!r}, which has no banner" for name in listed]
    wrong = [line for name, line in zip(listed, wrong) if name not in there]
    wrong += [
        f"line {number}: {name!r} is not in the docstring's list"
        for number, name in source.banners
        if name not in listed
    ]
    wrong += [f"{name!r} has more than one banner" for name in set(there) if there.count(name) > 1]
    if not wrong and listed != there:
        wrong.append(f"the banners are in another order than the docstring's list: {there}")
    return wrong


def listed_rooms(docstring: str) -> list[str]:
    """Return the names of the list that follows the line which begins with "The rooms"."""
    rooms: list[str] = []
    _, _, rest = docstring.partition("\nThe rooms")
    for line in rest.splitlines()[1:]:
        match = LISTED.match(line)
        if match:
            rooms.append(match[1])
        elif rooms:
            break
    return rooms


# --- What is defined where ---


def names_bound(node: ast.AST) -> Iterator[str]:
    """Give the names that a scope binds in its own body, not in scopes within it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            yield child.name
        elif isinstance(child, ast.Name) and not isinstance(child.ctx, ast.Load):
            yield child.id
        elif isinstance(child, ast.alias):
            yield (child.asname or child.name).partition(".")[0]
        elif isinstance(child, ast.ExceptHandler) and child.name:
            yield child.name
        elif isinstance(child, ast.arg):
            yield child.arg
        if not isinstance(child, (*SCOPES, *COMPREHENSIONS)):
            yield from names_bound(child)


def module_names(source: Source) -> dict[str, int]:
    """Return for each name of the module the first room that defines it."""
    rooms: dict[str, int] = {}
    for statement in source.tree.body:
        room = source.room_of(statement.lineno)
        for name in names_bound(ast.Module([statement], [])):
            rooms.setdefault(name, room)
    return rooms


def private_members(source: Source) -> dict[str, int]:
    """Return for each private member of a class the first room that defines it.

    A method, a name in a class's body or its `__slots__`, or what a method sets on its `self`.
    """
    rooms: dict[str, int] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            for name, line in members_of(node):
                room = source.room_of(line)
                rooms[name] = min(room, rooms.get(name, room))
    return {name: room for name, room in rooms.items() if is_private(name)}


def members_of(owner: ast.ClassDef) -> Iterator[tuple[str, int]]:
    for name in names_bound(owner):
        yield name, owner.lineno
    for node in ast.walk(owner):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
                yield node.attr, node.lineno
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(each, ast.Name) and each.id == "__slots__" for each in targets):
                for text in ast.walk(node):
                    if isinstance(text, ast.Constant) and isinstance(text.value, str):
                        yield text.value, node.lineno
        elif isinstance(node, ast.Call) and setter_of_self(node):
            yield member_by_text(node), node.lineno


def setter_of_self(call: ast.Call) -> bool:
    """Return whether this is `object.__setattr__(self, "_name", ...)` or `setattr(self, ...)`."""
    word = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    word = call.func.id if isinstance(call.func, ast.Name) else word
    first = call.args[0] if call.args else None
    own = isinstance(first, ast.Name) and first.id == "self"
    return own and word in ("setattr", "__setattr__") and bool(member_by_text(call))


def member_by_text(call: ast.Call) -> str:
    """Return the member that `getattr(x, "_name")` and the like mean, "" if it can't be told."""
    second = call.args[1] if len(call.args) > 1 else None
    if isinstance(second, ast.Constant) and isinstance(second.value, str):
        return second.value
    return ""


# --- What is used where ---


class Uses(ast.NodeVisitor):
    """Collect the names of the module and the private members that are used, with their lines.

    A name that an enclosing function binds is not the module's. Annotations and decorators belong
    to the scope around a function.
    """

    def __init__(self) -> None:
        self.names: list[tuple[str, int]] = []
        self.members: list[tuple[str, int]] = []
        self._bound: list[set[str]] = []
        self._line = 0  # of a string that is parsed, whose own lines begin at 1

    def _line_of(self, node: ast.AST) -> int:
        return self._line or getattr(node, "lineno", 0)

    def visit_Name(self, node: ast.Name) -> None:
        if not any(node.id in names for names in self._bound):
            self.names.append((node.id, self._line_of(node)))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.members.append((node.attr, self._line_of(node)))
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        word = node.func.id if isinstance(node.func, ast.Name) else ""
        if word in ("getattr", "setattr", "hasattr", "delattr"):
            self.members.append((member_by_text(node), self._line_of(node)))
        if word == "cast" and node.args:
            self._annotation(node.args[0])
        if word == "TypeVar":
            for keyword in node.keywords:
                self._annotation(keyword.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._annotation(node.annotation)
        self.generic_visit(node)

    def _annotation(self, node: ast.AST | None) -> None:
        """Look into the strings of an annotation; what is not in one is visited anyway."""
        if node is None:
            return
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Literal"):
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            outer, self._line = self._line, self._line_of(node)
            expression = ast.parse(node.value.strip(), mode="eval")
            self.visit(expression)
            self._annotation(expression.body)
            self._line = outer
        for child in ast.iter_child_nodes(node):
            self._annotation(child)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        arguments = node.args
        everyone = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        everyone += [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
        annotations: list[ast.AST | None] = [one.annotation for one in everyone]
        outside: list[ast.AST | None] = [*arguments.defaults, *arguments.kw_defaults]
        if not isinstance(node, ast.Lambda):
            annotations.append(node.returns)
            outside += node.decorator_list
        for annotation in annotations:
            self._annotation(annotation)
        for part in [*annotations, *outside]:
            if part is not None:
                self.visit(part)
        globals_of = {
            name for each in ast.walk(node) if isinstance(each, ast.Global) for name in each.names
        }
        self._bound.append(set(names_bound(node)) - globals_of)
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        for statement in body:
            self.visit(statement)
        self._bound.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function  # noqa: N815

    def _comprehension(self, node: ast.AST) -> None:
        self._bound.append(set(names_bound(node)))
        self.generic_visit(node)
        self._bound.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(part)
        own = set(names_bound(node))
        for statement in node.body:
            # Only what is directly in the body sees the names of a class; its functions do not.
            direct = not isinstance(statement, (*FUNCTIONS, ast.ClassDef))
            self._bound.append(own if direct else set())
            self.visit(statement)
            self._bound.pop()


def check_uses(source: Source) -> list[str]:
    """Return each use of what only a later room defines."""
    uses = Uses()
    uses.visit(source.tree)
    private = [(name, line) for name, line in uses.members if is_private(name)]
    found: set[tuple[int, str]] = set()
    for kind, used, defined in (
        ("name", uses.names, module_names(source)),
        ("member", private, private_members(source)),
    ):
        for name, line in used:
            room, home = source.room_of(line), defined.get(name, 0)
            if home > room:
                here, there = source.name_of(room), source.name_of(home)
                found.add((line, f"{here} uses the {kind} {name} of {there}, which is below it"))
    return [f"line {line}: {text}" for line, text in sorted(found)]


# --- The figures ---


def count_tokens(source: Source) -> int:
    """Count what is not layout: comments, blanks and ends of lines."""
    words = tokenize.generate_tokens(io.StringIO(source.text).readline)
    return sum(word.type not in QUIET for word in words)


def length_of(node: ast.stmt) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


def largest_room(source: Source) -> int:
    starts = [number for number, _ in source.banners] + [len(source.lines) + 1]
    return max((end - start for start, end in zip(starts, starts[1:])), default=len(source.lines))


def most_methods(source: Source) -> tuple[int, str]:
    """Return the most private methods of a class, its private bases' included."""
    classes = {node.name: node for node in source.tree.body if isinstance(node, ast.ClassDef)}

    def count(node: ast.ClassDef) -> int:
        own = sum(isinstance(each, FUNCTIONS) and is_private(each.name) for each in node.body)
        bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
        return own + sum(
            count(classes[name]) for name in bases if is_private(name) and name in classes
        )

    return max(((count(node), name) for name, node in classes.items()), default=(0, ""))


def figures(source: Source) -> dict[str, int]:
    """Return the figures that `LIMITS` bounds; tokens only where they can be compared."""
    nodes = list(ast.walk(source.tree))
    classes = [length_of(node) for node in nodes if isinstance(node, ast.ClassDef)]
    functions = [length_of(node) for node in nodes if isinstance(node, FUNCTIONS)]
    found = {
        "lines with more than 100 columns": sum(len(line) > 100 for line in source.lines),
        "lines of a room": largest_room(source),
        "private methods of a class": most_methods(source)[0],
        "lines of a class": max(classes, default=0),
        "functions with more than 60 lines": sum(length > 60 for length in functions),
    }
    if sys.version_info < (3, 12):
        found["tokens"] = count_tokens(source)
    return found


def comment_share(source: Source) -> float:
    """Return how many percent of the lines are comments of their own, banners aside."""
    own = sum(line.lstrip().startswith("#") and not BANNER.match(line) for line in source.lines)
    return 100 * own / max(1, len(source.lines))


def check_figures(source: Source) -> list[str]:
    wrong = [
        f"{name}: {number} are more than {LIMITS[name]}"
        for name, number in figures(source).items()
        if number > LIMITS[name]
    ]
    share = comment_share(source)
    if share < LEAST_COMMENTS:
        wrong.append(f"lines of comment: {share:.1f} % are less than {LEAST_COMMENTS} %")
    return wrong


def check(text: str) -> list[str]:
    """Return all that is wrong with the text of a file."""
    source = Source(text)
    return [*check_banners(source), *check_uses(source), *check_figures(source)]


def main() -> int:
    default = Path(__file__).resolve().parent.parent / "asyncz.py"
    source = Source(Path(sys.argv[1] if sys.argv[1:] else default).read_text(encoding="utf-8"))
    wrong = check(source.text)
    for line in wrong:
        print(line)
    for name, number in figures(source).items():
        print(f"{name}: {number} of at most {LIMITS[name]}")
    if sys.version_info >= (3, 12):
        print("tokens: not counted, since this Python counts f-strings in pieces; 3.11 does")
    print(f"lines of comment: {comment_share(source):.1f} % of at least {LEAST_COMMENTS} %")
    print(f"{len(source.banners)} rooms, {len(wrong)} violations")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
