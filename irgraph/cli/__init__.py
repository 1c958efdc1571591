"""The command line. Only here are typer and rich imported."""

from .app import app, main

__all__ = ["app", "main"]
