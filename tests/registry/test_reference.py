"""Names of images, and where a site's registry has them."""

from __future__ import annotations

import pytest

from sensei_tui.helm.engine import render_offline
from sensei_tui.helm.images import pulled
from sensei_tui.registry.reference import BadReference, Place, Reference
from tests.charts.helpers import DIRECTORIES, values_of

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "host", "path", "tag", "digest"),
    [
        ("postgres", "docker.io", "library/postgres", "latest", ""),
        ("postgres:16", "docker.io", "library/postgres", "16", ""),
        ("docker.io/postgres:16", "docker.io", "library/postgres", "16", ""),
        ("index.docker.io/postgres", "docker.io", "library/postgres", "latest", ""),
        ("valkey/valkey:8", "docker.io", "valkey/valkey", "8", ""),
        ("registry.lan/a:1", "registry.lan", "a", "1", ""),
        ("localhost/a/b:1", "localhost", "a/b", "1", ""),
        ("registry:5000/a/b", "registry:5000", "a/b", "latest", ""),
        ("Registry/a", "Registry", "a", "latest", ""),
        ("[fd00::5]:5000/a/b__c:v1.0_x", "[fd00::5]:5000", "a/b__c", "v1.0_x", ""),
        ("[::1]/a", "[::1]", "a", "latest", ""),
        (f"registry.lan/a@sha256:{HEX}", "registry.lan", "a", "", f"sha256:{HEX}"),
        (f"registry.lan/a:1@sha256:{HEX}", "registry.lan", "a", "1", f"sha256:{HEX}"),
        (f"a@sha512:{HEX}{HEX}", "docker.io", "library/a", "", f"sha512:{HEX}{HEX}"),
    ],
)
def test_reference(text: str, host: str, path: str, tag: str, digest: str) -> None:
    found = Reference.parse(text)
    assert (found.host, found.path, found.tag, found.digest) == (host, path, tag, digest)
    assert found.version == (digest or tag)
    assert Reference.parse(str(found)) == Reference.parse(str(Reference.parse(str(found))))


@pytest.mark.parametrize(
    "text",
    [
        "", ":1", "a:", "a:b:c", "A", "registry.lan/A/b", "registry.lan/", "registry.lan//a", "a/../b", "-a", "a b",
        "a@", "a@sha256:12", f"a@sha256:{HEX.upper()}", f"a@md5:{HEX}", "a:.1", f"a:{'x' * 129}", "a" * 300,
        "http://registry.lan/a", "registry.lan:port/a", "[fd00::5/a", "user@registry.lan/a", "a\n", "a:1\n",
        "registry.lan/a?x=y", "registry.lan/a#b", "re_gistry.lan/a",
    ],
)  # fmt: skip
def test_what_is_no_reference_is_refused_in_plain_text(text: str) -> None:
    with pytest.raises(BadReference) as caught:
        Reference.parse(text)
    assert caught.value.why
    assert "\n" not in caught.value.where


@pytest.mark.parametrize(
    ("text", "host", "prefix"),
    [
        ("registry.lan", "registry.lan", ""),
        ("registry.lan/", "registry.lan", ""),
        ("registry.lan:5000/mirror/a", "registry.lan:5000", "mirror/a"),
        ("[fd00::5]:5000/mirror", "[fd00::5]:5000", "mirror"),
        ("localhost", "localhost", ""),
    ],
)
def test_place(text: str, host: str, prefix: str) -> None:
    assert Place.parse(text) == Place(host, prefix)


@pytest.mark.parametrize("text", ["", "registry", "registry/mirror", "https://registry.lan", "registry.lan/Mirror", "registry.lan/a:1", "/a", "registry.lan//a"])  # fmt: skip
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(BadReference, match="not the name of a registry"):
        Place.parse(text)


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("registry.sensei.ai/sensei/kora:1.0", "registry.lan/mirror/sensei/kora:1.0"),
        ("docker.io/library/postgres:16", "registry.lan/mirror/library/postgres:16"),
        ("postgres:16", "registry.lan/mirror/postgres:16"),
        ("docker.io/postgres:16", "registry.lan/mirror/postgres:16"),
        (f"quay.io/a/b@sha256:{HEX}", f"registry.lan/mirror/a/b@sha256:{HEX}"),
        (f"quay.io/a/b:1@sha256:{HEX}", f"registry.lan/mirror/a/b:1@sha256:{HEX}"),
        ("registry.lan/mirror/a:1", "registry.lan/mirror/mirror/a:1"),
    ],
)
def test_moving_drops_the_host_and_puts_the_place_before(text: str, moved: str) -> None:
    assert str(Place.parse("registry.lan/mirror").move(Reference.parse(text))) == moved


@pytest.mark.parametrize("place", ["registry.lan", "registry.lan:5000/mirror/sensei"])
def test_the_charts_move_every_image_to_the_same_name(place: str) -> None:
    """Rendered with each image's own registry, then with global.imageRegistry; names without a host, digests too."""
    values = values_of("guide")
    values["global"] = values.get("global", {}) | {"imageRegistry": ""}
    values["redis"] = values.get("redis", {}) | {"image": {"registry": "", "repository": "valkey", "tag": "8.0"}}
    values["controlPlane"] = {
        "image": {"registry": "quay.io:8443", "repository": "sensei/control-plane", "digest": f"sha256:{HEX}"}
    }
    own = _names(values)
    values["global"] |= {"imageRegistry": place}
    moved = {str(Place.parse(place).move(Reference.parse(name))) for name in own}
    assert moved == _names(values)
    assert not moved & own
    assert f"{place}/valkey:8.0" in moved
    assert f"{place}/sensei/control-plane@sha256:{HEX}" in moved


def _names(values: dict[str, object]) -> set[str]:
    return {item.name for item in pulled(render_offline(DIRECTORIES, values, "sensei"))}
