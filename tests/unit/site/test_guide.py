"""The files of the vendor's guide, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensei_tui.site.new import LICENSE, VALUES, create_site
from sensei_tui.site.resolve import resolve
from sensei_tui.site.validate import validate
from sensei_tui.site.values import load_values
from tests.unit.site.helpers import API_KEY, LICENSED, guide, site_with

ORDERS = [
    ("license", "values"),
    ("values", "values_airgapped", "license"),
    ("license", "values", "values_airgapped"),
    ("values_airgapped", "license"),
]
LOCAL = "# provider: local\n  # model: llama-3-70b\n  # gpu:\n  #   enabled: true\n  #   count: 2\n"


@pytest.mark.parametrize("order", ORDERS, ids="+".join)
def test_guide_is_valid_in_every_order_it_can_be_given(tmp_path: Path, order: tuple[str, ...]) -> None:
    site = site_with(tmp_path, **{name: guide(f"{name.replace('_', '-')}.yaml") for name in order})
    values = load_values(site)
    assert [problem for problem in validate(values) if problem.severity == "error"] == []
    assert [path.name for path in values.files] == [f"{name.replace('_', '-')}.yaml" for name in order]
    resolved = resolve(site, values, {"ANTHROPIC_API_KEY": API_KEY})
    assert "key" not in resolved.helm_values["license"]
    assert "apiKey" not in resolved.helm_values["llm"]


def test_later_files_win_and_the_rest_stays(tmp_path: Path) -> None:
    site = site_with(
        tmp_path, values=guide("values.yaml"), values_airgapped=guide("values-airgapped.yaml"), license=LICENSED
    )
    values = load_values(site)
    assert values.get("llm.provider") == "local"
    assert values.get("global") == {
        "domain": "sensei.internal.example.com",
        "imageRegistry": "registry.internal.example.com",
    }
    assert values.get("dataPlane.workers.replicas") == 4
    where = {path: values.origin(path.split(".")) for path in ("llm.provider", "global.domain", "license.key")}
    lines = {path: f"{origin.file.name}:{origin.line}" for path, origin in where.items() if origin}
    assert lines == {
        "llm.provider": "values-airgapped.yaml:6",
        "global.domain": "values.yaml:2",
        "license.key": "license.yaml:2",
    }


def test_air_gapped_site_is_not_asked_for_the_key_of_a_service_it_cannot_reach(tmp_path: Path) -> None:
    site = site_with(
        tmp_path, values=guide("values.yaml"), values_airgapped=guide("values-airgapped.yaml"), license=LICENSED
    )
    resolved = resolve(site, load_values(site), {})
    assert {item.name for item in resolved.secrets} == {"sensei-license", "sensei-credentials"}
    assert resolved.helm_values["llm"] == {"provider": "local", "model": "llama-3-70b"}


def test_local_model_that_the_guide_has_in_comments(tmp_path: Path) -> None:
    text = guide("values.yaml").replace("  provider: anthropic\n  apiKey: ${ANTHROPIC_API_KEY}\n", "")
    commented = text[text.index("# provider: local") :]
    assert commented == LOCAL
    site = site_with(
        tmp_path, values=text.replace(LOCAL, LOCAL.replace("# ", "", 1).replace("  # ", "  ")), license=LICENSED
    )
    values = load_values(site)
    assert [problem for problem in validate(values) if problem.severity == "error"] == []
    assert resolve(site, values, {}).helm_values["llm"] == {
        "provider": "local", "model": "llama-3-70b", "gpu": {"enabled": True, "count": 2},
    }  # fmt: skip


def test_a_new_site_holds_the_files_of_the_guide(tmp_path: Path) -> None:
    assert VALUES.endswith(guide("values.yaml"))
    assert guide("license.yaml").endswith(LICENSE)
    site = create_site(tmp_path / "new")
    assert [path.name for path in site.values_files] == ["values.yaml", "license.yaml"]
    assert (site.root / "license.yaml").stat().st_mode & 0o777 == 0o600
    found = validate(load_values(site))
    assert {problem.severity for problem in found} == {"warning"}
    assert {problem.path for problem in found} == {"license.key", "global.domain"}


def test_a_new_air_gapped_site_uses_the_gpus(tmp_path: Path) -> None:
    site = create_site(tmp_path / "new", airgapped=True)
    values = load_values(site)
    assert [path.name for path in values.files] == ["values.yaml", "values-airgapped.yaml", "license.yaml"]
    assert [problem for problem in validate(values) if problem.severity == "error"] == []
    assert values.get("llm.gpu") == {"enabled": True, "count": 2}
