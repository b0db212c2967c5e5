"""An installation on real containers, in a namespace that takes restricted pods alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.node.place import Place

pytestmark = pytest.mark.timeout(900)
COMPONENTS = {"dashboard", "api", "orchestration", "pattern-library", "maba", "kora", "amani", "workers", "agents",
              "postgresql", "redis", "object-storage", "vector-db"}  # fmt: skip


def _component(pod: Any) -> str:
    return str(pod["metadata"]["labels"]["app.kubernetes.io/component"])


def test_every_component_runs_and_stays(installed: Place) -> None:
    pods = installed.pods()
    assert {_component(pod) for pod in pods} == COMPONENTS
    for pod in pods:
        (state,) = pod["status"]["containerStatuses"]
        assert (state["ready"], state["restartCount"]) == (True, 0), pod["metadata"]["name"]


def test_hooks_are_done_and_gone(installed: Place) -> None:
    assert installed.get("job")["items"] == []
    assert "sensei_migrations" in installed.stores().tables()
    with installed.stores().storage() as client:
        assert client.exists("sensei-artifacts")
        assert client.exists("sensei-checkpoints")


def test_containers_can_do_little(installed: Place) -> None:
    """What the kernel says of a process, not what the manifest says."""
    for pod in installed.pods():
        name = pod["metadata"]["name"]
        said = installed.admin.kubectl("exec", name, "--", "sh", "-c", "cat /proc/1/status; grep ' / ' /proc/mounts")
        found = dict(line.split(":", 1) for line in said.splitlines()[:-1])
        facts = [found[key].split()[0] for key in ("Uid", "Gid", "CapEff", "NoNewPrivs", "Seccomp")]
        assert "0" not in facts[:2], name
        assert facts[2:] == ["0000000000000000", "1", "2"], name
        assert " ro," in said.splitlines()[-1], name


def test_the_charts_tests_pass(installed: Place) -> None:
    installed.sensei("test")


def test_the_status_says_so(installed: Place) -> None:
    assert "all 13 components ready" in installed.sensei("status")
