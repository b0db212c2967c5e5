"""Every number a check compares with, and where it comes from."""

from __future__ import annotations

from typing import NamedTuple

GB = 10**9
GUIDE = "the vendor's guide, Requirements"


class Floor(NamedTuple):
    """Below `minimum` fails, below `recommended` warns."""

    minimum: float
    recommended: float


NODES = Floor(3, 5)
CORES = Floor(32, 64)
MEMORY = Floor(128 * GB, 256 * GB)
STORAGE = Floor(500 * GB, 1000 * GB)
"""The guide's table of the Kubernetes cluster; decimal units, as memory and disks are sold."""
MEMORY_TOLERANCE = 0.03
"""A kernel reports about 2 % less than the DIMMs hold (its own reserve): 128 GB of DIMMs are 128 GB."""

DRIVER = "525.60.13"
CUDA = 12000
GPU_MEMORY = 40 * GB
"""The guide's table of the local LLM: driver 525.60.13+, CUDA 12.0+, A100 40GB+ (decimal, as NVIDIA sells it)."""
GPU_COMPUTE = (8, 0)
"""Compute capability of the A100: https://developer.nvidia.com/cuda-gpus."""

KUBERNETES = (1, 30)
"""`kubeVersion` of both charts."""
LATENCY_WARN = 1.0
"""Seconds. Helm sends some hundred requests; at a second each an installation takes an hour."""
SKEW_WARN, SKEW_FAIL = 2.0, 30.0
"""Seconds. HTTP's Date has whole seconds; short-lived tokens and new certificates fail beyond half a minute."""
KUBELET_OLDER = 3
"""Minors: https://kubernetes.io/releases/version-skew-policy/#kubelet."""
MINIO_USER, MINIO_PASSWORD = 3, 8
"""Bytes: accessKeyMinLen and secretKeyMinLen in MinIO's internal/auth/credentials.go; with less it does not start."""
HEADROOM = 0.20
"""Share of the free capacity that should stay free: a rolling update starts new pods before it ends old ones."""

FSYNC_WARN, FSYNC_FAIL = 10.0, 20.0
"""Milliseconds, p99. etcd's FAQ wants under 10 ms; OpenShift's disk suite for etcd accepts under 20 ms."""
HOST_MEMORY = Floor(256 << 20, 512 << 20)
"""Bytes available here. Measured: the Helm engine's process takes 97 MB, a console 60 MB, a runner 50 MB."""
HOST_DISK = Floor(200 * 10**6, 1 * GB)
"""Bytes free for the site. A run's journal and rendered manifests take a few MB."""
