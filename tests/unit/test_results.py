"""Records of outcomes, errors, and the settings' legal ranges."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest

from hbstan import errors
from hbstan.errors import SettingsError
from hbstan.results import Check, Checks, Outcome, StageResult, json_number
from hbstan.types import RawDraws, SamplerSettings, StanProgram

PASS = Check("a", "A", Outcome.PASS, 1.0, 2.0, "< 2")
FAIL = Check("b", "B", Outcome.FAIL, 3.0, 2.0, "< 2", ("x", "y"), "3 bad", "mend it")
NOT_RUN = Check("c", "C", Outcome.NOT_RUN, detail="no data")


@pytest.mark.parametrize(
    ("checks", "outcome"),
    [
        ((), Outcome.NOT_RUN),
        ((PASS,), Outcome.PASS),
        ((PASS, PASS), Outcome.PASS),
        ((PASS, NOT_RUN), Outcome.NOT_RUN),
        ((NOT_RUN,), Outcome.NOT_RUN),
        ((PASS, FAIL), Outcome.FAIL),
        ((NOT_RUN, FAIL, PASS), Outcome.FAIL),
    ],
)
def test_joint_outcome(checks: tuple[Check, ...], outcome: Outcome) -> None:
    joint = Checks(checks)
    assert joint.outcome is outcome
    assert joint.passed == (outcome is Outcome.PASS)
    assert StageResult("fit", "Does it fit?", joint).outcome is outcome


def test_only_a_pass_passes() -> None:
    assert PASS.passed
    assert not FAIL.passed
    assert not NOT_RUN.passed
    assert Checks((PASS, FAIL, NOT_RUN)).failed() == (FAIL, NOT_RUN)


def test_checks_are_a_sequence_found_by_name() -> None:
    checks = Checks(iter((PASS, FAIL)))
    assert len(checks) == 2
    assert list(checks) == [PASS, FAIL]
    assert checks[1] is checks["b"] is FAIL
    with pytest.raises(KeyError, match="no check named 'z'; there are: a, b"):
        checks["z"]


def test_checks_compare_by_content() -> None:
    assert Checks((PASS, FAIL)) == Checks([PASS, FAIL])
    assert hash(Checks((PASS,))) == hash(Checks((PASS,)))
    assert Checks((PASS,)) != Checks((FAIL,))
    assert Checks((PASS,)) != (PASS,)


def test_checks_say_what_they_are() -> None:
    assert repr(Checks((PASS, FAIL))) == "<Checks fail: a: pass, b: fail>"


def test_checks_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PASS.outcome = Outcome.FAIL


def test_a_record_is_plain_json() -> None:
    record = Checks((FAIL, NOT_RUN)).record()
    assert json.loads(json.dumps(record)) == {
        "outcome": "fail",
        "checks": [
            {
                "name": "b",
                "label": "B",
                "outcome": "fail",
                "value": 3.0,
                "threshold": 2.0,
                "rule": "< 2",
                "subjects": ["x", "y"],
                "detail": "3 bad",
                "advice": "mend it",
            },
            {
                "name": "c",
                "label": "C",
                "outcome": "not_run",
                "value": None,
                "threshold": None,
                "rule": "",
                "subjects": [],
                "detail": "no data",
                "advice": "",
            },
        ],
    }


def test_a_record_survives_numbers_that_json_lacks() -> None:
    check = dataclasses.replace(FAIL, value=math.nan, threshold=math.inf)
    text = json.dumps(check.record(), allow_nan=False)
    assert json.loads(text)["value"] == "nan"
    assert json.loads(text)["threshold"] == "inf"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (None, None),
        (3, 3),
        (0.5, 0.5),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
    ],
)
def test_json_numbers(value: float | None, number: object) -> None:
    assert json_number(value) == number


def error_classes() -> list[type[errors.HbstanError]]:
    classes = [getattr(errors, name) for name in errors.__all__]
    return [cls for cls in classes if issubclass(cls, errors.HbstanError)]


def test_errors_know_their_exit_codes() -> None:
    codes = {cls.__name__: cls.exit_code for cls in error_classes()}
    engine = {
        "BackendError",
        "NotSupportedError",
        "SamplingError",
        "ScratchError",
        "TimeLimitError",
        "CompileError",
        "ToolchainError",
        "WorkerError",
    }
    assert {name for name, code in codes.items() if code == 3} == engine
    assert set(codes.values()) == {2, 3}


@pytest.mark.parametrize("cls", error_classes(), ids=lambda c: c.__name__)
def test_errors_carry_message_and_remedy(cls: type[errors.HbstanError]) -> None:
    assert str(cls("x is 1.")) == "x is 1."
    error = cls("x is 1.", remedy="Make it 2.")
    assert str(error) == "x is 1.\nMake it 2."
    assert (error.message, error.remedy) == ("x is 1.", "Make it 2.")
    assert isinstance(error, errors.HbstanError)


def test_errors_of_an_engine_carry_its_words() -> None:
    assert errors.SamplingError("failed", console="Rejecting").console == "Rejecting"
    error = errors.CompileError("bad", file="a.stan", line=3)
    assert (error.file, error.line) == ("a.stan", 3)


def test_settings_have_stan_names_and_defaults() -> None:
    settings = SamplerSettings(seed=1)
    assert settings.record() == {
        "seed": 1,
        "chains": 4,
        "iter_warmup": 1000,
        "iter_sampling": 1000,
        "thin": 1,
        "adapt_delta": 0.95,
        "max_treedepth": 10,
        "save_warmup": False,
        "metric": "diag_e",
        "step_size": None,
        "inits": None,
        "parallel_chains": None,
        "timeout": None,
    }


@pytest.mark.parametrize(
    ("iterations", "thin", "draws"), [(10, 1, 10), (10, 3, 4), (9, 3, 3), (5, 5, 1)]
)
def test_thinning_keeps_the_ceiling(iterations: int, thin: int, draws: int) -> None:
    assert SamplerSettings(seed=1, iter_sampling=iterations, thin=thin).draws == draws


@pytest.mark.parametrize(
    ("name", "legal", "illegal", "text"),
    [
        ("seed", (0, 2**32 - 1), (-1, 2**32, 1.0, True, "1"), "0 to 4294967295"),
        ("chains", (1, 1000), (0, -2, 1001, 2.5, None), "1 to 1000"),
        ("iter_warmup", (0, 5000), (-1, 1.5), "0 to 2147483647"),
        ("iter_sampling", (1, 5000), (0, -1, "many"), "1 to 2147483647"),
        ("thin", (1, 1000), (0, 1001), "1 to 1000"),
        ("max_treedepth", (1, 30), (0, 31), "1 to 30"),
        (
            "adapt_delta",
            (0.5, 0.999999),
            (0, 1, 1.0, -0.1, math.nan, "0.9", True),
            "strictly between 0 and 1",
        ),
        ("metric", ("diag_e", "dense_e", "unit_e"), ("dense", None), "unit_e"),
        ("step_size", (None, 0.1), (0, -1.0, math.inf, math.nan), "a positive number"),
        ("parallel_chains", (None, 1, 4), (0, 1.5), "1 to 1000"),
        ("inits", (None, 0, 2.5, {"mu": 1.0}), (-1, math.inf), "at least 0"),
    ],
)
def test_settings_have_legal_ranges(
    name: str, legal: tuple[object, ...], illegal: tuple[object, ...], text: str
) -> None:
    for value in legal:
        assert getattr(SamplerSettings(**{"seed": 1, name: value}), name) == value
    for value in illegal:
        with pytest.raises(SettingsError) as caught:
            SamplerSettings(**{"seed": 1, name: value})
        assert f"{name} is {value!r}" in str(caught.value)
        assert text in str(caught.value)


def test_inits_come_once_or_once_per_chain() -> None:
    two = ({"mu": 1.0}, {"mu": 2.0})
    assert SamplerSettings(seed=1, chains=2, inits=two).inits == two
    with pytest.raises(SettingsError, match="inits has 2 entries for 3 chains"):
        SamplerSettings(seed=1, chains=3, inits=two)


def test_a_program_is_named_after_its_file(tmp_path: Path) -> None:
    file = tmp_path / "my model.stan"
    file.write_text("// größe\n", encoding="utf-8")
    program = StanProgram(file)
    assert program.name == "my model"
    assert program.source() == "// größe\n"
    assert program.include_paths == ()


def test_raw_draws_need_only_variables_and_statistics() -> None:
    raw = RawDraws({}, {})
    assert (raw.timings, raw.versions, raw.console, raw.sampled) == ({}, {}, "", ())
    assert raw.warmup_variables == {}
