"""A real node by hand.

python -m tests.node build           build what is not there yet: programs, images
python -m tests.node test [ARG ...]  pytest on a node of its own, in namespaces of its own
python -m tests.node up              keep one running, for kubectl and sensei from outside
"""

from __future__ import annotations

import sys

from tests.cluster import build
from tests.node import apart, engine, images


def main(arguments: list[str]) -> int:
    """The exit code: that of the tests, or 2 where there can't be a node."""
    command, *rest = arguments or ["help"]
    if command not in ("build", "test", "up"):
        print(__doc__)
        return 0
    try:
        _build()
    except build.CannotBuild as error:
        print(f"No real node here: {error}", file=sys.stderr)
        return 2
    if command == "test":
        return apart.enter([sys.executable, "-m", "pytest", *(rest or ["tests/node"])])
    return _up() if command == "up" else 0


def _build() -> None:
    if why := engine.why_not():
        raise build.CannotBuild(why)
    for module in build.NODE:
        build.build(module)
    images.make()


def _up() -> int:
    from tests.node import gate

    with gate.listening() as (port, number):
        return apart.enter([sys.executable, "-m", "tests.node.gate", str(port), str(number)], keep=(number,))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
