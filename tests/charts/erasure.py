"""How MinIO shares out volumes, after its cmd/endpoint-ellipses.go and internal/config/storageclass, for one pool `pod-{...}/data-{...}`."""

from __future__ import annotations

SET_SIZES = range(2, 17)


def set_size(pods: int, drives: int) -> int:
    """Volumes of one erasure set: the largest size that divides them all and takes as many of each pod."""
    fitting = [size for size in SET_SIZES if pods * drives % size == 0]
    even = [size for size in fitting if (pods % size if pods > size else size % pods) == 0]
    return max(even)


def parity(size: int) -> int:
    """Volumes of a set that may be lost (DefaultParityBlocks)."""
    return {1: 0, 2: 1, 3: 1, 4: 2, 5: 2, 6: 3, 7: 3}.get(size, 4)


def survives(pods: int, drives: int) -> bool:
    """Whether a set is still written to when one pod is away; its volumes are of every pod alike."""
    size = set_size(pods, drives)
    lost = -(-size // pods)
    data = size - parity(size)
    quorum = data + 1 if data == parity(size) else data
    return size - lost >= quorum
