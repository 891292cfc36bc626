"""Refits on the fake backend: what they take from the fit, and what they change."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import hbstan as hb
from hbstan.backends.fake import FakeBackend
from hbstan.errors import DataError, FitError, SamplingError, SettingsError
from hbstan.fit import Fit, fit
from hbstan.refit import Change, dataset_of, expected_seconds, held_out, planned, refit

SMALL = {"chains": 2, "iter_sampling": 20, "adapt_delta": 0.9}


def scalar(rng: np.random.Generator, data: Any, n: int) -> np.ndarray:
    return rng.standard_normal(n)


def per_group(rng: np.random.Generator, data: Any, n: int) -> np.ndarray:
    return rng.standard_normal((n, data["J"]))


class Watching(FakeBackend):
    """The fake backend, remembering all that it was asked."""

    def __init__(self, **kwargs: Any) -> None:
        stats = dict.fromkeys(
            ("lp__", "energy__", "divergent__", "treedepth__"), scalar
        )
        variables = {"mu": scalar, "theta": per_group, "log_lik": per_group}
        super().__init__(variables, stats=stats, **kwargs)
        self.seen: list[tuple[Any, dict[str, Any], Any]] = []

    def sample(self, program, data, settings, *, progress=None):
        self.seen.append((program, dict(data), settings))
        if settings.seed == 666:
            raise SamplingError("the sampler gave up")
        return super().sample(program, data, settings, progress=progress)


def base(data: Any = "surgical", model: str = "logit_noncentered", **given: Any) -> Fit:
    return fit(model, data, backend=Watching(), seed=7, **{**SMALL, **given})


def again(original: Fit, *changes: Change, **given: Any) -> tuple[Any, Watching]:
    engine = Watching()
    made = refit(original, changes, backend=engine, executor="serial", **given)
    return made, engine


def test_a_refit_differs_in_the_mask_alone() -> None:
    original = base(priors={"tau": "HalfCauchy(2.5)"})
    made, engine = again(original, Change("without B", holdout=("B",)))
    program, data, settings = engine.seen[0]
    expected = planned(original).stan
    assert data.pop("holdout") == [0, 1] + [0] * 10
    expected.pop("holdout")
    assert data == expected
    assert program.name == "logit_noncentered"
    assert settings.adapt_delta == 0.9
    assert made[0].fit.provenance["holdout"] == ["B"]
    assert made[0].fit.priors["tau"]["args"] == [2.5]
    assert made[0].change.label == "without B"


def test_a_changed_prior_leaves_the_others_exactly_as_they_were() -> None:
    original = base()
    made, engine = again(original, Change("wide", priors={"tau": hb.HalfNormal(3)}))
    data = engine.seen[0][1]
    assert data["prior_tau_args"][0] == 3.0
    assert data["prior_mu_args"] == planned(original).stan["prior_mu_args"]
    assert data["prior_mu_args"][0] == np.log(0.075 / 0.925)
    assert made[0].fit.provenance["holdout"] == []


def test_folds_keep_the_priors_of_the_full_data() -> None:
    # Default priors are centred on the data: 5 here, but 1 and 9 in the two halves.
    table = {"g": list("abcdef"), "y": [0.0, 1, 2, 8, 9, 10], "s": [1.0] * 6}
    data = hb.data.group_estimates(table, group="g", estimate="y", se="s")
    original = base(data, "eight_schools_noncentered")
    assert original.priors["mu"]["args"][0] == 5.0
    low, high = (
        Change("low", holdout=tuple("abc")),
        Change("high", holdout=tuple("def")),
    )
    made, _ = again(original, low, high)
    for one in made:
        assert one.fit.priors["mu"]["args"] == original.priors["mu"]["args"]
    # What a fit to half of the data would have decided by itself:
    half = {k: v[:3] for k, v in table.items()}
    own = hb.data.group_estimates(half, group="g", estimate="y", se="s")
    assert base(own, "eight_schools_noncentered").priors["mu"]["args"][0] == 1.0


def test_seeds_depend_on_fit_and_label_alone() -> None:
    original = base()
    changes = [Change(label, holdout=(label,)) for label in "ABC"]
    _, together = again(original, *changes)
    _, alone = again(original, changes[2])
    seeds = [settings.seed for _, _, settings in together.seen]
    assert len(set(seeds)) == 3
    assert alone.seen[0][2].seed == seeds[2]
    _, other = again(base(adapt_delta=0.9, data="surgical"), changes[0])
    assert other.seen[0][2].seed == seeds[0]


def test_a_failed_refit_is_recorded_and_the_others_are_kept() -> None:
    bad, good = Change("bad", seed=666), Change("good")
    made, _ = again(base(), bad, good)
    assert [one.ok for one in made] == [False, True]
    assert "gave up" in made[0].error
    assert made[0].fault == made[0].error
    assert made[0].checks is None
    assert made[1].checks is not None


def test_draws_that_did_not_converge_are_a_fault() -> None:
    made, _ = again(base(), Change("short"))
    assert "R-hat" in made[0].fault or "ESS" in made[0].fault.upper()


def test_settings_can_be_replaced_but_not_those_of_the_refit() -> None:
    _, engine = again(base(), Change("a"), adapt_delta=0.99, iter_sampling=10)
    assert engine.seen[0][2].adapt_delta == 0.99
    assert engine.seen[0][2].iter_sampling == 10
    for name in ("seed", "parallel_chains", "tune"):
        with pytest.raises(SettingsError, match=name):
            again(base(), Change("a"), **{name: 3})


def test_wrong_changes_are_refused_before_anything_runs() -> None:
    original = base()
    with pytest.raises(DataError, match="Z"):
        again(original, Change("z", holdout=("Z",)))
    with pytest.raises(SettingsError, match="no prior for sigma"):
        again(original, Change("s", priors={"sigma": "HalfNormal(1)"}))
    with pytest.raises(SettingsError, match="unique"):
        again(original, Change("a"), Change("a"))


def test_no_changes_no_refits() -> None:
    assert again(base())[0] == []


def test_the_data_come_back_from_the_fit() -> None:
    original = base()
    assert dataset_of(original) == hb.datasets.load("surgical")
    assert held_out(base(holdout=["A", "C"])) == ("A", "C")
    schools = base("eight_schools", "eight_schools_centered")
    assert dataset_of(schools) == hb.datasets.load("eight_schools")


def test_an_edited_copy_is_fitted_again_until_it_is_edited_again(tmp_path) -> None:
    source = hb.models.get("logit_noncentered").program.file
    copy = tmp_path / "mine.stan"
    copy.write_text(source.read_text())
    original = base(model=str(copy))
    made, engine = again(original, Change("without A", holdout=("A",)))
    assert engine.seen[0][0].file == copy
    assert made[0].fit.like.name == "logit_noncentered"
    copy.write_text(source.read_text() + "// edited\n")
    with pytest.raises(FitError, match="has changed"):
        again(original, Change("without A", holdout=("A",)))


def test_a_program_of_the_users_own_kind_cannot_be_fitted_again(tmp_path) -> None:
    file = tmp_path / "mine.stan"
    file.write_text("parameters { real mu; } model { mu ~ std_normal(); }\n")
    original = fit(str(file), {"J": 3}, backend=Watching(), seed=1, **SMALL)
    with pytest.raises(FitError, match="not like any model"):
        again(original, Change("a"))


def test_progress_counts_refits() -> None:
    said = []
    again(
        base(),
        Change("a"),
        Change("b"),
        progress=lambda step, done, total: said.append((step, done, total)),
    )
    assert said[0] == ("refits", 0, 2)
    assert said[-1] == ("refits", 2, 2)


def test_an_executor_of_the_users_is_used_and_left_open() -> None:
    engine = Watching()
    with ThreadPoolExecutor(2) as pool:
        changes = [Change("a"), Change("b")]
        made = refit(base(), changes, backend=engine, executor=pool)
        assert [one.change.label for one in made] == ["a", "b"]
        assert pool.submit(int, 3).result() == 3


def test_the_expected_time_counts_rounds_of_refits() -> None:
    original = base()
    tree = original.tree.copy()
    tree.attrs["timings"] = '{"total": 3.0}'
    tree.attrs["settings"] = tree.attrs["settings"].replace(
        '"parallel_chains": null', '"parallel_chains": 2'
    )
    assert expected_seconds(Fit(tree), 4, workers=2) == pytest.approx(3.0 * 2 * 2)


class Staying(Watching):
    """Never returns for one seed."""

    def sample(self, program, data, settings, *, progress=None):
        while settings.seed == 999:
            time.sleep(0.01)
        return super().sample(program, data, settings, progress=progress)


def test_a_refit_that_never_returns_has_failed_and_the_others_have_not() -> None:
    changes = [Change("without B", ("B",)), Change("stays", ("C",), seed=999)]
    original = base()
    given = {"executor": "processes", "workers": 1}
    made = refit(original, changes, backend=Staying(), timeout=4.0, **given)
    assert made[0].ok
    assert made[1].error.startswith("logit_noncentered: no result within 4 s")
    expected = again(original, changes[0])[0][0].fit
    assert (made[0].fit.posterior["mu"] == expected.posterior["mu"]).all()


def test_refits_have_a_time_limit_by_default() -> None:
    _, engine = again(base(), Change("without B", holdout=("B",)))
    assert engine.seen[0][2].timeout == 60
    with pytest.raises(SettingsError, match="timeout is -1"):
        again(base(), Change("without B", holdout=("B",)), timeout=-1)
