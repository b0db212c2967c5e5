"""The site's directory and site.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensei_tui.base.errors import UsageError
from sensei_tui.site.license import License, license_of, mask, set_license
from sensei_tui.site.new import create_site
from sensei_tui.site.site import Site, SiteNotFound
from sensei_tui.site.values import load_values
from tests.unit.site.helpers import KEY, LICENSED, site_with


@pytest.mark.parametrize("name", ["2024", "yes", "a: b", 'with "quotes"', "ünïcode", "# no comment"])
def test_a_site_may_have_any_name(tmp_path: Path, name: str) -> None:
    site = Site.create(tmp_path / "site", name=name)
    assert Site.open(site.root).config.name == name
    assert site.configure(name=name + "2").config.name == name + "2"


def test_configure_keeps_comments_and_refuses_what_is_not_valid(tmp_path: Path) -> None:
    site = Site.create(tmp_path, name="prod")
    text = (tmp_path / "site.yaml").read_text()
    changed = site.configure(context="admin@prod", rehearsal=True)
    assert (tmp_path / "site.yaml").read_text() == text.replace(
        'context: ""', "context: admin@prod"
    ).replace("rehearsal: false", "rehearsal: true")  # fmt: skip
    for wrong in ({"namespace": "Not_Valid"}, {"rehearsal": "perhaps"}, {"colour": "red"}):
        with pytest.raises(UsageError, match=r"site\.yaml is not valid"):
            changed.configure(**wrong)
    assert Site.open(tmp_path).config == changed.config


def test_mistake_in_site_yaml_is_named(tmp_path: Path) -> None:
    Site.create(tmp_path, name="prod")
    (tmp_path / "site.yaml").write_text("name: prod\nnamspace: x\n")
    with pytest.raises(UsageError, match=r"site\.yaml is not valid") as caught:
        Site.open(tmp_path)
    assert "namspace" in caught.value.why
    assert "namespace, kubeconfig" in caught.value.remedy


def test_nothing_is_written_where_something_is(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("mine: true\n")
    with pytest.raises(UsageError, match="there already"):
        create_site(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["values.yaml"]
    with pytest.raises(UsageError, match=r"site\.yaml is not valid"):
        create_site(tmp_path / "new", namespace="Not_Valid")
    assert not (tmp_path / "new").exists()
    create_site(tmp_path / "twice")
    with pytest.raises(UsageError, match="already"):
        create_site(tmp_path / "twice")


def test_site_is_found_above_and_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site.create(tmp_path / "site", name="here")
    (site.root / "a" / "b").mkdir(parents=True)
    assert Site.find(site.root / "a" / "b").root == site.root
    with pytest.raises(SiteNotFound):
        Site.find(tmp_path)
    monkeypatch.setenv("SENSEI_SITE", str(site.root))
    assert Site.find().root == site.root


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (LICENSED, "set"),
        ("license: {}\n", "missing"),
        ("license:\n  key: your-license-key-here\n", "placeholder"),
        ("license:\n  existingSecret: ours\n", "secret"),
        (LICENSED + "  existingSecret: ours\n", "secret"),
    ],
)
def test_state_of_the_licence(tmp_path: Path, text: str, state: str) -> None:
    found = license_of(load_values(site_with(tmp_path, license=text)))
    assert found.state == state
    assert KEY not in repr(found)


def test_masks_show_four_characters_of_a_long_key_and_none_of_a_short_one() -> None:
    assert mask(KEY) == "PLAN********"
    assert mask("short-key") == "********"


def test_set_license_keeps_the_rest_of_the_file(tmp_path: Path) -> None:
    site = create_site(tmp_path / "site")
    file = site.root / "license.yaml"
    file.write_text("# from sales\n" + file.read_text())
    file.chmod(0o644)
    set_license(site, f"  {KEY}\n", "Our Company")
    assert file.read_text() == f"# from sales\nlicense:\n  key: {KEY}\n  organization: Our Company\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert license_of(load_values(site)) == License("Our Company", "PLAN********", "set")


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "license:\n", "license: {}\n"])
def test_set_license_in_a_file_that_holds_nothing(tmp_path: Path, text: str) -> None:
    site = create_site(tmp_path / "site")
    (site.root / "license.yaml").write_text(text)
    set_license(site, KEY)
    assert license_of(load_values(site)).state == "set"


@pytest.mark.parametrize("key", ["", "  \n", "two words", "two\nlines", "bell\x07"])
def test_text_that_is_no_key_is_refused(tmp_path: Path, key: str) -> None:
    site = create_site(tmp_path / "site")
    before = (site.root / "license.yaml").read_text()
    with pytest.raises(UsageError, match="not a licence key"):
        set_license(site, key)
    assert (site.root / "license.yaml").read_text() == before


def test_key_that_would_not_count_is_refused(tmp_path: Path) -> None:
    site = site_with(tmp_path / "a", license=LICENSED, prod=LICENSED)
    with pytest.raises(UsageError, match=r"merged after license\.yaml") as caught:
        set_license(site, "another-key")
    assert caught.value.where == str(tmp_path / "a" / "prod.yaml")
    with pytest.raises(UsageError, match=r"does not merge license\.yaml"):
        set_license(site_with(tmp_path / "b", values="global: {}\n"), "another-key")
