"""Helm: the engine behind an interface, in a child process; the doctor for stuck releases; the drift probe."""
