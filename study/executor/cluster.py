"""What a SLURM cluster is asked for: one YAML file a cluster in `study/clusters/`, chosen with ``--cluster NAME``.

None of it changes a number, and none of it enters a key.
"""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from experiments import lines
from experiments.lines import Layer
from experiments.problem import Problem, SpecError, unknown, wording
from experiments.read import profiles
from experiments.tree import merge
from models.settings import Frozen
from study.executor.options import Options

FOLDER = Path(__file__).resolve().parent.parent / "clusters"
Positive = Annotated[int, Field(ge=1)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
OURS = (
    *("PYTHONPATH", "PYTHONSAFEPATH", "PYTHONDONTWRITEBYTECODE"),
    *("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "KINETO_LOG_LEVEL"),
)
"""Variables that phases get from us: the code that was submitted, and `resources.threads`."""
Word = Annotated[str, Field(pattern=r"^\S+$")]
LOOK_MIN = 60


class Look(Frozen):
    """What SLURM is asked for instead for a look, which is one process, takes seconds and trains nothing."""

    partition: Word | None = None
    """Where looks run, if not where phases do: a partition without GPUs."""
    account: Word | None = None
    """Whom they are charged to, if somebody else."""
    qos: Word | None = None
    """Quality of service, if another."""
    gpus_per_task: Annotated[int, Field(ge=0)] = 0
    """GPUs, where a partition takes no job without."""
    cpus_per_task: Positive | None = None
    """Processors, if not as many as a process of a phase."""
    memory_gb: Annotated[float, Field(ge=0.01)] | None = None
    """Memory, if not as much as a phase."""
    timeout_min: Positive | None = None
    """Time, minutes; as much as a phase, but at most an hour, if null."""
    sbatch: Options | None = None
    """Further options of sbatch, if not those of phases."""


class Cluster(Frozen):
    """What SLURM is asked for; what is null is left to its own defaults."""

    partition: Word | None = None
    """Where phases run."""
    account: Word | None = None
    """Whom they are charged to."""
    qos: Word | None = None
    """Quality of service."""
    nodes: Positive = 1
    """Nodes of one phase."""
    tasks_per_node: Positive = 1
    """Processes of one phase on each node; all of them together take every batch. What cannot be divided has one."""
    gpus_per_task: Annotated[int, Field(ge=0)] = 0
    """GPUs of each process."""
    cpus_per_task: Positive = 1
    """Processors of each process; no fewer than `resources.threads`; `resources.loader_workers` need theirs too."""
    memory_gb: Annotated[float, Field(ge=0.01)] | None = None
    """Memory of each node."""
    timeout_min: Positive = 240
    """Time of one phase, minutes. One that needs more saves, is queued again, and goes on."""
    max_timeouts: Annotated[int, Field(ge=0)] = 20
    """How often a phase may use that time up before it counts as failed; preemptions are not counted."""
    signal_delay_s: Positive = 120
    """How long before the end a phase is told to save."""
    array_parallelism: Positive = 256
    """Phases of one array that run at once."""
    setup: tuple[str, ...] = ()
    """Lines of shell before a phase starts, each a command; one that fails ends the phase before it begins."""
    environment: tuple[Variable, ...] = ()
    """Names of the submitter's variables that phases see; beside `PATH` and the like they see no other."""
    sbatch: Options = Field(default_factory=dict)
    """Further options of sbatch, for phases and looks: `{constraint: a100, mail-type: FAIL}`."""
    look: Look = Look()
    """What is asked for instead for the small job that looks at the results."""

    @property
    def processes(self) -> int:
        """Count the processes that train one phase together."""
        return self.nodes * self.tasks_per_node

    def undivided(self) -> "Cluster":
        """Give what is asked for a job that is one process."""
        return self.model_copy(update={"nodes": 1, "tasks_per_node": 1})

    def for_look(self) -> "Cluster":
        """Give what is asked for a look."""
        own = self.look.model_dump(exclude_none=True)
        minutes = self.look.timeout_min or min(LOOK_MIN, self.timeout_min)
        told_s = min(self.signal_delay_s, 30 * minutes)
        return self.undivided().model_copy(update={"timeout_min": minutes, "signal_delay_s": told_s} | own)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if ours := [name for name in self.environment if name in OURS]:
            raise ValueError(
                f"environment must not hold {', '.join(ours)}: study sets it, so that phases run the code that was "
                f"submitted on resources.threads threads. Leave it out, or export it in a line of setup."
            )
        if self.signal_delay_s >= 60 * self.timeout_min:
            raise ValueError(
                f"signal_delay_s must be less than timeout_min, but got {self.signal_delay_s} s of "
                f"{self.timeout_min} min: every phase would be told to stop as it starts. Lower it."
            )
        return self


def clusters(folder: Path = FOLDER) -> list[str]:
    """List the clusters that there are settings of."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def read_cluster(name_or_path: str | None, profile: str, folder: Path = FOLDER) -> Cluster:
    """Read the settings of a cluster, as they are for phases of `profile`.

    Args:
        name_or_path: of a file in `folder`, or the path of one; SLURM's own defaults if None.

    Raises:
        SpecError: there is no such file, or something in it is wrong; each problem is named with its line.
    """
    settings = by_profile(name_or_path, folder)
    return settings.get(profile, settings[""])


def by_profile(name_or_path: str | None, folder: Path = FOLDER) -> dict[str, Cluster]:
    """Read the settings of a cluster, as `read_cluster`, for each profile that has some of its own; ``""`` for others.

    Raises:
        SpecError: as `read_cluster`.
    """
    if name_or_path is None:
        return {"": Cluster()}
    layer = lines.read(_find(name_or_path, folder))
    own = {name: value for name, value in layer.tree.items() if name != "profiles"}
    of_profiles = layer.tree.get("profiles") or {}
    if not isinstance(of_profiles, dict) or not all(isinstance(each, dict) for each in of_profiles.values()):
        text = "profiles: must be a mapping of profiles to mappings. Write `profiles: {full: {timeout_min: 600}}`."
        raise SpecError([Problem(layer.where("profiles"), text)])
    problems = _problems(layer, "", own, own)
    for each, changed in of_profiles.items():
        if each not in profiles():
            problems.append(Problem(layer.where(f"profiles.{each}"), unknown(each, "profile", profiles())))
        problems += _problems(layer, f"profiles.{each}.", merge(own, changed), changed)
    if problems:
        raise SpecError(problems)
    changes: dict[str, dict[str, Any]] = {"": {}, **of_profiles}
    return {profile: Cluster(**merge(own, changed)) for profile, changed in changes.items()}


def _find(name_or_path: str, folder: Path) -> Path:
    if name_or_path.endswith((".yaml", ".yml")):
        return Path(name_or_path)
    if name_or_path not in clusters(folder):
        text = unknown(name_or_path, "cluster", clusters(folder))
        raise SpecError([Problem("--cluster", f"{text} Copy {lines.shown(folder / 'example.yaml')} to make one.")])
    return folder / f"{name_or_path}.yaml"


def _problems(layer: Layer, prefix: str, tree: dict[str, Any], said: dict[str, Any]) -> list[Problem]:
    """Say what is wrong with `tree`, as far as `said` says it: what is said elsewhere is reported there."""
    try:
        Cluster.model_validate(tree)
    except ValidationError as error:
        return [
            Problem(layer.where(where), wording(details, where, "setting", list(form.model_fields)).lstrip(": "))
            for details in error.errors()
            if (path := ".".join(map(str, details["loc"]))).partition(".")[0] in said or not path
            for where in [f"{prefix}{path}".rstrip(".")]
            for form in [Look if path.startswith("look.") else Cluster]
        ]
    return []
