"""The user's project: `gradino.toml` comes in, a checked `Project` goes out. Everybody in `operate` calls `load`."""

from gradino.operate.project.config import Project, load
from gradino.operate.project.reference import Reference

__all__ = ["Project", "Reference", "load"]
