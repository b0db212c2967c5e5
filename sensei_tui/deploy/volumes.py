"""What deployed data stores can't become by new values, found before anything is written: their number and volumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sensei_tui.base.errors import ExitCode, UsageError
from sensei_tui.base.quantity import parse
from sensei_tui.cluster.client import Cluster
from sensei_tui.deploy.record import Deployed
from sensei_tui.helm.manifest import key, objects
from sensei_tui.site.values import Values

Node = dict[str, Any]
_STORES = {"postgresql": "postgresql", "redis": "redis", "minio": "storage.minio", "weaviate": "vectorDb"}
_SIZES = {f"StatefulSet/sensei-{name}": f"{path}.persistence.size" for name, path in _STORES.items()} | {
    "PersistentVolumeClaim/sensei-llm-models": "llm.persistence.size",
    "PersistentVolumeClaim/sensei-backups": "backup.volume.size",
}
"""The setting that gives the volumes of an object their size."""
_MINIO, _WEAVIATE = "StatefulSet/sensei-minio", "StatefulSet/sensei-weaviate"
_POSTGRESQL = "StatefulSet/sensei-postgresql"
_BACK = "Set it back to what is deployed; or "
_ANEW = f"{_BACK}make the store anew from a backup: guide, Data stores, 'Another layout'."
_MAJOR = f"{_BACK}replace the data: guide, Data stores, 'A new major version of PostgreSQL'."
_GROW = f"{_BACK}grow the volumes first: guide, Data stores, 'More room'."


class StoreCannotChange(UsageError):
    """A setting that stays what it is once a store holds data."""

    code = "store-cannot-change"
    exit_code = ExitCode.FINDING


class Difference(NamedTuple):
    """A setting, what is deployed, and what is asked."""

    path: str
    deployed: Any
    asked: Any


def refuse_changes(before: Deployed, manifests: Mapping[str, str], values: Values) -> None:
    """Raises StoreCannotChange where these manifests want of a store what only a new one can be."""
    old, new = _of_record(before), _holders(manifests)
    _refuse([*_pods(old, new), *_volumes(old, new)], values, _ANEW)
    _refuse(list(_majors(old, new)), values, _MAJOR)


def refuse_live_changes(cluster: Cluster, manifests: Mapping[str, str], values: Values) -> None:
    """As the API server would refuse it, in words that name the setting. Raises StoreCannotChange, ClusterError."""
    new = _holders(manifests)
    # How many pods run now says nothing: somebody may have stopped the store. The chart looks at what it was made with.
    old = {name: cluster.object(*name.split("/")) for name in new if cluster.exists(*name.split("/"))}
    _refuse(list(_volumes(old, new)), values, _ANEW)
    _refuse(list(_sizes(old, new, "StatefulSet/")), values, _GROW)


def growing(before: Deployed, manifests: Mapping[str, str]) -> list[str]:
    """What an operator must do first, one sentence for each store whose volumes are to grow."""
    found = _sizes(_of_record(before), _holders(manifests), "StatefulSet/")
    return [f"{path}: {was} -> {wanted}: grow the volumes first (guide, Data stores)" for path, was, wanted in found]


def _refuse(found: list[Difference], values: Values, remedy: str) -> None:
    if not found:
        return
    told = [
        f"{values.origin(path.split('.'))}: {path}: {was} is deployed, {wanted} is asked" for path, was, wanted in found
    ]
    raise StoreCannotChange(
        "A deployed data store can't be changed like that.", where=str(values.origin(found[0].path.split("."))),
        why="; ".join(told), remedy=remedy,
    )  # fmt: skip


def _pods(old: Mapping[str, Node], new: Mapping[str, Node]) -> Iterator[Difference]:
    for name, path in ((_MINIO, "storage.minio.replicas"), (_WEAVIATE, "vectorDb.replicas")):
        if name in old and name in new:
            was, wanted = (item[name]["spec"]["replicas"] for item in (old, new))
            if wanted < was or (name == _MINIO and wanted > was):
                yield Difference(path, was, wanted)


def _majors(old: Mapping[str, Node], new: Mapping[str, Node]) -> Iterator[Difference]:
    """PostgreSQL's, unless the values say which one's data is replaced."""
    if _POSTGRESQL in old and _POSTGRESQL in new:
        was, wanted = (_environment(item[_POSTGRESQL]) for item in (old, new))
        if was.get("MAJOR") not in (None, wanted["MAJOR"], wanted["REPLACES_MAJOR"]):
            yield Difference("postgresql.major", was["MAJOR"], wanted["MAJOR"])


def _environment(item: Node) -> dict[str, str]:
    (container,) = item["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def _volumes(old: Mapping[str, Node], new: Mapping[str, Node]) -> Iterator[Difference]:
    """MinIO's number of them, every store's StorageClass, and a size that is less."""
    if _MINIO in old and _MINIO in new:
        was, wanted = (len(item[_MINIO]["spec"]["volumeClaimTemplates"]) for item in (old, new))
        if was != wanted:
            yield Difference("storage.minio.drivesPerReplica", was, wanted)
    yield from _classes(old, new)
    yield from (item for item in _sizes(old, new) if parse(item.asked) < parse(item.deployed))


def _classes(old: Mapping[str, Node], new: Mapping[str, Node]) -> Iterator[Difference]:
    """One setting is every volume's: one difference. The server fills a claim's class in, a template's it leaves."""
    for name in (name for name in _SIZES if name in old and name in new and name.startswith("StatefulSet/")):
        was, wanted = (_claim(item[name]).get("storageClassName") or "the default" for item in (old, new))
        if was != wanted:
            yield Difference("global.storageClass", was, wanted)
            return


def _sizes(old: Mapping[str, Node], new: Mapping[str, Node], kind: str = "") -> Iterator[Difference]:
    for name in (name for name in _SIZES if name in old and name in new and name.startswith(kind)):
        was, wanted = (_claim(item[name])["resources"]["requests"]["storage"] for item in (old, new))
        if parse(was) != parse(wanted):
            yield Difference(_SIZES[name], was, wanted)


def _claim(item: Node) -> Node:
    spec: Node = item["spec"]
    return spec["volumeClaimTemplates"][0]["spec"] if "volumeClaimTemplates" in spec else spec


def _of_record(before: Deployed) -> dict[str, Node]:
    return _holders({item.name: item.manifest for item in before.releases})


def _holders(manifests: Mapping[str, str]) -> dict[str, Node]:
    """Every object that holds volumes, by `Kind/name`."""
    return {key(item): item for text in manifests.values() for item in objects(text) if key(item) in _SIZES}
