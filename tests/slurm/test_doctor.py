"""What SLURM itself says of the settings of a cluster."""

import pytest

import study
from tests.made_slurm import LAB, Asked, in_queue

pytestmark = pytest.mark.slow


def test_settings_that_slurm_takes_are_fine(asked: Asked) -> None:
    asked.lab.write_text(LAB + "gpus_per_task: 1\nprofiles:\n  full: {timeout_min: 10}\n")
    findings = study.doctor_slurm(str(asked.lab))
    assert [(finding.what, finding.fine) for finding in findings] == [
        ("slurm", True),
        ("a phase", True),
        ("a phase of profile full", True),
    ]
    assert "arrays of up to 1001 phases" in findings[0].found
    assert "to start at" in findings[1].found
    assert in_queue() == []


def test_what_slurm_refuses_is_said_in_its_words(asked: Asked) -> None:
    asked.lab.write_text("partition: gpu\n")
    findings = study.doctor_slurm(str(asked.lab))
    assert not findings[-1].fine
    assert "invalid partition specified: gpu" in findings[-1].found
