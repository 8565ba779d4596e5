"""The engine: it plans a study, trains what is due, records it and answers.

The verbs of the command line are functions here, and do the same:

    import study
    from study.preparation import Request

    if __name__ == "__main__":  # in a script: the processes that train import it again
        outcome = study.run(Request("token_count_sweep", profile="smoke"))
        study.sql("select arm, seed, split, map from finals")
"""

from typing import Any

VERBS = (
    "bench",
    "cancel",
    "check",
    "clean",
    "doctor",
    "doctor_slurm",
    "export",
    "list",
    "logs",
    "new",
    "plan",
    "plan_all",
    "plan_timed",
    "report",
    "retry",
    "reveal",
    "run",
    "run_all",
    "schema",
    "sql",
    "status",
    "submit",
    "submit_all",
    "sync",
    "verify",
    "watch",
)
__all__ = list(VERBS)


def __getattr__(name: str) -> Any:
    """Load the verbs when the first one is used: `import study` stays quick."""
    if name in VERBS:
        from study import verbs

        return getattr(verbs, "list_studies" if name == "list" else name)  # there, `list` means the type
    raise AttributeError(f"module 'study' has no attribute {name!r}. There are: {', '.join(VERBS)}.")
