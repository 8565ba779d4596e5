"""One finished edition for tests that only read it."""

import pytest

from tests.reports.made_ledger import Ledger, make_ledger


@pytest.fixture
def ledger() -> Ledger:
    """Three token counts, three seeds, all done; a test may take things away before it connects."""
    return make_ledger()
