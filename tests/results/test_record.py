"""Records survive kills and full disks: what was acknowledged is there, once."""

import json
import math
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from results.files import StoreError
from results.record import Record, RecordWriter, count, last_step, read_new, read_records, torn

LOSS = Record("loss", "train", 1, 0.5)


def write(path: Path, *records: Record) -> None:
    with RecordWriter(path) as writer:
        writer.write(records)


def test_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    records = [LOSS, Record('ap.schräg "x"\n', "val_seen", 7, 93.25, "points"), Record("lr", "", 2, 1e-300)]
    write(tmp_path / "records.jsonl", *records)
    assert list(read_records(tmp_path / "records.jsonl")) == records


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_diverged_loss_is_kept_in_valid_json(tmp_path: Path, value: float) -> None:
    write(tmp_path / "records.jsonl", Record("loss", "train", 1, value))
    (record,) = read_records(tmp_path / "records.jsonl")
    assert str(record.value) == str(value)
    json.loads((tmp_path / "records.jsonl").read_text(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


@pytest.mark.parametrize(
    "tail", ['{"metric":"lo', '{"metric":"loss","split":"","step":9,"value":1,"unit":""}', "x" * 200_000]
)
def test_a_torn_last_line_is_passed_over_and_named(tmp_path: Path, tail: str) -> None:
    path = tmp_path / "records.jsonl"
    write(path, LOSS)
    assert not torn(path)
    with path.open("a") as file:
        file.write(tail)
    assert torn(path)
    assert list(read_records(path)) == [LOSS]
    assert count(path) == 1


def test_opening_cuts_a_torn_line_off_so_that_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    write(path, LOSS)
    with path.open("a") as file:
        file.write('{"metric":"' + 200 * "x")
    write(path, Record("loss", "train", 2, 0.25))
    assert [record.step for record in read_records(path)] == [1, 2]
    assert not torn(path)


def test_a_broken_line_in_the_middle_is_named_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(LOSS.line() + '{"metric":"loss"}\n' + LOSS.line())
    with pytest.raises(StoreError, match=r"records\.jsonl:2 .*is no record.*metric, split, step, value and unit"):
        list(read_records(path))


def test_the_last_step_is_read_from_the_end(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    assert last_step(path) is None
    path.write_bytes(b"")
    assert last_step(path) is None
    write(path, *(Record("loss", "train", step, 0.5) for step in range(1, 301)))
    with path.open("a") as file:
        file.write('{"metric":"lo')
    assert last_step(path) == 300


def test_a_write_that_the_disk_cuts_short_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with RecordWriter(path) as writer:
        writer.write([LOSS])
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
            with pytest.raises(StoreError, match=r"records\.jsonl: cannot write: .*size limit.*ulimit -f"):
                writer.write([LOSS] * 100)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, ignored)
        assert path.read_text() == LOSS.line()
        writer.write([Record("loss", "train", 2, 0.25)])
    assert [record.step for record in read_records(path)] == [1, 2]


APPEND = """
import sys
from pathlib import Path
from results.record import Record, RecordWriter, last_step
path = Path(sys.argv[1])
step = last_step(path) or 0
with RecordWriter(path) as writer:
    while True:
        step += 1
        writer.write([Record("loss", "train", step, 0.5)] * (1 + step % 7))
        print(step, flush=True)
"""


def test_no_acknowledged_record_is_lost_or_doubled_by_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    moments = random.Random(7)
    for _ in range(4):
        child = subprocess.Popen([sys.executable, "-c", APPEND, str(path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(moments.randrange(1, 200))]
        child.kill()
        told += child.stdout.read().splitlines(keepends=True)
        child.wait()
        acknowledged = max(int(line) for line in told if line.endswith("\n"))
        steps = [record.step for record in read_records(path)]
        assert sorted(set(steps)) == list(range(1, steps[-1] + 1))
        assert steps[-1] >= acknowledged
        assert all(steps.count(step) == 1 + step % 7 for step in range(1, acknowledged + 1))


def test_of_a_file_that_grows_only_what_is_new_and_whole_is_read(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    assert read_new(path, 0) == ([], 0)
    second = Record("loss", "train", 2, 0.25)
    write(path, LOSS)
    first, end = read_new(path, 0)
    assert (first, end) == ([LOSS], path.stat().st_size)
    half = second.line().encode()
    with path.open("ab") as file:
        file.write(half[:10])
    assert read_new(path, end) == ([], end)
    with path.open("ab") as file:
        file.write(half[10:])
    assert read_new(path, end) == ([second], path.stat().st_size)
    path.write_text("no record\n")
    with pytest.raises(StoreError, match="is no record"):
        read_new(path, 0)
