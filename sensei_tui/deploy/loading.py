"""The steps that bring a bundle into the site's registry, and prove that all is there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock

from sensei_tui.base import clock
from sensei_tui.base.errors import ExitCode, SenseiError, UsageError
from sensei_tui.base.text import bytes_si, plural
from sensei_tui.base.throughput import Throughput
from sensei_tui.bundle.joined import Joined
from sensei_tui.bundle.load import Loader, Tally, Target, need, target_of
from sensei_tui.bundle.opened import Bundle
from sensei_tui.bundle.proof import reach
from sensei_tui.deploy.fitting import (
    WrongBundle,
    check_version,
    doubts_of_nodes,
    doubts_of_room,
    doubts_of_upgrade,
    nodes_of,
)
from sensei_tui.deploy.place import authority_of
from sensei_tui.deploy.prepare import TIMEOUT, digest
from sensei_tui.deploy.world import World
from sensei_tui.helm.images import Pulled
from sensei_tui.registry.client import Registry
from sensei_tui.registry.credentials import Keyring
from sensei_tui.registry.reference import Place, Reference
from sensei_tui.runs.context import StepContext
from sensei_tui.runs.model import Plan, PlannedStep
from sensei_tui.site.site import Site

KIND = "load"
RATE = 100_000_000
"""Bytes a second by which a plan guesses how long a load takes: a network of 1 Gbit/s. Only the bar depends on it."""
TOLD_EVERY = 0.5
"""Seconds between two lines of the journal that say how far a load is: consoles look as often."""
_NAMED = 5
Names = Mapping[tuple[str, str], str]
"""Repository and version -> digest."""


class ImagesMissing(SenseiError):
    """The registry has not all that the charts need."""

    code = "images-missing"
    exit_code = ExitCode.FINDING


def plan_load(site: Site, *, timeout: float = TIMEOUT) -> Plan:
    """The site's bundle into its registry. Raises NoBundle, BadBundle, UsageError where the site names neither."""
    found, target = bundle_of(site), str(place_of(site))
    steps = bundle_steps(site, target)
    changes = (f"{plural(len(found.contents.items), 'image or artifact', 'images and artifacts')} in {place_of(site)}",)
    return Plan(
        kind=KIND, site=site.config.name, target=target, namespace=site.config.namespace,
        version=found.contents.version, created=clock.stamp(), steps=tuple(steps), changes=changes,
        parameters={"timeout": timeout, "bundle": found.digest},
    )  # fmt: skip


def bundle_steps(site: Site, target: str) -> list[PlannedStep]:
    """None where the site names no bundle. Raises NoBundle, BadBundle, UsageError."""
    if not site.config.bundle:
        return []
    found = bundle_of(site)
    what = plural(len(found.contents.items), "image or artifact", "images and artifacts")
    told = [
        ("bundle", "Verify the bundle", f"{found.path.name}: version, signature, every manifest", 2.0),
        ("load", "Load the bundle", f"{what}, {bytes_si(found.contents.size)} into {place_of(site)}",
         found.contents.size / RATE),
        ("images", "Prove the images", "every image of the rendered charts is there, by digest", 3.0),
    ]  # fmt: skip
    inputs = digest(found.digest, str(place_of(site)), target)
    return [
        PlannedStep(id=id, title=title, detail=detail, inputs=inputs, seconds=2.0 if site.config.rehearsal else seconds)
        for id, title, detail, seconds in told
    ]


def bundle_of(site: Site) -> Bundle:
    """Raises NoBundle, BadBundle, UsageError."""
    if not site.config.bundle:
        raise UsageError(
            "The site names no bundle.", where=str(site.root / "site.yaml"), remedy="Name it: sensei bundle use FILE"
        )
    return Bundle.open(site.root / Path(site.config.bundle).expanduser())


def place_of(site: Site) -> Place:
    """The site's registry. Raises UsageError, BadReference."""
    if not site.config.registry:
        raise UsageError(
            "The site names no registry.", where=str(site.root / "site.yaml"),
            remedy="Name it: sensei site set --registry HOST[/PREFIX]",
        )  # fmt: skip
    return Place.parse(site.config.registry)


def keys_of(site: Site) -> Path | None:
    """The site's trusted keys, where it has any."""
    file = site.root / "trusted-keys"
    return file if file.exists() else None


def registry_of(site: Site) -> Registry:
    """Does not touch the network. Raises UsageError."""
    plain = site.config.registry_plain_http
    return Registry(place_of(site), ca=authority_of(site), plain=plain, credentials=Keyring())


IN_A_SITE = (
    ("Leave out the option for plain HTTP (--plain-http)", "Say that it has TLS (sensei site set --registry-tls)"),
    ("(--plain-http)", "(sensei site set --registry-plain-http)"),
    ("(--ca FILE)", "(sensei site set --registry-ca FILE)"),
    ("--trust ALLOWED_SIGNERS", "sensei bundle use FILE --trust ALLOWED_SIGNERS"),
    ("--allow-unsigned", "sensei bundle use FILE --allow-unsigned"),
)
"""What a remedy names for a command, and what does the same for a site: its runs take no such options."""


@contextmanager
def of_the_site() -> Iterator[None]:
    """Errors tell what helps a site."""
    try:
        yield
    except SenseiError as error:
        for option, instead in IN_A_SITE:
            if option in error.remedy:
                error.remedy = error.remedy.replace(option, instead)
                break
        raise


@dataclass
class _OfBundle(ABC):
    spec: PlannedStep
    world: World

    def is_done(self, context: StepContext) -> bool:
        return False

    def do(self, context: StepContext) -> str:
        with of_the_site():
            return self._do(context)

    @abstractmethod
    def _do(self, context: StepContext) -> str: ...

    @cached_property
    def bundle(self) -> Bundle:
        """As planned. Raises WrongBundle where the file changed, NoBundle, BadBundle."""
        found, site = bundle_of(self.world.site), self.world.site
        if digest(found.digest, str(place_of(site)), self.world.plan.target) != self.spec.inputs:
            raise WrongBundle(
                "The bundle is another one than was planned.", where=str(found.path),
                remedy="Make a new plan: what is done already is not done again.",
            )  # fmt: skip
        return found


@dataclass
class VerifyBundle(_OfBundle):
    """The bundle is of the site's version, signed by somebody whom the site trusts, and whole."""

    def _do(self, context: StepContext) -> str:
        site, contents = self.world.site, self.bundle.contents
        check_version(contents, site.config.version, str(self.bundle.path))
        self._check_names(context)
        seal, why = self.bundle.seal(keys_of(site), clock.now(), allow_unsigned=site.config.bundle_unsigned)
        for text in (*(seal.warnings if seal else ()), *([why] if why else []), *self._doubts()):
            context.log("runner", f"warn: {text}")
        count = len(self.bundle.documents)
        signed = f"signed by {seal.signer}" if seal else "not signed, which the site accepts"
        return f"version {contents.version}, {signed}, {plural(count, 'manifest')} as they should be"

    def _doubts(self) -> list[str]:
        """What the operator should know of it. Raises WrongBundle where it can't become what is deployed."""
        contents, where = self.bundle.contents, str(self.bundle.path)
        found = doubts_of_upgrade(self.world.site, contents, where)
        if self.world.plan.kind == KIND:
            return found
        nodes = nodes_of(self.world.cluster)
        return [*found, *doubts_of_nodes(contents, nodes, where), *doubts_of_room(contents, nodes)]

    def _check_names(self, context: StepContext) -> None:
        """Before anything is sent: afterwards it would be in vain."""
        pulled, place = self.world.pulled, place_of(self.world.site)
        _look_for_strangers(context, pulled, [item for item in pulled if _is_of(item, place)], place)


def refuse_missing(bundle: Bundle, lacking: Collection[str] | None = None) -> None:
    """A run has nobody who changes media: what only missing volumes have, or `lacking` of it, must be there already.

    Raises WrongBundle.
    """
    if not isinstance(bundle.archive, Joined):
        return
    if missing := bundle.archive.missing if lacking is None else bundle.archive.needed(lacking):
        raise WrongBundle(
            "Volumes of the bundle are missing.", where=str(bundle.path), why="; ".join(map(str, missing)),
            remedy="Copy all volumes into one directory and name that: sensei bundle use DIRECTORY. "
            "Or load them first, one at a time: sensei bundle load VOLUME --registry HOST[/PREFIX]",
        )  # fmt: skip


@dataclass
class LoadBundle(_OfBundle):
    """Every blob that the registry lacks, then the manifests. What is there is not sent again."""

    def _do(self, context: StepContext) -> str:
        if self.world.site.config.rehearsal:
            return self._read(context)
        found = self.bundle

        def looked(tally: Tally) -> None:
            refuse_missing(found, loader.lacking)
            context.log("runner", need(tally))

        with registry_of(self.world.site) as registry:
            reach(registry, lambda text: context.log("runner", text))
            loader = Loader(
                found.archive, found.contents, found.documents, registry, _Told(context), on_need=looked
            )  # fmt: skip
            with context.stop.calling(loader.stop.set):
                tally = loader.run()
        images = plural(tally.images, "image or artifact", "images and artifacts")
        return f"{images}, {tally.images_there} were there; {bytes_si(tally.sent)} sent"

    def _read(self, context: StepContext) -> str:
        """In a rehearsal: all that a load would read. Raises BadBundle."""
        told, tally = _Told(context), Tally(total=self.bundle.size)

        def read(count: int) -> None:
            context.check()
            tally.sent += count
            told(tally)

        refuse_missing(self.bundle)
        self.bundle.refuse(self.bundle.damaged(read))
        size = bytes_si(self.bundle.contents.size)
        return f"every byte read; a rehearsal sends nothing: up to {size} would go to {place_of(self.world.site)}"


class _Told:
    """How far a load is, for the journal: it is told for every piece that is sent, by several threads."""

    def __init__(self, context: StepContext) -> None:
        self._context, self._bytes = context, Throughput()
        self._next = 0.0
        self._lock = Lock()

    def __call__(self, tally: Tally) -> None:
        with self._lock:
            # What was there already came at no rate at all.
            self._bytes.set(tally.sent, tally.total - tally.there)
            if clock.monotonic() >= self._next or not tally.needed:
                self._next = clock.monotonic() + TOLD_EVERY
                text = tally.waits or self._bytes.text()
                self._context.progress(tally.sent, tally.total - tally.there, "bytes", text)


@dataclass
class ProveImages(_OfBundle):
    """What the charts will pull is in the registry, with the content that the bundle has under that name."""

    def _do(self, context: StepContext) -> str:
        site, place = self.world.site, place_of(self.world.site)
        mine = [item for item in self.world.pulled if _is_of(item, place)]
        carried = {(target.repository, target.version): target.item.digest for target in self._targets(place)}
        there = carried if site.config.rehearsal else self._there(context, mine)
        missing = [text for item in mine if (text := _wrong(item, carried, there))]
        if missing:
            raise _missing(missing, place)
        return f"{plural(len(mine), 'image')} of the charts, each by its digest"

    def _targets(self, place: Place) -> list[Target]:
        return [target_of(item, place) for item in self.bundle.contents.items]

    def _there(self, context: StepContext, items: list[Pulled]) -> dict[tuple[str, str], str]:
        """Digests of what the registry has."""
        found: dict[tuple[str, str], str] = {}
        with registry_of(self.world.site) as registry:
            for number, item in enumerate(items):
                context.check()
                context.progress(number, len(items), "images", item.name)
                name = _name(item)
                if digest := registry.has_manifest(*name):
                    found[name] = digest
        return found


def _name(item: Pulled) -> tuple[str, str]:
    reference = Reference.parse(item.name)
    return reference.path, reference.version


def _is_of(item: Pulled, place: Place) -> bool:
    reference = Reference.parse(item.name)
    return reference.host == place.host and reference.path.startswith(f"{place.prefix}/" if place.prefix else "")


def _look_for_strangers(
    context: StepContext, pulled: tuple[Pulled, ...], mine: list[Pulled], place: Place
) -> None:  # fmt: skip
    """Names that are not of this registry: a mistake where all are, otherwise something to be told."""
    if pulled and not mine:
        raise WrongBundle(
            f"The values take no image from {place}.", where="global.imageRegistry",
            why=f"they take {pulled[0].name}", remedy=f"sensei config set global.imageRegistry {place}",
        )  # fmt: skip
    for item in pulled:
        if item not in mine:
            context.log("runner", f"warn: {item.name} is not from {place}: whether it is there was not asked")


def _wrong(item: Pulled, carried: Names, there: Names) -> str:
    name = _name(item)
    if name not in there:
        return f"{item.name} is not there"
    wanted = carried.get(name, there[name])
    return "" if there[name] == wanted else f"{item.name} is {there[name]}, the bundle has {wanted}"


def _missing(found: list[str], place: Place) -> ImagesMissing:
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ImagesMissing(
        f"Of what the charts need, {plural(len(found), 'image')} is not there as it should be.", where=str(place),
        why="; ".join(found[:_NAMED]) + more,
        remedy="Have the bundle made with this site's values: sensei bundle create -f VALUES",
    )  # fmt: skip
