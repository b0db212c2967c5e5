"""Configuration mistakes: each message names file, line, path, what is wrong and what is allowed; none a secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sensei_tui.base.errors import SenseiError
from sensei_tui.site.resolve import MissingSecret, resolve
from sensei_tui.site.schema import schema
from sensei_tui.site.validate import check_value, validate
from sensei_tui.site.values import ValuesError, load_values
from sensei_tui.site.yamlfile import YamlError
from tests.unit.site.helpers import API_KEY, KEY, LICENSED, problems, site_with, warnings

PLANTED = "PLANTED"
EXTERNAL = "  external:\n    enabled: true\n"

# values.yaml, then line, path, part of what is wrong, part of what is allowed.
MISTAKES = {
    "unknown key with a near match": ("dataPlane:\n  worker:\n    replicas: 4\n", 2, "dataPlane.worker", "Did you mean workers?", "maba"),
    "unknown key like no other": ("zzz: 1\n", 1, "zzz", "There is no such setting.", "controlPlane"),
    "wrong type": ("controlPlane:\n  replicas: many\n", 2, "controlPlane.replicas", "This text is not a whole number.", "a whole number"),
    "a quoted number": ("controlPlane:\n  replicas: '2'\n", 2, "controlPlane.replicas", '"2" is not a whole number. Written with quotes it is text.', "a whole number"),
    "yes for true": ("redis:\n  external:\n    enabled: yes\n", 3, "redis.external.enabled", "true and false alone", "true or false"),
    "a list for a text": ("backup:\n  restore: [a]\n", 2, "backup.restore", "A list is not text.", "text"),
    "a text for a group": ("# about\nredis: bundled\n", 2, "redis", "This text is not keys and values.", "keys and values"),
    "an empty group": ("redis:\n# later\n", 1, "redis", "Nothing is written here.", "leave the key out"),
    "out of range, low": ("dataPlane:\n  maba:\n    replicas: 0\n", 3, "dataPlane.maba.replicas", "0 is too small.", "1 to 50"),
    "out of range, high": ("llm:\n  gpu:\n    count: 99\n", 3, "llm.gpu.count", "99 is too large.", "1 to 16"),
    "not one of the choices": ("llm:\n  provider: antropic\n", 2, "llm.provider", "Did you mean anthropic?", "none, anthropic, local"),
    "a domain with a scheme": ("global:\n  domain: https://sensei\n", 2, "global.domain", "right form", "sensei.internal.example.com"),
    "a domain in capitals": ("global:\n  domain: Sensei.Lan\n", 2, "global.domain", "right form", "small letters"),
    "a domain that is an address": ("global:\n  domain: 10.1.2.3\n", 2, "global.domain", "right form", "no address"),
    "a resource of Kubernetes' own": ("llm:\n  gpu:\n    resourceName: cpu\n", 3, "llm.gpu.resourceName", "right form", "as nvidia.com/gpu"),
    "a key that no Secret has": ("global:\n  caBundle:\n    key: a/b\n", 3, "global.caBundle.key", "right form", "letters, digits, dots, dashes and _"),
    "IPv4 written as IPv6": (f"redis:\n{EXTERNAL}    host: '::ffff:10.0.0.1'\n", 4, "redis.external.host", "right form", "a name or an address"),
    "a registry with a scheme": ("global:\n  imageRegistry: https://r\n", 2, "global.imageRegistry", "right form", "registry.internal.example.com"),
    "a wrong item of a list": ("global:\n  imagePullSecrets:\n    - good\n    - Not_Good\n", 4, "global.imagePullSecrets.1", "right form", ""),
    "the tag latest": ("redis:\n  image:\n    tag: latest\n", 3, "redis.image.tag", "latest is refused here.", "a fixed version"),
    "an image without version": ("redis:\n  image:\n    tag: ''\n", 3, "redis.image.tag", "needs a tag or a digest", ""),
    "an external database without host": (f"postgresql:\n{EXTERNAL}    existingSecret: s\n", 2, "postgresql.external.host", "needs its host", ""),
    "an external database without password": (f"postgresql:\n{EXTERNAL}    host: db\n", 2, "postgresql.external.existingSecret", "needs the Secret", ""),
    "an external Redis without host": (f"redis:\n{EXTERNAL}", 2, "redis.external.host", "needs its host", ""),
    "an external storage without endpoint": (f"storage:\n{EXTERNAL}    existingSecret: s\n", 2, "storage.external.endpoint", "needs its endpoint", ""),
    "an external vector database without URL": (f"vectorDb:\n{EXTERNAL}", 2, "vectorDb.external.url", "needs its URL", ""),
    "a local model without name": ("llm:\n  provider: local\n", 1, "llm.model", "needs the name of its model", ""),
    "anthropic without key": ("# c\nllm:\n  provider: anthropic\n", 2, "llm.apiKey", "needs llm.apiKey or llm.existingSecret", ""),
    "local patterns without path": ("patternLibrary:\n  source: local\n", 1, "patternLibrary.snapshotPath", "needs the path", ""),
    "an Ingress without domain": ("ingress:\n  enabled: true\n", 1, "global.domain", "needs the domain", ""),
    "an air gap without registry": ("global:\n  airgapped: true\n", 1, "global.imageRegistry", "needs a registry", ""),
    "a password in a URL": (f"storage:\n{EXTERNAL}    existingSecret: s\n    endpoint: https://u:{KEY}@s3.lan\n", 5, "storage.external.endpoint", "right form", "'s3-access-key' and 's3-secret-key' of the Secret in existingSecret"),
    "a directory of the system": ("patternLibrary:\n  source: local\n  snapshotPath: /etc/sensei\n", 3, "patternLibrary.snapshotPath", "right form", "as /data/patterns"),
    "memory as a number": ("redis:\n  resources:\n    memory: 1e9\n", 3, "redis.resources.memory", "A size needs its unit.", "16Mi or more, as 8Gi"),
    "networks as text": ("networkPolicy:\n  databases: '[10.0.0.0/8]'\n", 2, "networkPolicy.databases", "This text is not a list.", "a list, as [10.20.0.0/16, 'fd00:20::/64']"),
    "a port that can't be": (f"storage:\n{EXTERNAL}    existingSecret: s\n    endpoint: https://s3.lan:99999\n", 5, "storage.external.endpoint", "right form", "http or https"),
    "an address that is none": (f"postgresql:\n{EXTERNAL}    existingSecret: s\n    host: 300.1.1.1\n", 5, "postgresql.external.host", "right form", "a name or an address"),
    "a network that is none": ("networkPolicy:\n  databases:\n  - '::::/64'\n", 3, "networkPolicy.databases.0", "right form", "a network (CIDR)"),
    "a schedule that goes backwards": ("backup:\n  schedule: 10-5 2 * * *\n", 2, "backup.schedule", "right form", "minute, hour, day"),
    "a label with a blank": ("global:\n  nodeSelector:\n  - a b=c\n", 3, "global.nodeSelector.0", "right form", "name=value"),
    "a number that is no choice": ("storage:\n  minio:\n    replicas: 2\n", 3, "storage.minio.replicas", "2 is not one of the choices.", "1, 3, 4"),
    "a network too long": ("networkPolicy:\n  databases:\n  - 10.0.0.0/99\n", 3, "networkPolicy.databases.0", "right form", "a network (CIDR), no bits beyond its prefix, as 10.20.0.0/16"),
    "a toleration's key": ("global:\n  tolerations:\n  - {kye: a, operator: Exists}\n", 3, "global.tolerations.0.kye", "Did you mean key?", "effect, key, operator"),
    "a network with bits beyond its prefix": ("networkPolicy:\n  databases:\n  - 10.20.0.5/16\n", 3, "networkPolicy.databases.0", "right form", "a network (CIDR), no bits beyond"),
    "a toleration of nothing": ("global:\n  tolerations:\n  - {}\n", 3, "global.tolerations.0", "right form", "a key, or the operator Exists"),
    "a toleration of any value and one": ("global:\n  tolerations:\n  - {operator: Exists, value: x}\n", 3, "global.tolerations.0", "right form", "no value where the operator is Exists"),
    "a toleration that does not end": ("global:\n  tolerations:\n  - {key: a, effect: NoSchedule, tolerationSeconds: 5}\n", 3, "global.tolerations.0", "right form", "the effect NoExecute alone"),
    "a label twice": ("global:\n  nodeSelector: [a=b, a=c]\n", 2, "global.nodeSelector", "A list does not have the right form.", "each name once"),
    "an annotation twice": ("ingress:\n  annotations: [a/x=b, a/x=b]\n", 2, "ingress.annotations", "A list does not have the right form.", "each name once"),
    "backups among the artifacts": ("backup:\n  bucket:\n    name: sensei-artifacts\n", 3, "backup.bucket.name", "the bucket of the artifacts too", "a bucket of its own"),
    "backups among the artifacts, by another way": (f"storage:\n{EXTERNAL}    endpoint: https://S3.lan\n    existingSecret: s\nbackup:\n  bucket: {{endpoint: 'https://s3.lan:443/', existingSecret: s, name: sensei-artifacts}}\n", 7, "backup.bucket.name", "the bucket of the artifacts too", "a bucket of its own"),
    "backups among the bundled store's artifacts": ("backup:\n  bucket: {endpoint: 'http://sensei-minio:9000/', existingSecret: s, name: sensei-artifacts}\n", 2, "backup.bucket.name", "the bucket of the artifacts too", "a bucket of its own"),
    "one bucket for two": ("storage:\n  buckets:\n    artifacts: sensei-checkpoints\n", 3, "storage.buckets.artifacts", "the bucket of the checkpoints too", "a bucket of its own"),
    "a bucket that is an address": ("storage:\n  buckets:\n    artifacts: 10.1.2.3\n", 3, "storage.buckets.artifacts", "right form", "no address"),
    "backups among the checkpoints": ("storage:\n  buckets:\n    checkpoints: sensei-backups\n", 1, "backup.bucket.name", "the bucket of the checkpoints too", "a bucket of its own"),
    "a backup bucket without keys": ("backup:\n  bucket:\n    endpoint: https://s3.lan\n", 2, "backup.bucket.existingSecret", "needs the Secret with its keys", ""),
    "a region of no endpoint": ("backup:\n  bucket:\n    region: eu-1\n", 3, "backup.bucket.region", "at its region", ""),
    "a form of address of no endpoint": ("backup:\n  bucket:\n    pathStyle: false\n", 3, "backup.bucket.pathStyle", "at its form of address", ""),
    "a layout that loses data": ("storage:\n  minio:\n    drivesPerReplica: 5\n", 2, "storage.minio.replicas", "Three pods with five volumes each", ""),
    "an external service without internet": ("global:\n  airgapped: true\n  imageRegistry: r\nllm:\n  provider: anthropic\n  apiKey: ${K}\n", 5, "llm.provider", "cannot use", "none, local"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_named_with_its_place_and_what_is_allowed(tmp_path: Path, name: str) -> None:
    text, line, path, message, allowed = MISTAKES[name]
    found = problems(tmp_path, text)
    assert [problem.path for problem in found] == [path]
    shown = str(found[0])
    assert shown.startswith(f"{tmp_path / 'values.yaml'}:{line}: {path}: ")
    assert message in shown
    assert allowed in found[0].allowed
    assert "{" not in shown.replace("${NAME}", ""), "a message must not dump an object"


ON_THE_SAME = f"storage:\n{EXTERNAL}    endpoint: https://s3.lan/\n    existingSecret: s\nbackup:\n  bucket: {{endpoint: 'https://s3.lan', existingSecret: s, name: sensei-artifacts}}\n"


def test_a_backup_bucket_of_the_same_name_is_another_one_on_another_endpoint(tmp_path: Path) -> None:
    same = ON_THE_SAME
    assert [item.path for item in problems(tmp_path / "same", same)] == ["backup.bucket.name"]
    elsewhere = same.replace("'https://s3.lan'", "'https://other.lan'")
    volume = "backup:\n  to: volume\n  bucket: {name: sensei-artifacts}\n"
    for number, text in enumerate([elsewhere, volume, "backup: {enabled: false, bucket: {name: sensei-artifacts}}\n"]):
        assert problems(tmp_path / str(number), text) == []


def test_a_local_model_without_gpus_is_told_of(tmp_path: Path) -> None:
    text = "llm: {provider: local, model: m, gpu: {enabled: false}}\n"
    assert "llm.gpu.enabled" in [item.path for item in warnings(tmp_path, text)]
    assert "llm.gpu.enabled" not in [item.path for item in warnings(tmp_path / "on", text.replace("false", "true"))]


def test_no_licence(tmp_path: Path) -> None:
    for number, text in enumerate(["global: {}\n", "license:\n  organization: Example\n", "license: {}\n"]):
        found = problems(tmp_path / str(number), text, license="")
        assert [(problem.path, problem.message) for problem in found] == [("license.key", "There is no licence key.")]
        assert "sensei license set" in found[0].allowed
    assert problems(tmp_path / "named", "license:\n  existingSecret: ours\n", license="") == []


def test_every_mistake_is_reported_at_once_errors_first(tmp_path: Path) -> None:
    text = "global:\n  domain: sensei.example.com\ncontrolPlane:\n  replicas: 0\nzzz: 1\n"
    site = site_with(tmp_path, values=text, license=LICENSED)
    found = [(item.severity, item.line) for item in validate(load_values(site)) if item.path != "license.key"]
    assert found == [("error", 4), ("error", 5), ("warning", 2)]


# values.yaml (bytes), then where, part of why or remedy.
BROKEN = {
    "a missing bracket": (b"global: {domain: a\n", ":2:1", "indentation, a missing colon, or a quote"),
    "a tab": (b"global:\n\tdomain: a\n", ":2:1", "YAML does not allow tabs"),
    "a key twice": (b"global:\n  domain: a\n  domain: b\n", ":3:3", "The key domain is there twice."),
    "two documents": (b"global: {}\n---\nredis: {}\n", ":2:1", "one document in a file"),
    "a list": (b"- a\n", ":1", "it holds a list"),
    "another encoding": (b"# a\nglobal:\n  domain: caf\xe9\n", ":3", "byte 0xe9 is not UTF-8"),
    "UTF-16": ("a: 1\n".encode("utf-16"), ":1", "Save it as UTF-8."),
    "a binary file": (b"a: 1\nb: \x00\x01\n", ":2", "control character"),
    "a tag that does not fit": (b"a: !!int many\n", "", "does not fit the tag"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_is_named_with_its_line_and_a_remedy(tmp_path: Path, name: str) -> None:
    content, place, text = BROKEN[name]
    site = site_with(tmp_path, values="", license=LICENSED)
    (tmp_path / "values.yaml").write_bytes(content)
    with pytest.raises(YamlError) as caught:
        load_values(site)
    assert caught.value.where == f"{tmp_path / 'values.yaml'}{place}"
    assert text in str(caught.value)
    assert caught.value.exit_code == 2


def test_directory_among_the_values_files(tmp_path: Path) -> None:
    site = site_with(tmp_path, values="", license=LICENSED)
    (tmp_path / "values.yaml").unlink()
    (tmp_path / "values.yaml").mkdir()
    with pytest.raises(YamlError) as caught:
        load_values(site)
    assert (caught.value.where, caught.value.why) == (str(tmp_path / "values.yaml"), "Is a directory")


def test_unreadable_and_missing_files(tmp_path: Path) -> None:
    site = site_with(tmp_path)
    with pytest.raises(ValuesError, match="no values file"):
        load_values(site.configure(values=("values.yaml",)))
    with pytest.raises(YamlError, match="does not exist"):
        load_values(site, [tmp_path / "nowhere.yaml"])


def test_variable_that_is_not_set(tmp_path: Path) -> None:
    site = site_with(tmp_path, license=LICENSED, values="llm:\n  provider: anthropic\n  apiKey: ${OUR_KEY}\n")
    with pytest.raises(MissingSecret) as caught:
        resolve(site, load_values(site), {"OUR_KEY": ""})
    assert caught.value.what == "The variable OUR_KEY is not set."
    assert caught.value.where == f"{tmp_path / 'values.yaml'}:3 (llm.apiKey)"
    assert "export OUR_KEY" in caught.value.remedy


# Where a secret may land by mistake. Every one is an error; none may show it.
LEAKS = {
    "in place of its group": f"llm: {API_KEY}\n",
    "without its colon": f"llm:\n  provider: anthropic\n    apiKey {API_KEY}\n",
    "as the name of a Secret": f"llm:\n  provider: anthropic\n  existingSecret: {API_KEY}\n",
    "as the provider": f"llm:\n  provider: {API_KEY}\n",
    "as a number": f"llm:\n  gpu:\n    count: {API_KEY}\n",
    "as a group of its own": f"llm:\n  provider: anthropic\n  apiKey:\n    value: {API_KEY}\n",
    "as a list": f"llm:\n  provider: anthropic\n  apiKey: [{API_KEY}]\n",
    "under a key that does not exist": f"postgresql:\n  external:\n    password: {API_KEY}\n",
    "in a group that misses something": f"llm:\n  provider: local\n  apiKey: {API_KEY}\n",
    "in a URL": f"redis:\n  external:\n    host: redis://:{API_KEY}@redis\n",
    "in a list of names": f"global:\n  imagePullSecrets: ['{API_KEY}']\n",
    "in an unknown group": f"secrets: {{apiKey: {API_KEY}}}\n",
}
BROKEN_LEAKS = {
    "after a stray character": f"llm:\n  apiKey: @{API_KEY}\n",
    "as an alias": f"llm:\n  apiKey: *{API_KEY}\n",
    "twice": f"llm:\n  apiKey: {API_KEY}\n  apiKey: other\n",
    "with a tag": f"llm:\n  apiKey: !!int {API_KEY}\n",
    "with a tag for a date": f"llm:\n  apiKey: !!timestamp {API_KEY}\n",
    "in an open quote": f"llm:\n  apiKey: '{API_KEY}\n",
    "after a quote": f"llm:\n  apiKey: 'a'{API_KEY}\n",
    "without its colon, before another key": f"llm:\n  apiKey {API_KEY}\n  provider: none\n",
    "as the whole file": f"{API_KEY}\n",
}


@pytest.mark.parametrize("name", LEAKS)
def test_secret_in_the_wrong_place_is_refused_and_not_shown(tmp_path: Path, name: str) -> None:
    found = problems(tmp_path, LEAKS[name])
    assert found
    assert PLANTED not in re.sub(r"\s", "", "".join(str(problem) for problem in found))


@pytest.mark.parametrize("name", BROKEN_LEAKS)
def test_secret_in_a_broken_file_is_not_shown(tmp_path: Path, name: str) -> None:
    with pytest.raises(SenseiError) as caught:
        problems(tmp_path, BROKEN_LEAKS[name])
    assert PLANTED not in str(caught.value)
    quoted = caught.value.__context__ is not None and not caught.value.__suppress_context__
    assert not quoted, "a traceback would show the parser's own words"


def test_form_shows_no_secret_as_one_types() -> None:
    for path in ("llm.provider", "llm.existingSecret", "global.domain", "llm.gpu.count", "postgresql.external.host"):
        message = check_value(path, f"https://{API_KEY}")
        assert message
        assert PLANTED not in message
    assert check_value("llm.gpu.count", 2) == ""
    assert check_value("llm.gpus", 2) == "There is no such setting."


def test_schema_uses_nothing_that_fails_with_a_whole_object() -> None:
    assert not re.search(r'"(anyOf|oneOf)"', str(schema()).replace("'", '"'))


def test_warnings(tmp_path: Path) -> None:
    text = (
        "global:\n  domain: sensei.example.com\nllm:\n  provider: anthropic\n  apiKey: $MY-KEY\n"
        "postgresql:\n  external:\n    database: ${DB}\n"
    )
    found = {problem.path: str(problem) for problem in warnings(tmp_path, text)}
    assert "example.com is an example" in found["global.domain"]
    assert "looks like a variable" in str(found.get("llm.apiKey")) or "others can read" in found["llm.apiKey"]
    assert "will be stored by Helm" in found["postgresql.external.database"]


def test_key_beside_an_existing_secret_is_a_warning(tmp_path: Path) -> None:
    found = warnings(tmp_path, "license:\n  existingSecret: ours\n")
    assert [(problem.path, problem.message) for problem in found] == [
        ("license.key", "This is not used, because license.existingSecret is set.")
    ]
    assert KEY not in str(found[0])


def test_secret_in_a_file_that_others_can_read(tmp_path: Path) -> None:
    site = site_with(tmp_path, license=LICENSED)
    (tmp_path / "license.yaml").chmod(0o644)
    found = validate(load_values(site))
    assert [(problem.line, problem.severity, problem.allowed) for problem in found] == [
        (2, "warning", "chmod 600 license.yaml, or ${NAME}")
    ]
    (tmp_path / "license.yaml").chmod(0o600)
    assert validate(load_values(site)) == ()
