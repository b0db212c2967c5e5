"""`sensei images`: with a site's values, with files, with nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from sensei_tui.base.errors import ExitCode
from sensei_tui.cli.images import images
from sensei_tui.deploy.prepare import InvalidSite
from tests.unit.cli.helpers import sensei
from tests.unit.site.helpers import GUIDE, LICENSED, guide, site_with

AIRGAPPED = "registry.internal.example.com"


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory without a site."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SENSEI_SITE", raising=False)
    return tmp_path


def test_a_site_needs_no_secret_and_names_what_its_values_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    root = site_with(tmp_path / "site", values=guide("values.yaml"), license=LICENSED).root
    names = sensei(root, "images").out.splitlines()
    assert names == sorted(names)
    assert "registry.sensei.ai/sensei/kora:1.0.0" in names
    assert not [name for name in names if "vllm" in name]


def test_files_take_the_place_of_a_site(nowhere: Path) -> None:
    done = CliRunner().invoke(images, ["-f", str(GUIDE / "values-airgapped.yaml")], catch_exceptions=False)
    assert done.exit_code == 0
    names = done.stdout.splitlines()
    assert all(name.startswith(f"{AIRGAPPED}/") for name in names)
    assert {f"{AIRGAPPED}/sensei/models/llama-3-70b:1.0.0", f"{AIRGAPPED}/sensei/pattern-library:1.0.0"} <= set(names)


def test_json_says_who_uses_what(nowhere: Path) -> None:
    file = nowhere / "values.yaml"
    file.write_text("redis: {external: {enabled: true, host: redis.lan}}\n")
    found = {item["name"]: item for item in sensei(nowhere, "images", "-f", str(file), "-o", "json").data}
    assert found["registry.sensei.ai/sensei/maba:1.0.0"]["used_by"] == ["Deployment/sensei-maba"]
    probe = found["registry.sensei.ai/sensei/probe:1.0.0"]
    assert probe["kind"] == "image"
    assert {"Job/sensei-buckets", "Job/sensei-test", "CronJob/sensei-backup"} <= set(probe["used_by"])
    assert not [name for name in found if "valkey" in name]


def test_without_a_site_and_files_the_defaults(nowhere: Path) -> None:
    done = sensei(nowhere, "images")
    assert "the charts' defaults" in done.err
    assert "docker.io/library/postgres:17.6-bookworm" in done.out.splitlines()


def test_values_that_are_not_valid_are_named(nowhere: Path) -> None:
    file = nowhere / "values.yaml"
    file.write_text("controlPlane:\n  replicas: many\n")
    with pytest.raises(InvalidSite) as caught:
        CliRunner().invoke(images, ["-f", str(file)], catch_exceptions=False)
    assert caught.value.exit_code == ExitCode.FINDING
    assert f"{file}:2" in str(caught.value)
