"""The settings of both charts, in the order of values.yaml and of the form."""

from __future__ import annotations

from typing import Any

from tools.charts import stores
from tools.charts.kinds import (
    ANNOTATION,
    BUCKET,
    CRON,
    DOMAIN,
    EXTENDED,
    LABEL,
    MAPPED,
    NAME,
    NAMESPACE,
    NETWORK,
    REGISTRY,
    SYSTEM,
    Node,
    artifact,
    choice,
    group,
    image,
    key_of_secret,
    memory_size,
    named,
    number,
    pairs,
    replicas,
    resources,
    several,
    switch,
    text,
    toleration,
    volume,
    volume_size,
)

GROUPS = {
    "Global": "Settings of the whole installation.",
    "License": "The license of this installation.",
    "Control plane": "Dashboard, API, Orchestration and Pattern Library.",
    "Data plane": "MABA, KORA, AMANI, Workers and Agents.",
    "PostgreSQL": "The metadata store.",
    "Redis": "Cache and messages.",
    "Storage": "Object storage for checkpoints and artifacts.",
    "Vector DB": "The vector database of the pattern library.",
    "LLM": "The language model.",
    "Patterns": "Where the pattern library's content comes from.",
    "Backup": "Backups of the database, the objects and the vectors.",
    "Access": "Who reaches the dashboard, and how: Ingress, Gateway, network policies.",
    "Advanced": "Images, CPU and memory of each part, and the Secret of the bundled stores' passwords.",
}  # fmt: skip
_OURS = "registry.sensei.ai"
_KEY = ("sensei takes ${NAME} from the environment and makes a Kubernetes Secret of the key before Helm runs, which never "
        "sees it. Helm alone would keep it in its release: name a Secret in existingSecret there, and not both.")  # fmt: skip


def tree() -> dict[str, Node]:
    """Every top-level key with its rules."""
    return {
        "global": _global(), "license": _license(), "controlPlane": _control_plane(), "dataPlane": _data_plane(),
        "postgresql": stores.postgresql(), "redis": stores.redis(), "storage": stores.storage(), "vectorDb": stores.vector_db(), "llm": _llm(),
        "patternLibrary": _patterns(), "backup": _backup(), "credentials": _credentials(), "ingress": _ingress(),
        "gateway": _gateway(), "networkPolicy": _network_policy(), "migrations": _migrations(), "probe": _probe(),
    }  # fmt: skip


def _global() -> Node:
    bundle = group(
        "CA bundle", "Certificates of the site's own authority, for every connection of the platform.",
        existingSecret=named("Secret", "Name of a Secret in the namespace with the certificates, PEM, those of public "
                             "authorities included where they are needed. Empty: the images' own."),
        key=key_of_secret("Key", "Key of the Secret that holds them.", "ca.crt"),
    )  # fmt: skip
    return group(
        "Global", "Settings of the whole installation.", shown_in="Global",
        domain=text("Domain", "Name under which operators reach the dashboard; no scheme, no path.", pattern=DOMAIN,
                    maxLength=253, form="a name in small letters, no address, as sensei.internal.example.com"),
        imageRegistry=text("Image registry", "Registry that holds every image, with an optional path prefix. Empty: "
                           "each image's own registry. Set it in air-gapped sites.", pattern=REGISTRY,
                           examples=["registry.internal.example.com", "harbor.example.com/mirror"]),
        imagePullSecrets=several("Pull secrets", "Names of docker-registry Secrets in the namespace. The first one "
                                 "also fetches models and patterns.", {"type": "string", "pattern": NAME},
                                 "[our-registry]"),
        storageClass=named("StorageClass", "StorageClass of every volume. Empty: the cluster's default."),
        airgapped=switch("Air-gapped", "Refuse settings that need the Internet."),
        caBundle=bundle,
        spread=choice("Spread over nodes", "Pods of one component on different nodes: preferred where there is room, "
                      "or required, so that a pod waits rather than share a node.", "preferred", "preferred", "required"),
        nodeSelector=pairs("Node labels", "Labels, name=value, of the nodes that pods may run on. Empty: any node.",
                           LABEL, "[disk=ssd]"),
        tolerations=several("Tolerations", "Taints that pods tolerate, as in a pod: no value where the operator is Exists, a key "
                            "where it is not, tolerationSeconds with the effect NoExecute alone.", toleration(),
                            "[{key: sensei, operator: Exists, effect: NoSchedule}]"),
    )  # fmt: skip


def _license() -> Node:
    return group(
        "License", "The license of this installation.", shown_in="License",
        organization=text("Organization", "The organization the license was issued to."),
        key=text("License key", _KEY, secret=True),
        existingSecret=named("Existing Secret",
                             "Name of a Kubernetes Secret in the namespace that holds the key 'license-key'."),
    )  # fmt: skip


def _part(title: str, pods: Node, cpu: str, memory: str, **more: Any) -> Node:
    return group(title, f"{title}.", replicas=pods, resources=resources(cpu, memory), **more)


def _control_plane() -> Node:
    def part(title: str, cpu: str, memory: str) -> Node:
        return _part(title, replicas(f"Pods of {title}; empty: controlPlane.replicas.", None), cpu, memory)

    return group(
        "Control plane", "Dashboard, API, Orchestration and Pattern Library.", shown_in="Control plane",
        replicas=replicas("Pods of each control-plane component that does not set its own.", 2),
        image=image(_OURS, "sensei/control-plane"),
        dashboard=part("Dashboard", "100m", "128Mi"), api=part("API", "500m", "1Gi"),
        orchestration=part("Orchestration", "500m", "1Gi"), patternLibrary=part("Pattern Library", "500m", "1Gi"),
    )  # fmt: skip


def _data_plane() -> Node:
    def part(title: str, pods: int, cpu: str, memory: str, **more: Any) -> Node:
        return _part(title, replicas(f"Pods of {title}.", pods), cpu, memory, **more)

    agents: Node = {name: image(_OURS, f"sensei/{name}") for name in ("maba", "kora", "amani")}
    return group(
        "Data plane", "MABA, KORA, AMANI, Workers and Agents.", shown_in="Data plane",
        image=image(_OURS, "sensei/data-plane"), workers=part("Workers", 4, "1", "4Gi"),
        maba=part("MABA", 2, "500m", "2Gi", image=agents["maba"]), kora=part("KORA", 2, "500m", "2Gi", image=agents["kora"]),
        amani=part("AMANI", 2, "500m", "2Gi", image=agents["amani"]), agents=part("Agents", 2, "500m", "1Gi"),
    )  # fmt: skip


def _llm() -> Node:
    api, local = {"llm.provider": "anthropic"}, {"llm.provider": "local"}
    gpu = {**local, "llm.gpu.enabled": True}
    provider = ("none: features that need a model are off. anthropic: an external API, which needs connectivity. local: "
                "a model on this cluster's GPUs.")  # fmt: skip
    loading = "Fetch the model from the registry before the server starts. Off: somebody else fills the volume."
    return group(
        "LLM", "The language model.", shown_in="LLM",
        provider=choice("Provider", provider, "none", "none", "anthropic", "local"),
        apiKey=text("API key", f"Key of the external API. {_KEY}", secret=True, when=api),
        existingSecret=named("Existing Secret",
                             "Name of a Kubernetes Secret in the namespace that holds the key 'api-key'.", when=api),
        model=text("Model", "Name of the local model, a directory under /models. Another name is fetched beside the old one, "
                   "whose files stay on the volume.",
                   pattern="^$|^[A-Za-z0-9][A-Za-z0-9._-]*$", examples=["llama-3-70b"], when=local),
        gpu=group(
            "GPU", "GPUs of the local model.", enabled=switch("Use GPUs", "Request GPUs for the local model.", when=local),
            count=number("GPUs", "GPUs of one node given to the model (tensor parallel).", 1, 1, 16, when=gpu),
            resourceName=text("Resource", "Extended resource the device plugin offers.", "nvidia.com/gpu", pattern=EXTENDED,
                              form="a domain and a name, as nvidia.com/gpu", when=gpu),
            runtimeClassName=named("RuntimeClass", "RuntimeClass of the NVIDIA container runtime; empty: the node's "
                                   "default runtime.", when=gpu),
        ),
        load=switch("Fetch the model", loading, True, when=local),
        artifact=artifact("Model", "The OCI artifact that holds the model's files.", "", "sensei/models/ and the model's name, "
                          "in small letters", when=local),
        image=image("docker.io", "vllm/vllm-openai", "v0.15.1"), resources=resources("8", "64Gi"),
        shmSize=memory_size("Shared memory", "Size of /dev/shm, which the GPUs of one model talk through.", "16Gi", when=local),
        maxModelLen=number("Context length", "Longest prompt and answer together.", 8192, 512, 1048576, when=local,
                           unit="tokens"),
        startupTimeoutSeconds=number("Start timeout", "How long the model may take to load.", 1800, 60, 14400, when=local,
                                     unit="seconds"),
        persistence=volume("200Gi", grows=True),
    )  # fmt: skip


def _patterns() -> Node:
    local = {"patternLibrary.source": "local"}
    return group(
        "Patterns", "Where the pattern library's content comes from.", shown_in="Patterns",
        source=choice("Source", "bundled: what the image holds. local: a snapshot from the offline bundle.", "bundled",
                      "bundled", "local"),
        snapshotPath=text("Snapshot path", "Directory inside the Pattern Library pod that holds the snapshot. A volume is "
                          "mounted there.", pattern="^$|^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$", examples=["/data/patterns"],
                          form="an absolute path, no '..', not of the system (/etc, /tmp, /usr, /var, ...), as /data/patterns",
                          when=local) | {"not": {"pattern": SYSTEM}},
        artifact=artifact("Snapshot", "The OCI artifact that holds the snapshot's files.", "sensei/pattern-library", "", when=local),
    )  # fmt: skip


def _backup() -> Node:
    on = {"backup.enabled": True}
    bucket, directory = {**on, "backup.to": "bucket"}, {**on, "backup.to": "volume"}
    s3 = stores.s3()
    s3["endpoint"] |= {"description": "URL of the service. Empty: the installation's own object storage, where a backup "
                       "guards against mistakes and not against the loss of that storage."}  # fmt: skip
    return group(
        "Backup", "Backups of the database, the objects and the vectors.", shown_in="Backup",
        enabled=switch("Backups", "Make backups by schedule, and provide the restore job.", True),
        schedule=text("Schedule", "When, as cron writes it, UTC.", "0 2 * * *", when=on,
                      pattern=CRON, form="minute, hour, day, month and day of the week (0 is Sunday), as 0 2 * * *"),
        preUpgrade=switch("Before an upgrade", "Make one before every upgrade; the upgrade waits for it, and stops if it "
                          "fails.", True, when=on),
        keep=number("Backups kept", "How many are kept; older ones are removed.", 14, 1, 1000, when=on),
        to=choice("Destination", "bucket: S3. volume: a persistent volume.", "bucket", "bucket", "volume", when=on),
        bucket=group("Bucket", "The S3 destination.", when=bucket, name=text(
            "Bucket", "Name of the bucket. It is created if it is missing.", "sensei-backups", pattern=BUCKET, form=stores.BUCKET_FORM), **s3),
        volume=group("Volume", "The volume to write to.", when=directory,
                     existingClaim=named("Existing claim", "Name of a PersistentVolumeClaim to use instead of a new one."),
                     size=volume_size("Size", "Size of the new volume.", "100Gi")),
        restore=text("Backup to restore", "Name of the backup that the restore job takes; 'latest' is the newest complete "
                     "one.", "latest", minLength=1, when=on),
        timeoutSeconds=number("Time limit", "Longest a backup or a restore may take.", 14400, 60, 604800, when=on,
                              unit="seconds"),
        resources=resources("500m", "512Mi"),
    )  # fmt: skip


def _credentials() -> Node:
    told = ("Secret with the keys postgres-password, redis-password, s3-access-key, s3-secret-key, weaviate-api-key and "
            "session-key. The installer creates it.")  # fmt: skip
    return group("Credentials", "Passwords of the bundled stores.", shown_in="Advanced",
                 existingSecret=named("Existing Secret", told, "sensei-credentials"))  # fmt: skip


def _ingress() -> Node:
    on = {"ingress.enabled": True}
    return group(
        "Ingress", "Reaching the dashboard through an Ingress.", shown_in="Access",
        enabled=switch("Ingress", "Create an Ingress for global.domain."),
        className=named("IngressClass", "Class of the Ingress; empty: the cluster's default.", when=on),
        tlsSecret=named("TLS Secret", "Secret of type kubernetes.io/tls with the certificate of global.domain.", when=on),
        annotations=pairs("Annotations", "Annotations, name=value, for the Ingress controller.", ANNOTATION,
                          "[nginx.ingress.kubernetes.io/proxy-read-timeout=3600]", when=on),
    )  # fmt: skip


def _gateway() -> Node:
    on = {"gateway.enabled": True}
    return group(
        "Gateway", "Reaching the dashboard through the Gateway API.", shown_in="Access",
        enabled=switch("Gateway", "Create an HTTPRoute for global.domain."),
        name=named("Gateway's name", "Name of the Gateway that takes the route.", when=on),
        namespace=text("Gateway's namespace", "Namespace of the Gateway; empty: that of the release.", when=on,
                       pattern=f"^$|{NAMESPACE}", form="small letters, digits and dashes"),
        listener=named("Listener", "Name of the Gateway's listener; empty: any that fits.", when=on),
    )  # fmt: skip


def _network_policy() -> Node:
    on = {"networkPolicy.enabled": True}
    network = {
        "type": "string",
        "pattern": NETWORK,
        "not": {"pattern": MAPPED},
        "format": "sensei-network",
        "x-form": "a network (CIDR), no bits beyond its prefix, as 10.20.0.0/16 or fd00:20::/64",
    }
    namespace = {"type": "string", "pattern": NAMESPACE}
    return group(
        "Network policies", "What may talk to the pods.", shown_in="Access",
        enabled=switch("Network policies", "Refuse every connection that the platform does not need. Has an effect where "
                       "the cluster's network enforces policies.", True),
        clients=several("Clients", "Namespaces whose pods may reach the dashboard and the API, as that of an Ingress "
                        "controller. Empty: any client.", namespace, "[ingress-nginx]", when=on),
        databases=several("Databases", "Networks (CIDR) of the source and target databases, which the data plane "
                          "connects to. Empty: any address.", network, "[10.20.0.0/16, 'fd00:20::/64']", when=on),
    )  # fmt: skip


def _migrations() -> Node:
    return group(
        "Migrations", "Changes of the database schema.", shown_in="Advanced",
        enabled=switch("Run migrations", "Run the migrations Job before an installation and before an upgrade.", True),
        timeoutSeconds=number("Time limit", "Longest the migrations may take; a run waits as long.", 900, 60, 604800,
                              when={"migrations.enabled": True}, unit="seconds"),
    )  # fmt: skip


def _probe() -> Node:
    told = "The small image that makes buckets and backups, fetches models and patterns, and runs the chart's tests."
    return group("Probe", told, shown_in="Advanced", image=image(_OURS, "sensei/probe"))
