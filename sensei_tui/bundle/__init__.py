"""Bundles: images, charts and patterns in one archive that is read in place."""
