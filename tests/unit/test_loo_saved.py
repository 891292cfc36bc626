"""Cross-validations in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hbstan.errors import FitError
from hbstan.loo import LooResult, Step, Waic, load_loo, save_loo
from hbstan.sealed import write_document


def made() -> LooResult:
    index = pd.Index(["a", "<b>"], name="group")
    table = pd.DataFrame(
        {
            "elpd": [-1 / 3, -np.pi],
            "lpd": [-0.1, -2.0],
            "p": [0.1, 0.2],
            "k": [np.nan, 0.4],
            "mcse": [1e-17, 0.1],
            "method": ["exact", "psis"],
        },
        index=index,
    )
    refits = pd.DataFrame(
        {"rhat": [1.001], "divergences": [3], "seconds": [0.25], "fault": [""]},
        index=pd.Index(["a"], name="without"),
    )
    covariance = pd.DataFrame([[1.0, 0.1], [0.1, 2.0]], index=index, columns=index)
    step = Step("psis", ("a", "<b>"), 0.3, 0.2, True, "the first rung", bad=("a",))
    waic = Waic(table[["elpd", "lpd", "p"]])
    texts = ("model", "data", "hash", "exact", "leave one group out")
    return LooResult(*texts, table, 0.7, (step,), waic, refits, covariance, "fault")


def test_every_bit_comes_back(tmp_path: Path) -> None:
    first = made()
    second = load_loo(save_loo(first, tmp_path / "loo.json"))
    pd.testing.assert_frame_equal(first.table, second.table, check_exact=True)
    assert first.refits is not None
    assert second.refits is not None
    pd.testing.assert_frame_equal(first.refits, second.refits, check_exact=True)
    assert first.values().totals() == second.values().totals()
    assert first.checks() == second.checks()
    assert repr(first.steps) == repr(second.steps)  # NaN is not equal to itself
    assert first.waic is not None
    assert second.waic is not None
    assert first.waic.elpd == second.waic.elpd


def test_other_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    with pytest.raises(FitError, match=r"x\.json"):
        load_loo(file)
    for text in ("{", "[]", '{"format": 1}'):
        file.write_text(text)
        with pytest.raises(FitError, match=r"x\.json.* is damaged"):
            load_loo(file)
    for record in ({"format": 99}, {"format": 1}, {"format": 1, "table": 3}):
        write_document(file, record)
        with pytest.raises(FitError, match="no saved cross-validation"):
            load_loo(file)


def test_a_changed_digit_is_found(tmp_path: Path) -> None:
    file = save_loo(made(), tmp_path / "x.json")
    file.write_text(file.read_text().replace("-0.3333", "-0.3334"))
    with pytest.raises(FitError, match="checksum does not belong"):
        load_loo(file)
