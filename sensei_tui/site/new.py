"""A new site's first files, as the vendor's guide has them."""

from __future__ import annotations

from pathlib import Path

from sensei_tui.base.errors import UsageError
from sensei_tui.base.paths import write_atomic
from sensei_tui.site.site import Site

VALUES = """\
# Values of Sensei, merged before values-airgapped.yaml and license.yaml.
# Every key and its meaning: sensei config schema
global:
  domain: sensei.internal.example.com

controlPlane:
  replicas: 2

dataPlane:
  workers:
    replicas: 4
  maba:
    replicas: 2
  kora:
    replicas: 2
  amani:
    replicas: 2

postgresql:
  external:
    enabled: false # Use bundled

redis:
  external:
    enabled: false

storage:
  type: minio # Bundled MinIO

llm:
  # Option 1: Use external API (requires connectivity)
  provider: anthropic
  apiKey: ${ANTHROPIC_API_KEY}

  # Option 2: Local model (air-gapped)
  # provider: local
  # model: llama-3-70b
  # gpu:
  #   enabled: true
  #   count: 2
"""
AIRGAPPED = """\
# For a site without internet, merged over values.yaml.
global:
  imageRegistry: registry.internal.example.com

llm:
  provider: local
  model: llama-3-70b
  gpu:
    enabled: true
    count: 2

patternLibrary:
  source: local
  snapshotPath: /data/patterns
"""
LICENSE = """\
license:
  key: 'your-license-key-here'
  organization: 'Your Company'
"""
IGNORE = "# Secrets and state: never into a repository.\n/.sensei/\n/license.yaml\n"


def create_site(
    directory: Path, *, name: str = "", airgapped: bool = False, rehearsal: bool = False, **changes: str
) -> Site:
    """Write site.yaml and the first values files. Raises UsageError if one of them is there already."""
    files = {"values.yaml": VALUES, "license.yaml": LICENSE, ".gitignore": IGNORE}
    if airgapped:
        files["values-airgapped.yaml"] = AIRGAPPED
    for taken in (directory / file for file in files if (directory / file).exists()):
        raise UsageError(
            "The file is there already; nothing was written.", where=str(taken), remedy="Choose an empty directory."
        )
    given = {key: value for key, value in changes.items() if value}
    site = Site.create(directory, name=name, rehearsal=rehearsal, **given)
    for file, text in files.items():
        write_atomic(directory / file, text, mode=0o600 if file == "license.yaml" else 0o644)
    return site
