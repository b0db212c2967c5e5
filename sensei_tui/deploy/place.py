"""Where a site's images are, in one line: `registry.lan/sensei`, `http://127.0.0.1:5000`, `registry.lan ca.pem`."""

from __future__ import annotations

from pathlib import Path

from sensei_tui.registry.connections import trust
from sensei_tui.registry.reference import Place
from sensei_tui.site.site import Site

PLAIN = "http://"


def place_text(site: Site) -> str:
    """What `place_changes` takes; empty where the site names no registry."""
    config, ca = site.config, authority_of(site)
    scheme = PLAIN if config.registry_plain_http else ""
    return f"{scheme}{config.registry}{f' {ca}' if ca else ''}" if config.registry else ""


def place_changes(text: str) -> dict[str, object]:
    """What site.yaml says then. Nothing before the host: TLS, by an authority of this host if no file is named.

    Raises BadReference, UsageError (a file that has no certificate in it).
    """
    plain = text.startswith(PLAIN)
    place, _, file = text.removeprefix(PLAIN).partition(" ")
    found = {"registry": str(Place.parse(place)), "registry_plain_http": plain}
    return found | {"registry_ca": authority(file.strip())}


def authority_of(site: Site) -> Path | None:
    """Certificate of the authority that signed the registry's; None where the site names none."""
    return site.root / Path(site.config.registry_ca).expanduser() if site.config.registry_ca else None


def authority(file: str) -> str:
    """The file's whole path, once it can be read. Raises UsageError."""
    if not file:
        return file
    path = Path(file).expanduser().resolve()
    trust(path)
    return str(path)
