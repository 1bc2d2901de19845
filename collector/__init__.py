"""Collect open interest of crypto derivatives venues into TimescaleDB."""

__version__ = "0.1.0"
