"""Which cluster, as whom, and where in it."""

from __future__ import annotations

import msgspec


class Target(msgspec.Struct, frozen=True):
    """A kubeconfig file, one of its contexts (empty: the current one), and the namespace of the installation.

    An empty `kubeconfig` means no cluster at all; neither KUBECONFIG nor ~/.kube/config is ever used instead.
    """

    kubeconfig: str
    context: str = ""
    namespace: str = "default"
