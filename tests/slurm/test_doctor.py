"""What SLURM itself says of the settings of a cluster."""

import pytest

import study
from tests.made_slurm import LAB, Asked, in_queue

pytestmark = pytest.mark.slow


def test_settings_that_slurm_takes_are_fine(asked: Asked) -> None:
    asked.lab.write_text(LAB + "gpus_per_task: 1\nprofiles:\n  full: {timeout_min: 10, tasks_per_node: 2}\n")
    findings = study.doctor_slurm(str(asked.lab))
    assert [(finding.what, finding.fine) for finding in findings] == [
        ("slurm", True),
        ("preemption in low", True),
        ("a phase", True),
        ("a measurement alone on its node", True),
        ("a look", True),
        ("a phase of profile full", True),
        ("a phase of one process of profile full", True),
        ("a measurement alone on its node of profile full", True),
        ("a look of profile full", True),
    ]
    assert "arrays of up to 1001 phases" in findings[0].found
    assert findings[1].found == "PreemptMode=REQUEUE, GraceTime=10 s"
    assert "to start at" in findings[2].found
    assert in_queue() == []


def test_what_slurm_refuses_is_said_in_its_words(asked: Asked) -> None:
    asked.lab.write_text("partition: gpu\n")
    assert [finding.fine for finding in study.doctor_slurm(str(asked.lab))] == [True, False, False, False]
    assert "invalid partition specified: gpu" in study.doctor_slurm(str(asked.lab))[-1].found


def test_a_look_is_tested_with_settings_of_its_own(asked: Asked) -> None:
    asked.lab.write_text(f"{LAB}look: {{partition: cpu}}\n")
    findings = {finding.what: finding for finding in study.doctor_slurm(str(asked.lab))}
    assert findings["a phase"].fine
    assert "invalid partition specified: cpu" in findings["a look"].found
