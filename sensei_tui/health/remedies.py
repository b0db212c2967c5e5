"""What other programs say when something fails: shortened to its core, and what to do about it.

The texts are containerd's and CRI-O's (pulls), the scheduler's, the kubelet's and the admission controllers'.
"""

from __future__ import annotations

import re

from sensei_tui.base.text import clip, one_line

LONGEST = 300
"""Characters of another program's message that are shown."""

_NOISE = (
    r"rpc error: code = \w+ desc = ",
    r'Failed to pull image "[^"]*": ',
    r'Back-off pulling image "[^"]*"(: )?',
    r"(ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName): ",
    r'failed to pull and unpack image "[^"]*": ',
    r'failed to resolve (reference|image) "[^"]*": ',
    r"failed to copy: httpReadSeeker: failed open: ",
    r'failed to do request: (Head|Get) "[^"]*": ',
    r"(initializing source|pinging container registry) \S+: ",
    r'(Head|Get) "[^"]*": ',
    r"Error response from daemon: ",
)
_NOISY = re.compile("^(?:" + "|".join(_NOISE) + ")")

_Table = tuple[tuple[str, str], ...]

_PULL: _Table = (
    (
        r"unauthorized|authorization failed|authentication required|401|403|denied|no basic auth",
        "Give the namespace a docker-registry Secret for this registry and name it in global.imagePullSecrets.",
    ),
    (
        r"not found|manifest unknown|name unknown|404|repository does not exist",
        "Load the image into the registry, or correct global.imageRegistry and the image's tag.",
    ),
    (
        r"x509|certificate|tls:",
        "Make every node's container runtime trust the registry's certificate authority.",
    ),
    (
        r"HTTP response to HTTPS client",
        "The registry speaks plain HTTP: give it TLS, or allow it in every node's container runtime.",
    ),
    (
        r"no such host|server misbehaving|lookup ",
        "Make the registry's name resolvable on the nodes, or correct global.imageRegistry.",
    ),
    (
        r"connection refused|timeout|timed out|deadline exceeded|no route|unreachable|reset by peer|EOF|50[0-9]",
        "Start the registry and make it reachable from the nodes, or correct global.imageRegistry.",
    ),
    (
        r"no space left|disk",
        "Free space on the node's image file system.",
    ),
    (
        r"exec format|no match for platform|no matching manifest",
        "Load the image for the nodes' processor architecture.",
    ),
)
_SCHEDULE: _Table = (
    (
        r"persistentvolumeclaim|volume node affinity|available persistent volumes",
        "Look at the pod's claims (kubectl describe pvc): they need a StorageClass that can make volumes here.",
    ),
    (
        r"Insufficient nvidia\.com/|Insufficient amd\.com/|Insufficient \S*gpu",
        "Free GPUs or add a node that has them, check the device plugin, or lower llm.gpu.count.",
    ),
    (
        r"Insufficient",
        "Add nodes, free capacity, or lower the requests and replicas in the values.",
    ),
    (
        r"Too many pods",
        "Add nodes: the others run as many pods as their kubelet admits.",
    ),
    (
        r"affinity|selector|topology spread",
        "Label a node as the pod asks for, or change what it asks for.",
    ),
    (
        r"taint",
        "Take the taint off a node (kubectl taint), or add nodes without it.",
    ),
)
_CREATE: _Table = (
    (
        r"exceeded quota|failed quota",
        "Raise the namespace's ResourceQuota, or lower requests and replicas in the values.",
    ),
    (
        r"violates PodSecurity",
        "Give the namespace a Pod Security level that admits these pods.",
    ),
    (
        r"LimitRange|(maximum|minimum) (cpu|memory) usage",
        "Change the namespace's LimitRange, or the requests in the values.",
    ),
    (
        r"serviceaccount .*not found",
        "Make the service account, or look why the controller manager does not.",
    ),
    (
        r"webhook",
        "Look at the admission webhook that refuses the pods, or does not answer.",
    ),
)
_CONFIG: _Table = (
    (
        r"secret .*not found|couldn't find key .* in Secret",
        "Make the Secret: resume the installation, which creates its Secrets, or check existingSecret in the values.",
    ),
    (
        r"configmap .*not found|couldn't find key .* in ConfigMap",
        "Make the ConfigMap again: resume or upgrade the installation.",
    ),
    (
        r"runAsNonRoot|non-root",
        "Use an image that does not run as root.",
    ),
    (
        r"executable file not found|no such file or directory",
        "Use the image that belongs to this chart's version: it lacks the program that is started.",
    ),
)
_VOLUME: _Table = (
    *_CONFIG[:2],
    (
        r"Multi-Attach|already (used|attached|exclusively)",
        "The volume is still attached to another node: wait, or remove the pod that holds it there.",
    ),
    (
        r"",
        "Look at the storage driver's pods and at the node's kubelet log.",
    ),
)
_CLAIM: _Table = (
    (
        r"no storage class|storageclass\S* .*not found|StorageClass.*not found",
        "Name an existing StorageClass in global.storageClass, or mark one as the cluster's default.",
    ),
    (
        r"quota",
        "Raise the namespace's storage quota, or ask for smaller volumes.",
    ),
    (
        r"",
        "Look at the pods of the storage driver that serves the claim's StorageClass.",
    ),
)


def _first(table: _Table, message: str, default: str) -> str:
    return next((remedy for pattern, remedy in table if re.search(pattern, message, re.IGNORECASE)), default)


def short(message: str) -> str:
    """One line of at most `LONGEST` characters, without control characters."""
    return clip(one_line(message), LONGEST)


def pull_message(message: str) -> str:
    """The registry's or the network's own words, without the layers that passed them on; may be empty."""
    text = one_line(message)
    while (shorter := _NOISY.sub("", text, count=1)) != text:
        text = shorter
    return short(text)


def pull_remedy(message: str) -> str:
    """For a pull that failed."""
    return _first(_PULL, message, "Check that the registry has the image and that the nodes can reach it.")


def schedule_message(message: str) -> str:
    """The scheduler's first sentence; why preemption does not help says nothing new."""
    return short(re.split(r"\.? preemption:", message, maxsplit=1)[0]).rstrip(".")


def schedule_remedy(message: str) -> str:
    """For a pod that fits on no node."""
    return _first(_SCHEDULE, message, "Compare what the pod asks for with what the nodes offer.")


def create_remedy(message: str) -> str:
    """For pods that the API refuses."""
    return _first(_CREATE, message, "Look at the message: the API refuses the pods.")


def config_remedy(message: str) -> str:
    """For a container that cannot be made."""
    return _first(_CONFIG, message, "Correct what the message names, in the values or in the namespace.")


def volume_remedy(message: str) -> str:
    """For a volume that cannot be mounted."""
    return _first(_VOLUME, message, "")


def claim_remedy(message: str) -> str:
    """For a claim that is not bound."""
    return _first(_CLAIM, message, "")


_SIGNALS = {
    126: "its program cannot be executed", 127: "its program was not found", 134: "it aborted",
    137: "it was killed (SIGKILL)", 139: "it crashed (SIGSEGV)", 143: "it was told to end (SIGTERM)",
}  # fmt: skip


def exit_words(code: int) -> str:
    """`exit code 3`, `exit code 137: it was killed (SIGKILL)`."""
    return f"exit code {code}" + (f": {_SIGNALS[code]}" if code in _SIGNALS else "")
