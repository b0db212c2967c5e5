"""From values to what Helm gets: secrets become Secret objects and stay out of everything else."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from sensei_tui.base.errors import UsageError
from sensei_tui.site.resolve import GENERATED, Resolved, known_secrets, load_kept, resolve
from sensei_tui.site.site import Site
from sensei_tui.site.validate import masked, without_secrets
from sensei_tui.site.values import load_values
from tests.unit.site.helpers import API_KEY, KEY, LICENSED, site_with

VALUES = "llm:\n  provider: anthropic\n  apiKey: ${ANTHROPIC_API_KEY}\n"
ENVIRON = {"ANTHROPIC_API_KEY": API_KEY}


def resolved(site: Site, environ: dict[str, str] | None = None) -> Resolved:
    return resolve(site, load_values(site), ENVIRON if environ is None else environ)


def secret(found: Resolved, name: str) -> dict[str, str]:
    data = next(item.data for item in found.secrets if item.name == name)
    return {key: value.reveal() for key, value in data.items()}


def names(found: Resolved) -> set[str]:
    return {item.name for item in found.secrets}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_with(tmp_path, values=VALUES, license=LICENSED)


def test_secrets_become_secret_objects(site: Site) -> None:
    found = resolved(site)
    assert secret(found, "sensei-license") == {"license-key": KEY}
    assert secret(found, "sensei-llm") == {"api-key": API_KEY}
    assert set(secret(found, "sensei-credentials")) == set(GENERATED)
    assert {item.name: item.keep for item in found.secrets} == {
        "sensei-license": False, "sensei-llm": False, "sensei-credentials": True,
    }  # fmt: skip


def test_values_for_helm_hold_no_secret_and_name_the_secret_objects(site: Site) -> None:
    found = resolved(site)
    assert found.helm_values == {
        "llm": {"provider": "anthropic", "existingSecret": "sensei-llm"},
        "license": {"organization": "Example", "existingSecret": "sensei-license"},
    }
    every = {KEY, API_KEY, *secret(found, "sensei-credentials").values()}
    assert not [value for value in every if value in str(found)], "repr shows no secret"
    assert {value.reveal() for value in found.hidden} == every


def test_operators_values_are_left_as_they_are(site: Site) -> None:
    values = load_values(site)
    resolve(site, values, ENVIRON)
    assert values.get("llm.apiKey") == "${ANTHROPIC_API_KEY}"
    assert values.get("license.key") == KEY


def test_kept_on_disk_for_the_owner_alone(site: Site) -> None:
    resolved(site)
    state = site.root / ".sensei"
    assert state.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in state.iterdir()] == ["secrets.json"]
    assert (state / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert KEY not in (state / "secrets.json").read_text(), "what stands in a file of the site is not copied"


def test_copy_that_others_can_read_is_closed(site: Site) -> None:
    resolved(site)
    state = site.root / ".sensei"
    (state / "secrets.json").chmod(0o644)
    state.chmod(0o755)
    resolved(site)
    assert (state / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert state.stat().st_mode & 0o777 == 0o700


def test_passwords_are_generated_once_and_long(site: Site) -> None:
    first, kept = resolved(site), (site.root / ".sensei" / "secrets.json").read_bytes()
    second = resolve(Site.open(site.root), load_values(site), {})
    assert secret(first, "sensei-credentials") == secret(second, "sensei-credentials")
    assert first.digest == second.digest
    assert (site.root / ".sensei" / "secrets.json").read_bytes() == kept
    passwords = secret(first, "sensei-credentials")
    assert len(set(passwords.values())) == len(GENERATED)
    assert all(len(value) >= 16 for value in passwords.values())
    assert len(passwords["s3-access-key"]) <= 20


def test_two_sites_share_no_password(tmp_path: Path) -> None:
    found = [resolved(site_with(tmp_path / name, license=LICENSED)) for name in ("a", "b")]
    one, two = (set(secret(item, "sensei-credentials").values()) for item in found)
    assert not one & two
    assert found[0].digest != found[1].digest, "digests of different sites cannot be compared: each has a key"


def test_damaged_file_of_secrets_is_never_replaced(site: Site) -> None:
    resolved(site)
    file = site.root / ".sensei" / "secrets.json"
    file.write_text('{"credentials": {"postgres-password": 7}}')
    with pytest.raises(UsageError, match="damaged") as caught:
        resolved(site)
    assert "Restore it from a copy" in caught.value.remedy
    assert file.read_text() == '{"credentials": {"postgres-password": 7}}'


def test_a_password_that_is_missing_is_added_the_others_stay(site: Site) -> None:
    before = secret(resolved(site), "sensei-credentials")
    file = site.root / ".sensei" / "secrets.json"
    kept = json.loads(file.read_text())
    del kept["credentials"]["session-key"]
    file.write_text(json.dumps(kept))
    after = secret(resolved(site), "sensei-credentials")
    changed = {name for name in GENERATED if before[name] != after[name]}
    assert changed == {"session-key"}


def test_variable_is_kept_and_a_new_one_wins(site: Site) -> None:
    first = resolved(site)
    assert secret(resolved(site, {}), "sensei-llm") == {"api-key": API_KEY}
    second = resolved(site, {"ANTHROPIC_API_KEY": "another-key"})
    assert secret(second, "sensei-llm") == {"api-key": "another-key"}
    assert second.digest != first.digest
    assert secret(resolved(site, {}), "sensei-llm") == {"api-key": "another-key"}


def test_digest_tells_of_every_change(site: Site) -> None:
    first = resolved(site).digest
    assert resolved(site).digest == first
    (site.root / "license.yaml").write_text(LICENSED.replace(KEY, "another-license"))
    second = resolved(site).digest
    (site.root / "values.yaml").write_text(VALUES + "controlPlane:\n  replicas: 3\n")
    third = resolved(site).digest
    assert len({first, second, third}) == 3
    assert all(digest.startswith("sha256:") for digest in (first, second, third))


def test_existing_secrets_are_used_and_never_written(tmp_path: Path) -> None:
    values = "llm:\n  provider: anthropic\n  existingSecret: our-llm\n  apiKey: ${NOT_SET}\n"
    values += "credentials:\n  existingSecret: our-stores\n"
    site = site_with(tmp_path, values=values, license=LICENSED + "  existingSecret: our-license\n")
    found = resolved(site, {})
    assert names(found) == set(), "an operator's own Secret must not be overwritten"
    assert found.helm_values["license"] == {"organization": "Example", "existingSecret": "our-license"}
    assert found.helm_values["llm"] == {"provider": "anthropic", "existingSecret": "our-llm"}
    assert found.helm_values["credentials"] == {"existingSecret": "our-stores"}


def test_name_of_our_own_secret_is_not_an_existing_one(tmp_path: Path) -> None:
    site = site_with(tmp_path, values="credentials:\n  existingSecret: sensei-credentials\n", license=LICENSED)
    assert names(resolved(site)) == {"sensei-license", "sensei-credentials"}


def test_references_are_read_anywhere_and_once(tmp_path: Path) -> None:
    values = "license:\n  organization: ${A}-${B}\nglobal:\n  imagePullSecrets: ['${A}', plain]\n"
    found = resolved(site_with(tmp_path, values=values), {"A": "${B}", "B": "b"})
    assert found.helm_values["license"]["organization"] == "${B}-b", "what a variable holds is not looked at again"
    assert found.helm_values["global"]["imagePullSecrets"] == ["${B}", "plain"]


def test_known_secrets_without_the_environment(site: Site) -> None:
    assert {item.reveal() for item in known_secrets(site, load_values(site))} == {KEY, "${ANTHROPIC_API_KEY}"}
    resolved(site)
    known = {item.reveal() for item in known_secrets(site)}
    assert known == {API_KEY, *load_kept(site).credentials.values()}


def test_masked_values_show_what_is_a_setting_and_no_secret() -> None:
    tree = {
        "license": {"key": KEY, "organization": "Example"},
        "llm": {"apiKey": {"value": API_KEY}, "existingSecret": ""},
        "global": {"imagePullSecrets": ["a"]},
        "postgresql": {"external": {"password": API_KEY, "port": 5432}},
        "redis": API_KEY,
    }
    shown = masked(tree)
    assert shown["license"] == {"key": "********", "organization": "Example"}
    assert shown["global"] == {"imagePullSecrets": ["a"]}
    assert shown["postgresql"] == {"external": {"password": "********", "port": 5432}}
    assert shown["redis"] == "********"
    assert API_KEY not in str(shown)
    assert KEY not in str(shown)
    assert without_secrets(tree)["license"] == {"organization": "Example"}
    assert API_KEY not in msgspec.json.encode(without_secrets({"llm": tree["llm"]})).decode()
