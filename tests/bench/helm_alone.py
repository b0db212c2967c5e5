"""Nothing but the Helm SDK: install the charts of an order (JSON on standard input), wait for each as Helm waits."""

from __future__ import annotations

import json
import sys

import helm_python


def main() -> None:
    """One release after the other."""
    order = json.load(sys.stdin)
    config = helm_python.Config(kubeconfig_path=order["kubeconfig"], namespace=order["namespace"])
    for release, chart in order["charts"].items():
        config.install(
            chart, release, order["values"], namespace=order["namespace"], timeout=order["timeout"], wait="watcher"
        )


if __name__ == "__main__":
    main()
