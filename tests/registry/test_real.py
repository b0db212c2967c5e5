"""Against real registries: what every load does."""

from __future__ import annotations

import json

import pytest

from sensei_tui.registry.client import Registry
from sensei_tui.registry.errors import NotFound, Refused
from sensei_tui.registry.manifests import INDEX, MANIFEST, Manifest
from sensei_tui.registry.reference import BadReference
from sensei_tui.registry.uploads import CHUNK
from tests.registry.blobs import Sample, image, send
from tests.registry.real import Real


@pytest.mark.parametrize("size", [0, 1, 100_000, (1 << 20) + 1, CHUNK, CHUNK + 1, 2 * CHUNK + 12_345])
def test_a_blob_arrives_and_comes_back(registry: Registry, repository: str, size: int) -> None:
    sample, counts = Sample(size), list[int]()
    assert registry.has_blob(repository, sample.digest) is None
    registry.upload(repository, sample.digest, size, sample.read, counts.append)
    assert registry.has_blob(repository, sample.digest) == size
    assert sum(counts) == size
    read = list[int]()
    assert b"".join(registry.blob(repository, sample.digest, on_bytes=read.append)) == sample.content
    assert sum(read) == size


def test_a_blob_is_read_from_the_middle(registry: Registry, repository: str) -> None:
    sample = Sample(3_000_000)
    send(registry, repository, sample)
    assert b"".join(registry.blob(repository, sample.digest, 2_345_678)) == sample.content[2_345_678:]
    assert b"".join(registry.blob(repository, sample.digest, 3_000_000)) == b""


def test_a_reader_that_stops_in_the_middle_leaves_the_registry_usable(registry: Registry, repository: str) -> None:
    sample = Sample(30_000_000)
    send(registry, repository, sample)
    reader = registry.blob(repository, sample.digest)
    assert next(reader) == sample.content[: 1 << 20]
    reader.close()  # type: ignore[attr-defined]
    assert registry.has_blob(repository, sample.digest) == sample.size


def test_what_is_not_there(registry: Registry, repository: str) -> None:
    nothing = Sample(5, seed=9).digest
    with pytest.raises(NotFound, match=nothing) as caught:
        list(registry.blob(repository, nothing))
    assert caught.value.reason == "BLOB_UNKNOWN"
    assert registry.has_manifest(repository, "1.0") is None
    with pytest.raises(NotFound, match=f"{repository}:1.0"):
        registry.manifest(repository, "1.0")
    with pytest.raises(NotFound):
        registry.tags(repository)
    assert registry.referrers(repository, nothing) == ()


def test_what_is_no_digest_is_not_asked_for(registry: Registry, repository: str) -> None:
    for text in ("", "1.0", "sha256:../..", "sha256:" + "g" * 64):
        with pytest.raises(BadReference):
            registry.has_blob(repository, text)
        with pytest.raises(BadReference):
            registry.blob(repository, text)
        with pytest.raises(BadReference):
            registry.upload(repository, text, 1, lambda _: [b"x"])
    with pytest.raises(NotFound) as caught:
        registry.manifest(repository, "a b\r\nX-Evil: 1")
    assert caught.value.where.endswith(f"{repository}@a b X-Evil: 1")


def test_an_image_is_stored_under_tags_and_digest(registry: Registry, repository: str) -> None:
    stored = image(registry, repository, Sample(10, 1), Sample(2_000, 2))
    for tag in ("1.0", "1.1"):
        assert registry.put_manifest(repository, tag, stored)
    assert sorted(registry.tags(repository)) == ["1.0", "1.1"]
    assert registry.has_manifest(repository, "1.1") == stored.digest
    assert registry.manifest(repository, "1.0") == stored
    assert registry.manifest(repository, stored.digest) == stored


def test_an_index_keeps_its_media_type(registry: Registry, repository: str) -> None:
    one = image(registry, repository, Sample(10, 1))
    registry.put_manifest(repository, one.digest, one)
    entry = {"mediaType": MANIFEST, "digest": one.digest, "size": len(one.content)}
    index = Manifest.of(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode(), INDEX)
    registry.put_manifest(repository, "all", index)
    assert registry.manifest(repository, "all") == index


def test_a_manifest_before_its_blobs_is_refused_with_the_registrys_word(registry: Registry, repository: str) -> None:
    described = {"mediaType": "x/y", "digest": Sample(7, 77).digest, "size": 7}
    told = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}
    with pytest.raises(Refused) as caught:
        registry.put_manifest(repository, "1.0", Manifest.of(json.dumps(told).encode(), MANIFEST))
    assert caught.value.reason == "MANIFEST_BLOB_UNKNOWN"
    assert "first" in caught.value.remedy


def test_wrong_bytes_are_refused(registry: Registry, repository: str) -> None:
    sample = Sample(100_000)
    with pytest.raises(Refused, match="DIGEST_INVALID"):
        registry.upload(repository, Sample(100_000, seed=1).digest, sample.size, sample.read)
    send(registry, repository, sample)
    assert registry.has_blob(repository, sample.digest) == sample.size


def test_a_blob_is_mounted_or_not_and_leaves_no_upload(real: Real, registry: Registry, repository: str) -> None:
    sample = Sample(5_000, seed=4)
    send(registry, f"{repository}/a", sample)
    assert registry.mount(f"{repository}/b", sample.digest, f"{repository}/a")
    assert registry.has_blob(f"{repository}/b", sample.digest) == sample.size
    assert not registry.mount(f"{repository}/c", Sample(5_000, seed=5).digest, f"{repository}/a")
    assert not [path for path in real.uploads() if repository in str(path)]


def test_referrers_by_tag(registry: Registry, repository: str) -> None:
    """Neither docker-registry 2.8 nor registry 3.1 knows the API: the list is an index under a tag."""
    subject, signature = image(registry, repository, Sample(10, 1)), image(registry, repository, Sample(20, 2))
    about = {"mediaType": MANIFEST, "digest": subject.digest, "size": len(subject.content)}
    signature = Manifest.of(json.dumps(json.loads(signature.content) | {"subject": about}).encode(), MANIFEST)
    registry.put_manifest(repository, subject.digest, subject)
    assert not registry.put_manifest(repository, signature.digest, signature), "the list is left to us"
    entry = {"mediaType": MANIFEST, "digest": signature.digest, "size": len(signature.content), "artifactType": "x/sig"}
    index = Manifest.of(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode(), INDEX)
    registry.put_manifest(repository, subject.digest.replace(":", "-"), index)
    (found,) = registry.referrers(repository, subject.digest)
    assert (found.digest, found.artifact_type) == (signature.digest, "x/sig")


def test_ping(registry: Registry) -> None:
    registry.ping()
