"""Plant what `rooms.py` has to find, and what it must not take for a violation.

python .ci/test_rooms.py
"""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import rooms

ASYNCZ = (Path(__file__).resolve().parent.parent / "asyncz.py").read_text(encoding="utf-8")
SMALL = '''"""A module.

The rooms of this file, each using only those above it:

    First        what comes first
    Second room  what comes then

More words.
"""

from __future__ import annotations


# === First ===
# A reason.


class _Early:
    _shared = 1

    def early(self, later):
        # A reason.
        return self._shared


# === Second room ===
# A reason.

LATE = 2


class Late:
    __slots__ = ("_slot",)
    _shared: int
    _field: int = 1

    def __init__(self):
        self._own = 1

    def _method(self):
        # A reason.
        return _Early()._shared


def late():
    # A reason.
    return LATE
'''


def with_line(line: str) -> str:
    """Return the small module with another line where the first room ends."""
    return SMALL.replace("return self._shared\n", f"return self._shared\n{line}\n")


class TestRooms(unittest.TestCase):
    def test_a_planted_use_of_what_is_below_is_found(self):
        planted = {
            "a name in the body of a function": ("        return LATE", "name LATE"),
            "a function": ("        return late()", "name late"),
            "a class": ("        return [Late for _ in later]", "name Late"),
            "a member": ("        return later._method()", "member _method"),
            "a member that is set": ("        later._field = 2", "member _field"),
            "a member that is set on self": ("        return later._own", "member _own"),
            "a slot": ("        return later._slot", "member _slot"),
            "a member by its text": ('        getattr(later, "_method")', "member _method"),
            "a variable's annotation": ("        x: Late = later", "name Late"),
            "a function's annotation": ("    def x(self) -> Late: ...", "name Late"),
            "a parameter's annotation": ("    def x(self, y: list[Late]): ...", "name Late"),
            "a member in an annotation": ("    def x(self, y: int._field): ...", "member _field"),
            "an annotation in quotation marks": ('    def x(self) -> "Late": ...', "name Late"),
            "a part of one in quotation marks": ('        x: list["Late"] = []', "name Late"),
            "a member in quotation marks": ('        x: "int._method" = 1', "member _method"),
            "the type of a cast": ('        cast("Late", later)', "name Late"),
            "the bound of a type variable": ('T = TypeVar("T", bound="Late")', "name Late"),
            "a decorator": ("    @late\n    def x(self): ...", "name late"),
            "a default": ("    def x(self, LATE=LATE): ...", "name LATE"),
            "a base class": ("class Other(Late): ...", "name Late"),
            "a global": ("        global LATE; LATE = 3", "name LATE"),
        }
        for name, (line, expected) in planted.items():
            with self.subTest(name):
                found = rooms.check_uses(rooms.Source(with_line(line)))
                end = f"First uses the {expected} of Second room, which is below it"
                self.assertEqual([text.partition(": ")[2] for text in found], [end])

    def test_what_is_no_violation_is_not_found(self):
        lines = {
            "nothing": "        return self._shared",
            "a member that is defined above too": "        return later._shared",
            "a name that only looks the same": "        LATE = late = 1; return LATE, late",
            "a parameter": "    def x(self, Late, *, late): return Late, late",
            "the variable of a loop": "        return [late for late in later]",
            "one of an enclosing function": "        late = 1; return lambda: late",
            "dunder names": "        return later.__slots__",
            "public members": "        return later.late",
            "members that nothing here defines": "        return later._replace()",
            "words": '        return "Late", "_method"',
            "a literal": '    def x(self, y: Literal["Late"]): ...',
        }
        for name, line in lines.items():
            with self.subTest(name):
                self.assertEqual(rooms.check(with_line(line)), [])

    def test_banners_that_are_not_the_list_are_found(self):
        swapped = SMALL.replace("=== First", "=== x").replace("=== Second room", "=== First")
        for name, text in {
            "a missing banner": SMALL.replace("# === Second room ===\n", ""),
            "a banner that is not in the list": SMALL + "\n# === Third ===\n",
            "another word": SMALL.replace("=== Second room ===", "=== Second ==="),
            "another order": swapped.replace("=== x", "=== Second room"),
            "the same twice": SMALL + "\n# === First ===\n",
            "no list": SMALL.replace("The rooms", "What is"),
        }.items():
            with self.subTest(name):
                self.assertNotEqual(rooms.check_banners(rooms.Source(text)), [])

    def test_a_figure_that_is_over_its_limit_is_found(self):
        many = "".join(f"    def _method{number}(self): ...\n" for number in range(13))
        chain = f"class _Base:\n{many}\nclass Child(_Base):\n{many}"
        body = "    1\n    # A reason.\n" * 31
        functions = f"def x():\n{body}\n" * 7
        for name, text in {
            "lines with more than 100 columns": f"#{'x' * 100}",
            "lines of a room": "# x\n" * 501,
            "private methods of a class": chain,
            "lines of a class": "class X:\n" + "    # x\n    y = 1\n" * 260,
            "functions with more than 60 lines": functions,
            "tokens": "x = 1  # x\n# x\n" * (rooms.LIMITS["tokens"] // 3 + 1),
            "lines of comment": "x = 1\n" * 400,
        }.items():
            if name == "tokens" and sys.version_info >= (3, 12):
                continue
            with self.subTest(name):
                found = rooms.check_figures(rooms.Source(SMALL + text))
                self.assertIn(name, [line.partition(":")[0] for line in found])

    def test_a_violation_that_is_planted_into_the_file_itself_is_found(self):
        def found(text):
            return rooms.check_uses(rooms.Source(text))

        end = ASYNCZ.index("# === Events ===")
        before = found(ASYNCZ)
        for line in ("def _x(): return AsyncIOScheduler", 'def _x(y: "AsyncIOScheduler"): ...'):
            planted = found(f"{ASYNCZ[:end]}{line}\n\n\n{ASYNCZ[end:]}")
            self.assertEqual(len(planted), len(before) + 1)
            self.assertTrue(any("Errors uses the name AsyncIOScheduler" in one for one in planted))


if __name__ == "__main__":
    unittest.main()
