"""Install, verify, upgrade and watch a self-hosted Sensei platform from any terminal."""

__version__ = "0.1.0"
