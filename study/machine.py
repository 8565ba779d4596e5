"""What this machine has of what the project needs, and how to get the rest."""

import importlib.metadata
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from typing import NamedTuple

from study.layout import LayoutError, check_siblings, store_folder

PACKAGES = [
    "torch",
    "torchvision",
    "timm",
    "torch-geometric",
    "optuna",
    "submitit",
    "polars",
    "duckdb",
    "altair",
    "rich",
]
PACKAGES += ["opencv-python-headless", "av", "vl-convert-python", "safetensors", "scipy", "pydantic", "typer", "psutil"]
PACKAGES += ["pyyaml", "jinja2"]
ENOUGH_DISK_BYTES = 5 * 2**30


class Finding(NamedTuple):
    """One thing that was looked at; `cure` is what to do if it is not `fine`."""

    what: str
    fine: bool
    found: str
    cure: str = ""


def examine() -> list[Finding]:
    """Look at everything; imports none of the heavy packages."""
    return [_python(), _siblings(), *_packages(), _store(), _disk(), _cores(), *_programs()]


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer")


def _siblings() -> Finding:
    try:
        check_siblings()
    except LayoutError as error:
        return Finding("layout", False, str(error), "see the message")
    return Finding("layout", True, "models, experiments, results and reports lie beside study")


def _packages() -> Iterator[Finding]:
    for name in PACKAGES:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, False, "missing", "pip install --constraint constraints.txt --editable .")
        else:
            yield Finding(name, True, version)


def _store() -> Finding:
    folder = store_folder()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    writable = os.access(there, os.W_OK)
    return Finding("store", writable, str(folder), "point $STUDY_HOME at a folder you may write to")


def _disk() -> Finding:
    folder = store_folder()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free_bytes = shutil.disk_usage(there).free
    cure = "free some space: `study clean --dry-run` lists what may go"
    return Finding("disk", free_bytes >= ENOUGH_DISK_BYTES, f"{free_bytes / 2**30:.0f} GiB free", cure)


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cores() -> Finding:
    return Finding("cores", True, f"{cores()} for this process")


def _programs() -> Iterator[Finding]:
    for program, use in (("git", "commits in the provenance"), ("sbatch", "--on slurm; optional")):
        path = shutil.which(program)
        optional = program == "sbatch"
        yield Finding(program, path is not None or optional, path or f"missing ({use})", f"install {program}")
