# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # How would you know that your program is wrong?
#
# A Stan program compiles, R-hat is 1.00, nothing diverges, and the estimates look
# plausible. It may still be a program for another model than yours: a variance in the
# place of a standard deviation, a loop that stops halfway through the data. Nothing
# in the output says so.
#
# Simulation-based calibration (SBC) does. It needs what you have written anyway, the
# model, a second time and in another language: as a simulator.

# %%
# %matplotlib inline
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

import hbstan as hb

folder = Path(mkdtemp())

# %% [markdown]
# ## The model, twice
#
# Deaths among operations in four hospitals, log-odds normal across hospitals. First
# for the computer that fits:

# %%
PROGRAM = """
data {
  int<lower=1> J;
  array[J] int<lower=0> n;
  array[J] int<lower=0, upper=n> y;
}
parameters {
  real mu;
  real<lower=0> tau;
  vector[J] z;
}
transformed parameters {
  vector[J] theta = mu + tau * z;
}
model {
  mu ~ normal(-2.5, 1);
  tau ~ normal(0, 1);
  z ~ std_normal();
  y ~ binomial_logit(n, theta);
}
"""


def written(name, text):
    """Write a program to a file and return its path."""
    path = folder / f"{name}.stan"
    path.write_text(text)
    return path


right = written("right", PROGRAM)

# %% [markdown]
# Then the same story as it would happen: parameters from the prior, data from the
# parameters.

# %%
J, n = 4, np.array([47, 148, 211, 360])


def simulate(rng):
    """Draw parameters from the prior, and data given them."""
    mu, tau = rng.normal(-2.5, 1), abs(rng.normal(0, 1))
    theta = rng.normal(mu, tau, size=J)
    y = rng.binomial(n, 1 / (1 + np.exp(-theta)))
    return {"mu": mu, "tau": tau, "theta": theta}, {"y": y}


simulate(np.random.default_rng(1))

# %% [markdown]
# ## The test
#
# Simulate parameters and data, fit the program to the data, and see where the simulated
# value of each parameter ranks among the posterior's draws. If program and simulator
# are the same model, and the sampler works, each rank is as likely as any other.
#
# Any function of parameters and data can be ranked as well. We add one, the log
# likelihood of all the data. Why it is worth it will be seen.


# %%
def log_likelihood(parameters, data):
    """Return the log probability of all data, one value for each draw."""
    p = 1 / (1 + np.exp(-parameters["theta"]))
    return stats.binom.logpmf(data["y"], n, p).sum(axis=-1)


def calibrate(program, n_sims=300):
    """Calibrate a program against the simulator."""
    return hb.sbc(
        program,
        n_sims=n_sims,
        generator=simulate,
        design={"J": J, "n": n},
        quantities={"log_likelihood": log_likelihood},
        iter_warmup=300,
        iter_sampling=400,
        seed=4,
        backend="stanli",
    )


good = calibrate(right)
print(good.checks()["power"].detail)
good.checks().to_frame()[["check", "value", "outcome"]]

# %%
hb.plots.sbc_ecdf(good)

# %%
assert good.checks()["uniformity"].passed
assert good.checks()["convergence"].passed

# %% [markdown]
# Each line is the share of ranks up to that point, minus the share that is due; the
# band holds the whole line of a calibrated quantity 19 times in 20. With several
# panels one line may leave its band by chance, so the verdict rests on p-values that
# are adjusted for the number of quantities. It is *pass*.
#
# How much does a pass say? The check named *power* tells: it names the smallest
# mistakes that so many simulations would have found four times in five. With twenty
# simulations it refuses to decide:

# %%
few = calibrate(right, n_sims=20).checks()
assert few["power"].outcome is hb.Outcome.NOT_RUN
assert not few.passed
few["power"].detail

# %% [markdown]
# ## Mistake 1: a variance where a standard deviation belongs
#
# Some programs write the normal distribution with a variance, others with a precision.
# Carried over to Stan, `tau` comes out squared. First the usual way of looking at a
# program: fit it to one dataset.

# %%
squared = written("squared", PROGRAM.replace("tau * z;", "square(tau) * z;"))

parameters, data = simulate(np.random.default_rng(2))


def fitted(program):
    """Fit the example, and show what one would look at."""
    fit = hb.fit(program, {"J": J, "n": n, **data}, seed=1, backend="stanli")
    print(f"{program.stem}: checks {fit.diagnose().outcome.value}")
    return fit


fits = {program.stem: fitted(program) for program in (right, squared)}
fits["squared"].summary(["mu", "tau", "theta"])[["mean", "sd", "r_hat"]].round(2)

# %%
assert all(fit.diagnose().passed for fit in fits.values())

# %% [markdown]
# Every check of the draws passes: they are good draws from the posterior of the wrong
# model. Now the calibration.

# %%
bad_scale = calibrate(squared)
bad_scale_checks = bad_scale.checks()
print(bad_scale_checks["uniformity"].detail)
bad_scale_checks.to_frame()[["check", "value", "outcome"]]

# %%
hb.plots.sbc_ecdf(bad_scale)

# %%
bad_scale.summary()[["rank_mean", "p_adjusted", "coverage_95"]].round(3)

# %%
wrong = bad_scale.summary()
assert not bad_scale.checks()["uniformity"].passed
assert wrong["p_adjusted"].idxmin() == "tau"
assert wrong.loc["tau", "p_adjusted"] < 0.01
assert wrong.loc["tau", "coverage_95"] < 0.92
assert wrong["p_adjusted"].drop("tau").min() > 0.05

# %% [markdown]
# Found, and in the right place: `tau` is miscalibrated, its 95 % intervals hold the
# simulated value clearly less often than that, and the check says in which way. (More
# fits diverge as well: a square makes a worse funnel. That alone accuses nobody.)
# The hospitals' own parameters are hardly touched, as they have data of their own;
# so a picture of the groups would have looked as good as ever.
#
# ## Mistake 2: a loop that forgets half of the data
#
# The likelihood sees the first two hospitals alone.

# %%
half = written(
    "half",
    PROGRAM.replace(
        "y ~ binomial_logit(n, theta);",
        "y[1 : 2] ~ binomial_logit(n[1 : 2], theta[1 : 2]);",
    ),
)
bad_data = calibrate(half)
hb.plots.sbc_ecdf(bad_data)

# %%
columns = ["role", "p_adjusted", "coverage_95", "contraction"]
bad_data.summary()[columns].round(3)

# %%
wrong = bad_data.summary()
is_parameter = wrong["role"] == "parameter"
assert not bad_data.checks()["uniformity"].passed
assert (wrong.loc[is_parameter, "p_adjusted"] > 0.05).all()
assert wrong.loc["log_likelihood", "p_adjusted"] < 1e-6

# %% [markdown]
# Every parameter passes, also those of the two hospitals whose data are ignored. That
# is no accident. The posterior given half of the data is a perfectly good posterior,
# only of another question: its intervals are wide and hold the truth as often as they
# claim. Ranks of parameters cannot tell, however many simulations there are.
#
# The log likelihood can, because it looks at the data: at the simulated parameters
# the ignored half of the data is as likely as it should be, at the program's draws it
# is not. (Modrák et al. 2023, [doi:10.1214/23-BA1404](https://doi.org/10.1214/23-BA1404),
# show that this is how it goes in general.) The models of hbstan's catalogue have
# this quantity without being asked.
#
# A second hint is in the last column, how much narrower the posterior is than the
# prior:

# %%
contraction = {
    "right": good.summary()["contraction"],
    "half": bad_data.summary()["contraction"],
}
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
names = [f"theta[{j}]" for j in range(1, J + 1)]
for shift, (label, values) in zip((-0.2, 0.2), contraction.items(), strict=True):
    axes.bar(np.arange(J) + shift, values[names], width=0.4, label=label)
axes.set_xticks(
    range(J), [f"{name}\nn = {m}" for name, m in zip(names, n, strict=True)]
)
axes.set(ylabel="contraction", ylim=(0, 1))
axes.legend(loc="lower left", title="program")
axes.set_title("How much is learned about each hospital", loc="left")
plt.show()
# %%
for name in names[2:]:
    assert contraction["half"][name] < contraction["right"][name] - 0.1
assert contraction["right"][names].idxmax() == names[-1]
assert set(contraction["half"][names].nsmallest(2).index) == set(names[2:])

# %% [markdown]
# The two largest hospitals should be known best, and are known least.
#
# ## What to take home
#
# - Checks of the draws (R-hat, ESS, divergences) ask whether the sampler works. They
#   passed for a wrong model.
# - SBC asks whether program, simulator and sampler agree. Its *pass* holds for the
#   mistakes that the *power* check names, and for what was ranked.
# - Rank something that looks at the data, or a likelihood that forgets them goes
#   unseen.
# - The simulator must be written from the model, not from the program: who copies a
#   mistake will find that both agree.
