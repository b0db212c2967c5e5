"""`sensei bundle`: make one, look at it, prove it, sign it, load it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensei_tui.cli.install import SITE
from sensei_tui.cli.lazy import LazyGroup
from sensei_tui.cli.output import emit, note, output_option

if TYPE_CHECKING:
    from sensei_tui.base.errors import SenseiError
    from sensei_tui.bundle.archive import Archive
    from sensei_tui.bundle.contents import Contents
    from sensei_tui.bundle.joined import Missing
    from sensei_tui.bundle.opened import Bundle
    from sensei_tui.bundle.signed import Seal

FILE = click.Path(path_type=Path)
FILES = click.argument("files", type=FILE, nargs=-1, required=True, metavar="FILE...")
"""A bundle's file, its unpacked directory, its volumes in any order, or a directory of them."""
FILES_OR_NONE = click.argument("files", type=FILE, nargs=-1, metavar="[FILE...]")
COMMANDS = {
    "create": ("sensei_tui.cli.bundle_create:create", "Make one, on a machine that reaches the images."),
    "inspect": ("sensei_tui.cli.bundle:inspect", "What is in it, and who signed it. Reads a few kilobytes."),
    "verify": ("sensei_tui.cli.bundle:verify", "Read every byte and prove that it is what it says."),
    "sign": ("sensei_tui.cli.bundle_sign:sign", "Sign it with an SSH key."),
    "inventory": ("sensei_tui.cli.bundle:inventory", "What a site has once it is loaded, for create --since."),
    "diff": ("sensei_tui.cli.bundle:diff", "What one has that the other has not."),
    "use": ("sensei_tui.cli.bundle:use", "Make it the site's: its charts, its version, and what a run loads."),
    "load": ("sensei_tui.cli.bundle_load:load", "Put its images into a registry."),
    "serve": ("sensei_tui.cli.bundle_serve:serve", "Be a registry that has just this bundle."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def bundle() -> None:
    """Images, charts and patterns for a site without internet, in one file."""


def trust_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--trust FILE` and `--allow-unsigned`."""
    trusted = click.option("--trust", type=FILE, help="Keys that may sign: allowed_signers of ssh-keygen.")
    allowed = click.option("--allow-unsigned", is_flag=True, help="Go on without a signature, or with an unknown key.")
    return trusted(allowed(function))


def waiting_for(target: str, keep: Path) -> Path:
    """Where what waits for other volumes is kept for this target: another one lacks other blobs."""
    import hashlib

    return keep / hashlib.sha256(target.encode()).hexdigest()[:8]


def keep_rest(archive: Archive, lacks: set[str], loaded: str, answer: dict[str, Any], output: str) -> None:
    """Keep what other volumes complete, and tell which: in the answer for programs too. Raises Incomplete, DiskFull."""
    from sensei_tui.bundle.joined import Joined
    from sensei_tui.bundle.load import Incomplete
    from sensei_tui.bundle.proof import demand_rest
    from sensei_tui.cli.meter import Meter

    answer["missing"] = archive.needed(lacks) if isinstance(archive, Joined) else []
    try:
        with Meter("keep") as meter:
            demand_rest(archive, lacks, loaded, meter.add, note)
    except Incomplete:
        if output == "json":
            emit(answer, "", output)
        raise


@click.command()
@FILES
@output_option
def inspect(files: tuple[Path, ...], output: str) -> None:
    """What is in a bundle. Says by which key it is signed, and not whether that key is trusted: verify does."""
    from sensei_tui.bundle.opened import Bundle

    bundle = Bundle.open(*files)
    contents, missing = bundle.contents, bundle.missing
    signed = fingerprint_of(bundle.archive)
    lines = [*lines_of(contents), f"signed    {signed or 'no'}", *(f"missing   {item}" for item in missing)]
    emit({"contents": contents, "signed": signed, "missing": missing}, lines, output)


def fingerprint_of(archive: Archive) -> str:
    """Of the key whose signature fits; empty where there is none. Raises BadSignature."""
    from sensei_tui.bundle.signed import APPENDED, signature_of

    return signature_of(archive).fingerprint if archive.entries.keys() >= APPENDED else ""


def lines_of(contents: Contents) -> list[str]:
    """For people."""
    from sensei_tui.base.text import bytes_si, plural

    lines = [
        f"version   {contents.version}, of {contents.created[:10]}",
        f"for       Kubernetes {contents.kubernetes or 'any'}, {', '.join(contents.platforms)}",
        f"upgrades  {contents.upgrade_from or 'any version'}",
        f"holds     {plural(contents.blobs, 'blob')}, {bytes_si(contents.size)}",
        f"unpacked  {bytes_si(contents.unpacked)} at least, on a node that runs all of it",
    ]
    if contents.since:
        lines.append(f"left out  {contents.left_out or 'nothing: the bundle before has none of it'}")
    lines += [f"{item.kind:<9} {item.name}  {bytes_si(item.size)}" for item in contents.items]
    lines += [f"cuda      {item.name} needs {item.cuda}" for item in contents.items if item.cuda]
    lines += [f"model     {item.name} needs a volume of {bytes_si(item.unpacked)} and GPUs with more than "
              f"{bytes_si(item.weights)} of memory in all" for item in contents.items if item.weights]  # fmt: skip
    return lines


@click.command()
@FILES
@SITE
@trust_options
@output_option
def verify(files: tuple[Path, ...], site: Path | None, trust: Path | None, allow_unsigned: bool, output: str) -> None:
    """Read a bundle whole: every checksum, every manifest, every blob that an image needs, and the signature.

    Trusted keys are those of --trust, or of the site's file trusted-keys. Exit code 1: something is not right.
    """
    from sensei_tui.base import clock
    from sensei_tui.bundle.opened import Bundle
    from sensei_tui.bundle.signed import NotTrusted

    bundle = Bundle.open(*files)
    archive, contents = bundle.archive, bundle.contents
    keys = trusted_keys(trust, site)
    seal, doubt = _seal_or_doubt(bundle, keys)
    accepted = allow_unsigned and isinstance(doubt, NotTrusted)
    if doubt and accepted:
        note(f"{doubt.what} {doubt.why}".strip())
    found, missing, alone = problems_of(bundle), bundle.missing, bundle.alone(keys, clock.now())
    for path, why in alone.items():
        note(f"warn: {path} would be refused without the other volumes: {why} Sign all of them with one key.")
    answer = {"bundle": str(archive.path), "version": contents.version, "signed": seal, "untrusted": _untrusted(doubt),
              "alone": alone, "problems": found, "missing": missing}  # fmt: skip
    emit(answer, verdict(bundle, seal, found, missing, _unsealed(doubt)), output)
    if doubt and not accepted:
        raise doubt
    if found or missing:
        raise SystemExit(1)


def _seal_or_doubt(bundle: Bundle, keys: Path | None) -> tuple[Seal | None, SenseiError | None]:
    """What a signature is in doubt by is told after every byte was read. Raises BadKey."""
    from sensei_tui.base import clock
    from sensei_tui.bundle.errors import BadBundle
    from sensei_tui.bundle.signed import NotTrusted
    from sensei_tui.bundle.signers import BadSignature

    try:
        return bundle.seal(keys, clock.now(), allow_unsigned=False)[0], None
    except (NotTrusted, BadSignature, BadBundle) as error:
        return None, error


def _untrusted(doubt: SenseiError | None) -> str:
    """Fingerprint of the key that signed and that the site does not trust; empty where there is none."""
    return str(getattr(doubt, "fingerprint", ""))


def _unsealed(doubt: SenseiError | None) -> str:
    from sensei_tui.bundle.signed import NotTrusted

    if key := _untrusted(doubt):
        return f"signed by {key}, which this site does not trust"
    return "NOT SIGNED" if isinstance(doubt, NotTrusted) else "THE SIGNATURE IS NOT GOOD"


def problems_of(bundle: Bundle) -> list[str]:
    """Everything that is wrong with its content; how far it is read is shown."""
    from sensei_tui.cli.meter import Meter

    with Meter("verify", bundle.size) as meter:
        return bundle.problems(meter.add)


def verdict(
    bundle: Bundle, seal: Seal | None, problems: list[str], missing: Sequence[Missing], unsealed: str
) -> list[str]:  # fmt: skip
    """For people. What is wrong with volumes names each by itself."""
    from sensei_tui.base.text import plural
    from sensei_tui.bundle.contents import AGAIN

    signed = f"signed {seal.when:%Y-%m-%d} by {seal.signer} ({seal.fingerprint})" if seal else unsealed
    warned = [f"warn: {text}" for text in seal.warnings] if seal else []
    file, contents = bundle.path, bundle.contents
    if problems:
        return [
            "The bundle is damaged:" if bundle.is_several else f"{file} is damaged:",
            *(f"  {text}" for text in problems),
            AGAIN,
            signed,
            *warned,
        ]
    if missing:
        return [
            f"{file}: what is here is as it should be; missing:",
            *(line for item in missing for line in _listed(item)),
            signed,
            *warned,
        ]
    items = plural(len(contents.items), "image or artifact", "images and artifacts")
    return [f"{file}: version {contents.version}, {items}, every byte as it should be", signed, *warned]


def _listed(item: Missing) -> list[str]:
    return [f"  volume {item.number} of {item.of} with", *(f"    {part.name}" for part in item.parts)]


def sealed(bundle: Bundle, keys: Path | None, *, allow_unsigned: bool) -> Seal | None:
    """Who signed it; what else is to be known of that goes to standard error. Raises NotTrusted, BadSignature."""
    from sensei_tui.base import clock

    seal, why = bundle.seal(keys, clock.now(), allow_unsigned=allow_unsigned)
    for text in (*(f"warn: {item}" for item in (seal.warnings if seal else ())), *([why] if why else [])):
        note(text)
    return seal


def trusted_keys(trust: Path | None, site: Path | None) -> Path | None:
    """The file of trusted keys: what was named, else the site's. None: there is none."""
    from sensei_tui.cli.images import found_site

    if trust is not None:
        return trust
    here = found_site(site)
    file = here.root / "trusted-keys" if here else None
    return file if file and file.exists() else None


@click.command()
@FILES
@output_option
def inventory(files: tuple[Path, ...], output: str) -> None:
    """The digests of a bundle: small enough to be sent to whoever makes the next one (create --since FILE)."""
    from sensei_tui.bundle.contents import read_contents
    from sensei_tui.bundle.inventory import inventory_of
    from sensei_tui.bundle.joined import open_bundle

    archive = open_bundle(files)
    found = inventory_of(archive, read_contents(archive))
    emit(found, found.text().rstrip("\n"), output)


@click.command()
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@output_option
def diff(old: Path, new: Path, output: str) -> None:
    """What the new bundle has that the old one has not, and the other way round."""
    from sensei_tui.base.text import bytes_si
    from sensei_tui.bundle.contents import read_contents
    from sensei_tui.bundle.inventory import blobs_of
    from sensei_tui.bundle.joined import open_bundle

    first, second = open_bundle([old]), open_bundle([new])
    before = {item.name: item.digest for item in read_contents(first).items}
    after = {item.name: item.digest for item in read_contents(second).items}
    had, has = blobs_of(first), blobs_of(second)
    fresh = sum(size for digest, size in has.items() if digest not in had)
    answer = {
        "added": sorted(after.keys() - before.keys()), "removed": sorted(before.keys() - after.keys()),
        "changed": sorted(name for name in after.keys() & before.keys() if after[name] != before[name]),
        "newBytes": fresh,
    }  # fmt: skip
    marks = (("+", answer["added"]), ("-", answer["removed"]), ("~", answer["changed"]))
    lines = [f"{mark} {name}" for mark, names in marks for name in names]  # type: ignore[attr-defined]
    emit(answer, [*lines, f"{bytes_si(fresh)} of blobs are new"], output)


@click.command()
@click.argument("file", type=FILE)
@click.option("--registry", metavar="HOST[/PREFIX]", help="Where a run loads it to (default: what site.yaml says).")
@SITE
@trust_options
@output_option
def use(
    file: Path, registry: str | None, site: Path | None, trust: Path | None, allow_unsigned: bool, output: str
) -> None:  # fmt: skip
    """Make a bundle the site's: its charts go into charts/, its version into site.yaml; install and upgrade load it.

    The keys of --trust are added to the site's trusted-keys. The cluster and the registry are not touched.
    """
    from sensei_tui.bundle.opened import Bundle
    from sensei_tui.cli.install import open_site
    from sensei_tui.deploy.adopt import adopt, doubts_of_parts
    from sensei_tui.deploy.fitting import doubts_of_use

    found, bundle = open_site(site), Bundle.open(file)
    seal = sealed(bundle, trusted_keys(trust, site), allow_unsigned=allow_unsigned)
    doubts = [*doubts_of_use(found, bundle.contents, str(file)), *doubts_of_parts(bundle)]
    for text in doubts:
        note(f"warn: {text}")
    told = adopt(found, file, bundle, registry=registry, keys=trust, unsigned=seal is None)
    emit({**told, "warnings": doubts}, [f"  {key:<9} {value}" for key, value in told.items()], output)
