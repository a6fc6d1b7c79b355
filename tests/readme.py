"""The generated parts of the README: `make docs` writes them, a test compares them.

A part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import config
from agent.metric_table import metrics_markdown

README = Path(__file__).parents[1] / "README.md"
PARTS: dict[str, Callable[[], str]] = {
    "configuration": config.reference_markdown,
    "metrics": metrics_markdown,
}
PART = re.compile(r"(?<=<!-- generated: )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)


def generated(text: str) -> str:
    """Return the README with every generated part as the code has it now.

    Raises
    ------
    LookupError
        If the parts in the text are not those that there are.
    """
    found = [match[1] for match in PART.finditer(text)]
    if sorted(found) != sorted(PARTS):
        raise LookupError(f"README.md has the generated parts {found}, not {sorted(PARTS)}")
    return PART.sub(lambda match: f"{match[1]}{match[2]}\n{PARTS[match[1]]().strip()}\n\n", text)


if __name__ == "__main__":
    before = README.read_text(encoding="utf-8")
    README.write_text(generated(before), encoding="utf-8")
    sys.exit(0)
