"""A site of the test's operator on the real cluster, for either Helm engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sensei_tui.site.new import create_site
from tests.cluster import build
from tests.cluster.real import Place
from tests.e2e.sites import SiteUnderTest, end_runs

ENGINES = ("library", "command")
"""The SDK's library in a child process, and a `helm` on PATH."""


def environment(engine: str) -> dict[str, str]:
    """What chooses the engine."""
    return {"SENSEI_HELM": str(build.build("helm") / "helm")} if engine == "command" else {}


@contextmanager
def sited(place: Place, root: Path, engine: str = "library") -> Iterator[SiteUnderTest]:
    """A site with the guide's values, used by the operator who has what `sensei access` grants."""
    place.until(lambda: not _other_pods(place))
    site = create_site(root, name="real", kubeconfig=str(place.operator.kubeconfig), namespace=place.namespace)
    try:
        found = SiteUnderTest(site, **environment(engine))
        found.inspector = place.admin.kubeconfig
        yield found
    finally:
        end_runs(site)


def _other_pods(place: Place) -> bool:
    """Pods of tests before this one still use what it needs (there is one node with GPUs)."""
    return bool(place.admin.request("GET", "/api/v1/pods?limit=1").body["items"])


def change(site: SiteUnderTest, old: str, new: str) -> None:
    """Change a line of values.yaml."""
    file = site.site.root / "values.yaml"
    text = file.read_text()
    assert old in text, text
    file.write_text(text.replace(old, new, 1))
