"""`sensei config`, in text and JSON, with the exit codes of docs/guide/exit-codes.md."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.unit.cli.helpers import sensei
from tests.unit.site.helpers import API_KEY, KEY, LICENSED, guide, site_with

VALUES = guide("values.yaml").replace("${ANTHROPIC_API_KEY}", API_KEY).replace("example.com", "lan")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    root = site_with(tmp_path / "site", values=VALUES, license=LICENSED).root
    for name in ("values.yaml", "license.yaml"):
        (root / name).chmod(0o600)
    return root


def test_show_masks_secrets(site: Path) -> None:
    text = sensei(site, "config", "show")
    assert text.code == 0
    assert yaml.safe_load(text.out)["llm"] == {"provider": "anthropic", "apiKey": "********"}
    data = sensei(site, "config", "show", "-o", "json").data
    assert data["license"] == {"key": "********", "organization": "Example"}
    assert data == sensei(site, "config", "show", "", "--output=json").data
    part = sensei(site, "config", "show", "dataPlane.workers", "-o", "yaml")
    assert part.out == "replicas: 4\n"


def test_show_says_where_a_value_comes_from(site: Path) -> None:
    shown = sensei(site, "config", "show", "llm", "--origin")
    assert f"llm.provider: anthropic    # {site / 'values.yaml'}:30" in shown.out
    assert API_KEY not in shown.said
    data = sensei(site, "config", "show", "redis", "--origin", "-o", "json").data
    assert data == {"redis.external.enabled": {"value": False, "origin": f"{site / 'values.yaml'}:23"}}
    nothing = sensei(site, "config", "show", "vectorDb")
    assert nothing.code == 2
    assert "Nothing is set at vectorDb." in nothing.err


def test_get_yours_or_the_default(site: Path) -> None:
    assert sensei(site, "config", "get", "controlPlane.replicas").out == "2\n"
    assert sensei(site, "config", "get", "storage.external.region", "-o", "json").data == {
        "path": "storage.external.region", "value": "us-east-1", "default": True,
    }  # fmt: skip
    assert sensei(site, "config", "get", "vectorDb.external", "-o", "json").data["value"] == {
        "enabled": False, "url": "", "grpc": "", "existingSecret": "",
    }  # fmt: skip
    for path in ("llm", "llm.apiKey", "license"):
        done = sensei(site, "config", "get", path)
        assert "********" in done.out
        assert API_KEY not in done.said
        assert KEY not in done.said
    assert sensei(site, "config", "get", "llm.modle").code == 2


def test_one_is_not_true(site: Path) -> None:
    assert sensei(site, "config", "set", "llm.gpu.count", "1").out == "llm.gpu.count: 1\n"
    assert sensei(site, "config", "get", "llm.gpu.count").out == "1\n"


def test_set_changes_one_line(site: Path) -> None:
    done = sensei(site, "config", "set", "redis.external.enabled", "True", "-o", "json")
    assert (done.code, done.data) == (0, {"path": "redis.external.enabled", "value": True})
    old, new = VALUES.splitlines(), (site / "values.yaml").read_text().splitlines()
    assert [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]] == [
        ("    enabled: false", "    enabled: true")
    ]
    listed = sensei(site, "config", "set", "global.imagePullSecrets", "[one, two]")
    assert listed.out == "global.imagePullSecrets:\n- one\n- two\n"
    assert sensei(site, "config", "unset", "global.imagePullSecrets").out == "global.imagePullSecrets: removed\n"
    assert sensei(site, "config", "unset", "global.imagePullSecrets", "-o", "json").data["removed"] is False
    assert (site / "values.yaml").read_text().splitlines() == new
    assert (site / "values.yaml").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("controlPlane.replicas", "many", "is not a whole number"),
        ("controlPlane.replicas", "99", "1 to 50"),
        ("redis.external.enabled", "perhaps", "true or false"),
        ("llm.provider", "antropic", "Did you mean anthropic?"),
        ("global.domain", f"https://{API_KEY}", "right form"),
        ("llm", API_KEY, "is a group of settings"),
        ("llm.apiKey", API_KEY, "must not stand on a command line"),
        ("llm.modle", API_KEY, "There is no setting llm.modle."),
    ],
)
def test_wrong_set_is_refused_and_nothing_is_written(site: Path, path: str, value: str, message: str) -> None:
    done = sensei(site, "config", "set", path, value)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert API_KEY not in done.err
    assert (site / "values.yaml").read_text() == VALUES


def test_validate(site: Path) -> None:
    assert sensei(site, "config", "validate").out == "The values are valid.\n"
    assert sensei(site, "config", "validate", "-o", "json").data == {"valid": True, "problems": []}
    (site / "values.yaml").write_text(VALUES + "zzz: 1\n")
    text = sensei(site, "config", "validate")
    assert text.code == 1
    assert text.out.startswith(f"error: {site / 'values.yaml'}:39: zzz: There is no such setting.")
    data = sensei(site, "config", "validate", "-o", "json")
    assert (data.code, data.data["valid"]) == (1, False)
    found = data.data["problems"][0]
    assert (found["file"], found["line"], found["path"]) == (str(site / "values.yaml"), 39, "zzz")
    assert API_KEY not in text.said + data.said


def test_validate_other_files(site: Path) -> None:
    (site / "other.yaml").write_text("controlPlane:\n  replicas: 0\n")
    done = sensei(site, "config", "validate", "-f", "license.yaml", "-f", "other.yaml")
    assert done.code == 1
    assert done.out.count("error: ") == 1
    assert "other.yaml:2: controlPlane.replicas: 0 is too small. Allowed: 1 to 50." in done.out
    missing = sensei(site, "config", "validate", "-f", "nowhere.yaml", "-o", "json")
    assert (missing.code, missing.error["where"]) == (2, "nowhere.yaml")


def test_broken_file_is_wrong_use(site: Path) -> None:
    (site / "values.yaml").write_text(f"llm:\n\tapiKey: {API_KEY}\n")
    for command in (("show",), ("validate",), ("get", "llm"), ("diff",), ("set", "global.domain", "a")):
        done = sensei(site, "config", *command, "-o", "json")
        assert (done.code, done.out) == (2, ""), command
        assert done.error["where"] == f"{site / 'values.yaml'}:2:1"
        assert API_KEY not in done.said


def test_diff_against_nothing_deployed(site: Path) -> None:
    done = sensei(site, "config", "diff", "-o", "json")
    assert done.code == 0
    assert "not deployed yet" in done.data["compared_with"]
    assert "+ dataPlane.workers.replicas: 4" in done.data["changes"]
    assert API_KEY not in done.said
    assert KEY not in done.said


def test_schema_lists_settings(site: Path) -> None:
    text = sensei(site, "config", "schema", "llm.gpu")
    assert text.out.startswith("llm.gpu.enabled  (boolean, default false)\n    Request GPUs for the local model.\n")
    assert "llm.gpu.count  (integer 1 to 16, default 1)" in text.out
    every = sensei(site, "config", "schema", "-o", "json").data
    assert len(every) > 100
    assert all(item["path"] and item["description"] and item["type"] for item in every)
    assert sensei(site, "config", "schema", "llm.gpus").code == 2


def test_diff_shows_nothing_that_stands_where_no_setting_is(site: Path) -> None:
    """A mistyped key may hold a secret."""
    file = site / "values.yaml"
    file.write_text(file.read_text() + "\npostgresqI:\n  password: planted-typo-41\n")
    (site / "license.yaml").write_text("license: planted-typo-41-key\n")
    done = sensei(site, "config", "diff")
    assert "postgresqI.password" in done.out
    assert "planted-typo-41" not in done.said
