"""The probe: one small image that makes buckets and backups, fetches models and patterns, and runs the charts' tests.

Python's standard library alone, so that the image is Python and this folder.
"""
