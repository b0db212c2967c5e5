"""One node for the whole run; for each module an installation of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.node import apart, engine, place
from tests.node.engine import Node
from tests.node.place import Place


def why_not() -> str:
    """Why the tests on a real node can't run here; empty where they can."""
    if os.environ.get("SENSEI_TEST_NODE") != "1":
        return "needs a real node: make test-node"
    if apart.home() is None:
        return "needs namespaces of its own: python -m tests.node test"
    return engine.why_not()


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """A real node."""
    if why := why_not():
        pytest.skip(why)
    directory = apart.home()
    assert directory
    with engine.running_node(directory) as found:
        yield found


@pytest.fixture(scope="module")
def here(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """This module's namespace, with a site; nothing is installed yet."""
    with place.place(node, tmp_path_factory.mktemp("site")) as found:
        yield found


@pytest.fixture(scope="module")
def installed(here: Place) -> Place:
    """It, installed with the tests' values."""
    here.install()
    return here
