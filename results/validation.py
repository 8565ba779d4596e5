"""The mean mAP of the validation splits after an epoch: what pruners, searches and tuning decide by.

It is that whatever split a claim is about: test splits are sealed.
"""

import math
from itertools import groupby
from statistics import fmean

from results.attempt import Attempt
from results.record import read_new


def read_measured(result: Attempt) -> dict[int, float]:
    """Give it after each epoch at which a result holds it.

    Raises:
        StoreError: a line of its records is damaged.
    """
    records, _ = read_new(result.records, 0)
    maps = (record for record in records if record.metric == "map")
    return {step: fmean(one.value for one in own) for step, own in groupby(maps, key=lambda one: one.step)}


def last_measured(result: Attempt | None) -> float:
    """Give it after the last epoch; NaN without a result, or where it was not measured.

    Raises:
        StoreError: as `read_measured`.
    """
    measured = read_measured(result) if result else {}
    return measured[max(measured)] if measured else math.nan
