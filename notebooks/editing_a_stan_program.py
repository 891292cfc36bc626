# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Does practice help? Editing a Stan program
#
# Twelve hospitals operated on babies' hearts, one of them 47 times, another 810 times.
# Do hospitals that operate more often lose fewer children?
#
# The catalogue's model cannot say: it knows how many operations there were, but not
# that the number might matter. No option switches it on. One edits the program. A
# Stan program is text, and everything around it (priors, labels, checks,
# cross-validation) goes on working for the edited copy.

# %%
# %matplotlib inline
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np

import hbstan as hb

surgical = hb.datasets.load("surgical")
folder = Path(mkdtemp())  # or a folder of your own

# %% [markdown]
# ## The copy
#
# `cp stan/models/logit_noncentered.stan volume.stan` does the same. These are the
# blocks that we are going to edit:

# %%
original = hb.models.get("logit_noncentered").program.source()
print(original[original.index("transformed data") : original.index("generated quan")])

# %% [markdown]
# ## The edit
#
# The log-odds get a slope, `beta`, on the log number of operations, centered so that
# `mu` keeps its meaning for a hospital of typical size:
#
# $$\theta_j = \mu + \beta x_j + \tau z_j, \qquad
#   x_j = \log n_j - \overline{\log n}, \qquad \beta \sim \mathrm{normal}(0, 0.5).$$
#
# A slope of $-0.5$ would mean that ten times the operations cut the odds of a death
# to a third; the prior allows that and twice as much, in both directions. Six places
# change. An editor would do; here it is Python, so that what changed can be read.

# %%
EDITS = {
    # data derived from the data: no new column is needed
    "observed_groups(holdout);": """observed_groups(holdout);
  vector[J] x = log(to_vector(n)) - mean(log(to_vector(n)));""",
    # the parameter
    "  vector[J] z;\n}": "  vector[J] z;\n  real beta; // slope on log n\n}",
    # what it does
    "vector[J] theta = mu + tau * z;": "vector[J] theta = mu + beta * x + tau * z;",
    # its prior, which is counted among the others
    "vector[2] lprior;": "vector[3] lprior;",
    "lprior[2] = prior_lpdf(tau | prior_tau, prior_tau_args);": """\
lprior[2] = prior_lpdf(tau | prior_tau, prior_tau_args);
  lprior[3] = normal_lpdf(beta | 0, 0.5);""",
    # the likelihood for cross-validation, with the hospital's own effect integrated out
    "binomial_logit_normal_lpmf(y[j] | n[j], mu, tau)": """\
binomial_logit_normal_lpmf(y[j] | n[j], mu + beta * x[j], tau)""",
}


def edited(text, edits):
    """Make each edit exactly once."""
    for old, new in edits.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


volume = folder / "volume.stan"
_ = volume.write_text(edited(original, EDITS))

# %% [markdown]
# ## A typo first
#
# Nobody edits without mistakes. The compiler's message names the file, the line and
# the remedy, and the package passes it on as a typed error:

# %%
typo = folder / "typo.stan"
typo.write_text(volume.read_text().replace("beta * x +", "betta * x +"))
try:
    hb.compile(typo)
except hb.errors.CompileError as error:
    message = str(error)
    print(message.replace(str(folder), "..."))
else:
    raise AssertionError("the typo was not found")

# %%
assert "betta" in message
assert "not in scope" in message

# %% [markdown]
# ## Compile and fit
#
# There is nothing to register. The path of the file takes the place of a model's
# name. With CmdStan it is compiled once for each content; the embedded engine
# interprets it.

# %%
hb.compile(volume).sentence.replace(str(folder), "...")

# %%
plain = hb.fit("logit_noncentered", surgical, seed=1)
fit = hb.fit(volume, surgical, seed=1)
checks = fit.diagnose()
checks.to_frame()[["check", "value", "outcome"]]

# %% [markdown]
# The copy is recognised as a relative of `logit_noncentered`: the hospitals keep their
# names, `mu` and `tau` their priors.

# %%
assert plain.diagnose().passed
assert checks.passed
assert fit.like.name == "logit_noncentered"
assert fit.priors == plain.priors
fit.summary(["mu", "tau", "beta"])[["mean", "sd", "ess_bulk", "r_hat"]].round(2)

# %% [markdown]
# ## What came out

# %%
posterior = fit.posterior
beta = posterior["beta"].values.ravel()
x = np.log(surgical.n) - np.log(surgical.n).mean()
line = np.linspace(x.min(), x.max(), 60)
curves = 1 / (
    1 + np.exp(-(posterior["mu"].values.ravel()[:, None] + beta[:, None] * line))
)
low, middle, high = np.quantile(curves, [0.03, 0.5, 0.97], axis=0)

figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
size = np.exp(line + np.log(surgical.n).mean())
axes.fill_between(size, 100 * low, 100 * high, alpha=0.2, label="94 % interval")
axes.plot(size, 100 * middle, label="hospital of that size, median")
groups = fit.groups()
axes.scatter(groups["trials"], 100 * groups["raw"], color="#cc3311", label="raw rates")
for name, row in groups.iterrows():
    axes.annotate(
        name, (row["trials"], 100 * row["raw"]), (4, 4), textcoords="offset points"
    )
axes.set(xscale="log", xlabel="operations", ylabel="deaths (%)", ylim=(0, None))
axes.set_xticks([50, 100, 200, 400, 800], ["50", "100", "200", "400", "800"])
axes.minorticks_off()
axes.legend(frameon=False, loc="upper left")
plt.show()
# %%
interval = np.quantile(beta, [0.03, 0.97])
fewer = (beta < 0).mean()
print(
    f"beta: mean {beta.mean():.2f}, "
    f"94 % interval {interval[0]:.2f} to {interval[1]:.2f}"
)
print(f"P(beta < 0), more operations and fewer deaths: {fewer:.2f}")

moved = fit.groups()["mean"] - plain.groups()["mean"]
print(f"largest move of a hospital: {moved.idxmax()}, {100 * moved.max():+.1f} points,")
print(f"and {moved.idxmin()}, {100 * moved.min():+.1f} points")

# %%
assert interval[0] < 0 < interval[1]
assert 0.1 < fewer < 0.9
assert moved.abs().max() < 0.01

# %% [markdown]
# These hospitals do not show that practice helps, nor that it does not: both signs are
# well possible. The hospital with most operations is average, the one with fewest lost
# nobody, and the ten between them vary more than a line can tell. Hospital estimates
# move by less than one point in a hundred.
#
# Does the slope earn its keep in prediction?

# %%
comparison = hb.compare({"plain": plain, "volume": fit}, seed=1)
print(comparison.reading("volume"))
comparison.table[["elpd", "elpd_diff", "dse", "method", "verdict"]].round(2)

# %%
difference = comparison.table["elpd_diff"]["volume"]
assert comparison.best == "plain"
assert comparison.table["verdict"]["volume"] == "indistinguishable"
assert -4 < difference < 0

# %% [markdown]
# No. A slope that twelve hospitals cannot determine costs about a nat in predicting a
# thirteenth. The difference is small, and the shorter model is enough.
#
# ## Is the edited program right?
#
# Six edits are six chances of a mistake, and an estimate near zero is just what a
# mistake might produce. So the program is held against a simulator of the new model:
# 300 times, parameters from the prior, data, fit, rank.

# %%
n, J = np.array(surgical.n), surgical.J
MU, TAU = "Normal(-2.5, 1)", "HalfNormal(1)"


def simulate(rng):
    """Draw parameters from the prior, and data given them."""
    mu, tau = rng.normal(-2.5, 1), abs(rng.normal(0, 1))
    beta = rng.normal(0, 0.5)
    theta = rng.normal(mu + beta * (np.log(n) - np.log(n).mean()), tau)
    y = rng.binomial(n, 1 / (1 + np.exp(-theta)))
    return {"mu": mu, "tau": tau, "beta": beta}, {"y": y}


def calibrate(program, n_sims):
    """Calibrate a program against the simulator."""
    return hb.sbc(
        program,
        n_sims=n_sims,
        generator=simulate,
        priors={"mu": MU, "tau": TAU},
        design={"J": J, "n": n, "holdout": [0] * J},
        iter_warmup=250,
        iter_sampling=300,
        seed=1,
        backend="stanli",
    )


good = calibrate(volume, 300)
hb.plots.sbc_ranks(good)

# %%
good.summary()[["p_adjusted", "coverage_95", "contraction"]].round(3)

# %% [markdown]
# The bars are level. One among sixty may leave the 99 % band by chance; the verdict
# rests on the p-values.
#
# And would a mistake have been found? Here is one that is easily made: the slope has
# the wrong sign. So gross a mistake needs fewer simulations.

# %%
flipped = folder / "flipped.stan"
flipped.write_text(volume.read_text().replace("mu + beta * x +", "mu - beta * x +"))
bad = calibrate(flipped, 100)
hb.plots.sbc_ranks(bad)

# %%
assert good.checks()["uniformity"].passed
assert good.checks()["power"].passed
assert not bad.checks()["uniformity"].passed
assert bad.summary()["p_adjusted"].idxmin() == "beta"

# %% [markdown]
# The edited program passes, its distorted twin fails, and `beta` is what gives it away.
# So the answer stands: on these data, no evidence either way.
#
# What to keep when you edit a program of the catalogue:
#
# - `holdout` and `predictive` in the data, `log_lik` and `log_lik_group` in the
#   generated quantities: cross-validation reads them. If you change what the groups
#   are drawn from, change `log_lik_group` as well.
# - `lprior`, the priors' log densities: sensitivity analysis reads it.
# - the names `theta`, `p`, `mu`, `tau`: tables and pictures find the groups by them.
#
# A program that keeps none of this can be fitted and calibrated all the same; it then
# takes its data as a mapping.
