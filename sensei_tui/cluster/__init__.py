"""The Kubernetes API: connection, list/watch store, apply, logs, port-forward."""
