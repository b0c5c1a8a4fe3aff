"""Every hostile archive is read right or refused, for the reason that is written down."""

from __future__ import annotations

import pytest

from safe_pip.archive import read_archive
from safe_pip.errors import UnscannableError
from tests.hostile.case import Case
from tests.hostile.tars import TARS
from tests.hostile.zips import WHEELS, ZIPS

ARCHIVES = {**ZIPS, **WHEELS, **TARS}


@pytest.mark.parametrize("case", ARCHIVES.values(), ids=ARCHIVES)
def test_hostile_archive_is_read_right_or_refused(case: Case) -> None:
    try:
        with read_archive(case.make(), case.filename) as distribution:
            assert all(sum(map(len, file.chunks())) == file.size for file in distribution.files)
    except UnscannableError as error:
        assert case.may_be_refused or case.refused == error.reason, error
        return
    assert case.refused is None, [file.path for file in distribution.files]
    kinds = {anomaly.kind for anomaly in distribution.anomalies}
    assert case.anomaly is None or case.anomaly in kinds, kinds
    assert case.holds is None or case.holds in distribution.by_path, list(distribution.by_path)
