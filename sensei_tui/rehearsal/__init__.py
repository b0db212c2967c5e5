"""A simulated Kubernetes cluster: API server, controllers and kubelet in one process, with scripted faults.

It is what a rehearsal runs against, what a first look at the program uses, and the fixture of the tests.
Everything that is asked of it is answered as a real control plane answers; no container runs in it.
"""
