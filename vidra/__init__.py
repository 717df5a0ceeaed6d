"""Vidra: declarative, cron-driven media automation."""

__all__ = ["__version__"]

__version__ = "0.1.0"
