"""The engine's errors in the operator's words."""

from __future__ import annotations

import pytest

from sensei_tui.helm.errors import HelmConflict, HelmUnreachable, translate

REFUSED = 'Get "https://10.0.0.1:6443/version": dial tcp 10.0.0.1:6443: connect: connection refused'
WEBHOOK = 'failed calling webhook "a.example.com": failed to call webhook: Post "https://a.svc:443/": dial tcp: EOF'
ONE = 'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas'
TWO = """Apply failed with 2 conflicts: conflicts with "kubectl" with subresource "scale" using apps/v1:
- .spec.replicas
conflicts with "other" using apps/v1:
- .spec.paused"""


@pytest.mark.parametrize("text", [REFUSED, f"kubernetes cluster unreachable: {REFUSED}", 'Put "https://a:1/b": EOF'])
def test_an_api_server_that_does_not_answer(text: str) -> None:
    found = translate("HelmError", text, "history", "sensei", cancelled=False)
    assert isinstance(found, HelmUnreachable)
    assert "resume the run" in found.remedy


def test_a_webhook_is_not_the_api_server() -> None:
    assert not isinstance(translate("HelmError", WEBHOOK, "upgrade", "sensei", cancelled=False), HelmUnreachable)


@pytest.mark.parametrize("text", [ONE, TWO])
def test_conflicts_name_manager_and_field(text: str) -> None:
    found = translate("HelmError", text, "upgrade", "sensei", cancelled=False)
    assert isinstance(found, HelmConflict)
    assert (found.manager, found.field) == ("kubectl", ".spec.replicas")
