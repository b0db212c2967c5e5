"""A site's registry in one line: what is written is what may be typed again."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensei_tui.base.errors import UsageError
from sensei_tui.deploy.place import place_changes, place_text
from sensei_tui.rehearsal import tls
from sensei_tui.site.site import Site, SiteConfig


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tls.ensure(tmp_path_factory.mktemp("tls"))[0]


def test_each_form_comes_back(ca: Path, tmp_path: Path) -> None:
    for text in ("registry.lan/sensei", "http://127.0.0.1:5000", f"registry.lan {ca}", f"http://[fd00::5]:5000/a {ca}"):
        assert place_text(Site(tmp_path, SiteConfig(name="site", **place_changes(text)))) == text  # type: ignore[arg-type]
    assert place_text(Site(tmp_path, SiteConfig(name="site", registry_plain_http=True))) == ""


def test_a_file_in_the_site_is_told_whole(tmp_path: Path) -> None:
    config = SiteConfig(name="site", registry="registry.lan", registry_ca="ca.pem")
    assert place_text(Site(tmp_path, config)) == f"registry.lan {tmp_path}/ca.pem"


def test_what_was_said_before_ends(ca: Path) -> None:
    assert place_changes("registry.lan/") == {
        "registry": "registry.lan",
        "registry_plain_http": False,
        "registry_ca": "",
    }
    assert place_changes(f"registry.lan   {ca} ")["registry_ca"] == str(ca)


@pytest.mark.parametrize(("text", "why"), [
    ("https://registry.lan", "without https://"), ("registry", "without dot and port"), ("", "without dot and port"),
    ("registry.lan /none", "No such file"), ("registry.lan /dev/null", "no certificate"), ("http://http://a.lan", "without https://"),
])  # fmt: skip
def test_what_is_no_registry(text: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        place_changes(text)
    assert why in caught.value.why
