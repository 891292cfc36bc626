"""Criticise the logit and the beta-binomial model of the surgical data.

Cross-validation by every method, with times and errors; prior and posterior predictive
checks, accuracy, shrinkage and heterogeneity; the experiments that the source
documents name and did not run. Prints the page ``criticism.md`` in Markdown.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from machine import machine

import hbstan as hb
from hbstan.fit import Fit
from hbstan.loo import LooResult, psis, waic

MODELS = ("logit_noncentered", "beta_binomial")
NOT_RUN = (
    "logit_student_t",
    "logit_mixture",
    "binomial_pooled",
    "binomial_unpooled",
)
SEED = 1


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what ``work`` gives, and its seconds."""
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def row(name: str, found: Any, k: float, seconds: float) -> str:
    """Return one line of the table of methods."""
    k_text = "" if k != k else f"{k:.2f}"
    mcse = "" if found["mcse"] is None else f"{found['mcse']:.3f}"
    return (
        f"| {name} | {found['elpd']:.2f} | {found['se']:.2f} | {found['p']:.2f} | "
        f"{mcse} | {k_text} | {seconds:.2f} |"
    )


def cross_validation(fit: Fit) -> list[str]:
    """Return the table of all methods for one fit."""
    lines = [
        "| method | elpd | se | p | Monte Carlo error | largest k | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    found, seconds = timed(lambda: waic(fit))
    total = {"elpd": found.elpd, "se": found.se, "p": found.p, "mcse": None}
    bad = f"WAIC ({len(found.bad)} groups with p above 0.4)"
    lines.append(row(bad, total, float("nan"), seconds))
    names = {
        "psis": "PSIS, conditional likelihood",
        "psis_group": "PSIS, integrated likelihood",
    }
    for method, name in names.items():
        values, seconds = timed(partial(psis, fit, method))
        lines.append(row(name, values.totals(), values.table["k"].max(), seconds))
    ways: dict[str, Callable[[], LooResult]] = {
        "moment matching of the groups with k above 0.7": lambda: matched(fit),
        "exact, leave one group out": lambda: hb.loo(fit, lowest="exact"),
        "6-fold by groups": lambda: hb.kfold(fit, 6, seed=SEED),
    }
    for name, way in ways.items():
        result, seconds = timed(way)
        k = result.k_max
        lines.append(row(name, result.values().totals(), k, seconds))
    return lines


def matched(fit: Fit) -> LooResult:
    """Return the conditional importance sampling, improved by moment matching."""
    return hb.loo(fit, lowest="moment_matching", highest="moment_matching")


def claims(prior: Any, check: Any, errors: Any, left: Any, fit: Fit) -> list[str]:
    """Return the accounts' figures of the logit beside those computed here."""
    before, table = prior.summary(), check.table()
    rate = before.loc["rate"]
    zero, spread = before["value"][["p_zero_any", "p_variance"]]
    per_group = before.loc["p_zero_group", "value"]
    plain, found = psis(fit), waic(fit)
    total, bad = plain.totals(), int((plain.table["k"] > 0.7).sum())
    z = left["standardised"]
    seen = errors.loc["observed"]
    rows = [
        ("prior: 90 % of rates", "0.013 to 0.305", between(rate)),
        (
            "prior: P(a group without events)",
            "0.124",
            f"{zero:.3f} in any group, {per_group:.3f} in a given one",
        ),
        ("prior: P(variance at least the observed)", "0.84", f"{spread:.3f}"),
    ]
    account = {
        "total": "208.1 (171 to 246), p 0.970",
        "between_group_variance": "0.00118 (0.00036 to 0.00251), p 0.632",
        "max": "0.1439 (0.102 to 0.200), p 0.890",
        "coefficient_of_variation": "0.439 (0.253 to 0.654), p 0.535",
        "zero_event_groups": "0.14 (0 to 1), p 0.001",
        "dispersion": "3.5 to 5.1 (observed)",
    }
    for name, text in account.items():
        one = table.loc[name]
        rows.append(
            (
                f"replicated: {one['label']} (observed {one['observed']:.4g})",
                text,
                f"{one['mean']:.4g} ({between(one)}), p {one['p_two_sided']:.3f}",
            )
        )
    rows += [
        (
            "standardised residuals: mean, sd, range",
            "-0.10, 0.49, -1.34 to 0.56",
            f"{z.mean():.2f}, {z.std():.2f}, {z.min():.2f} to {z.max():.2f}",
        ),
        (
            "groups inside 95 % intervals",
            "12 of 12",
            f"{seen['coverage_95'] * len(z):.0f} of {len(z)}",
        ),
        (
            "mean absolute error, events",
            "1.49 (8.6 %)",
            f"{seen['mae']:.2f} ({seen['mae_share']:.1%})",
        ),
        (
            "root mean squared error, events",
            "1.87 (10.8 %)",
            f"{seen['rmse']:.2f} ({seen['rmse_share']:.1%})",
        ),
        (
            "PSIS-LOO, conditional",
            "-38.41 (2.29), p 7.84",
            f"{total['elpd']:.2f} ({total['se']:.2f}), p {total['p']:.2f}",
        ),
        ("groups with k above 0.7", "10 of 12", f"{bad} of {len(z)}"),
        (
            "mean and largest k",
            "0.796, 0.910",
            f"{plain.table['k'].mean():.3f}, {plain.table['k'].max():.3f}",
        ),
        (
            "WAIC",
            "-36.37 (1.85), p 5.80",
            f"{found.elpd:.2f} ({found.se:.2f}), p {found.p:.2f}",
        ),
    ]
    head = ["| quantity | account | computed |", "|---|---|---|"]
    return [*head, *(f"| {a} | {b} | {c} |" for a, b, c in rows)]


def others(backend: str) -> list[str]:
    """Compare the models that the accounts name, those that they did not run too."""
    fits = {
        name: hb.fit(name, "surgical", seed=SEED, backend=backend)
        for name in (*MODELS, *NOT_RUN)
    }
    failed = {name: fit.diagnose().failed() for name, fit in fits.items()}
    sound = {name: fit for name, fit in fits.items() if not failed[name]}
    found = hb.compare(sound, seed=SEED)
    lines = [
        "| model | elpd | se | difference | dse | stacking | reading |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row_ in found.to_frame().iterrows():
        lines.append(
            f"| {name} | {row_['elpd']:.1f} | {row_['se']:.1f} | "
            f"{row_['elpd_diff']:.2f} | {row_['dse']:.2f} | {row_['stacking']:.2f} | "
            f"{row_['verdict']} |"
        )
    for name in fits.keys() - sound.keys():
        one, bad = hb.loo(fits[name]), ", ".join(c.name for c in failed[name])
        lines.append(
            f"| {name} | {one.elpd:.1f} | {one.se:.1f} | | | | not compared: its draws "
            f"fail {bad} |"
        )
    nu, gap, share = (
        fits[model].posterior[name]
        for model, name in (
            ("logit_student_t", "nu"),
            ("logit_mixture", "gap"),
            ("logit_mixture", "lambda"),
        )
    )
    lines += [
        "",
        f"Student-t: nu has mean {float(nu.mean()):.1f}, P(nu > 30) "
        f"{float((nu > 30).mean()):.2f}. Mixture: the populations are "
        f"{float(gap.mean()):.2f} (sd {float(gap.std()):.2f}) apart on the log-odds, "
        f"the upper one holds {float(share.mean()):.0%} (sd {float(share.std()):.0%}).",
    ]
    return lines


def sensitivity(fit: Fit) -> list[str]:
    """Return what the priors and single groups do to the posterior."""
    scaled = hb.power_scaling(fit).to_frame()
    lines = [
        "| quantity | prior of mu | prior of tau | likelihood | diagnosis |",
        "|---|---|---|---|---|",
    ]
    for name in ("mu", "tau", "p_pop_mean", "icc"):
        r: Any = scaled.loc[name]
        lines.append(
            f"| {name} | {r['prior of mu']:.3f} | {r['prior of tau']:.3f} | "
            f"{r['likelihood']:.3f} | {r['diagnosis']} |"
        )
    swapped = hb.swap_priors(fit).moves()
    left = hb.influence(fit)
    moves = left.moves()
    lines += ["", "| change | mu | tau | p_pop_mean | largest move of any quantity |"]
    lines += ["|---|---|---|---|---|"]
    for frame, what in ((swapped, "{}"), (moves, "without {}")):
        for column in frame.columns:
            one = frame[column].dropna()
            others = one.drop(f"p[{column}]", errors="ignore")
            worst = str(others.abs().idxmax())
            lines.append(
                f"| {what.format(column)} | {one['mu']:+.2f} | {one['tau']:+.2f} | "
                f"{one['p_pop_mean']:+.2f} | {worst} {others[worst]:+.2f} |"
            )
    return lines


def shrinkage(fit: Fit) -> list[str]:
    """Set the accounts' correlations of shrinkage beside those computed."""
    account = {"size": -0.68, "extremity": 0.71, "uncertainty": 0.73}
    table = hb.shrinkage(fit).correlations
    lines = [
        "| shrinkage and | account | Pearson, 95 % interval | Spearman |",
        "|---|---|---|---|",
    ]
    for driver, claimed in account.items():
        r: Any = table.loc[("shift", driver)]
        lines.append(
            f"| {driver} | {claimed:+.2f} | {r['pearson']:+.2f} "
            f"({r['pearson_lower']:+.2f} to {r['pearson_upper']:+.2f}) | "
            f"{r['spearman']:+.2f} |"
        )
    return lines


def between(row: Any) -> str:
    """Return the bounds of an interval."""
    return f"{row['lower']:.3g} to {row['upper']:.3g}"


def main() -> None:
    """Fit, criticise and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", default="auto")
    options = parser.parse_args()
    fits = {
        name: hb.fit(name, "surgical", seed=SEED, backend=options.backend)
        for name in MODELS
    }
    print(f"{machine()}\n")
    for name, fit in fits.items():
        print(f"### {name} ({fit.backend})\n")
        print("\n".join(cross_validation(fit)), "\n")
    fit = fits[MODELS[0]]
    prior = hb.prior_predictive(MODELS[0], "surgical", seed=SEED)
    check = hb.posterior_predictive(fit, seed=SEED)
    errors, left = hb.accuracy(fit), hb.residuals(fit, seed=SEED)
    print("### Accounts of the logit\n")
    print("\n".join(claims(prior, check, errors, left, fit)), "\n")
    print("### Sensitivity\n")
    print("\n".join(sensitivity(fit)), "\n")
    print("### Shrinkage\n")
    print("\n".join(shrinkage(fit)), "\n")
    print("### Other models\n")
    print("\n".join(others(options.backend)), "\n")


if __name__ == "__main__":
    main()
