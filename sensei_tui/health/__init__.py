"""What is well, what is not, and why: pure functions over the cluster's snapshot.

`components` names the parts of the vendor's drawing, `board` judges them, `why` explains what is not ready,
`lastlog` asks for the last log line. Only `lastlog` talks to a cluster.
"""
