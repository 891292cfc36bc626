# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Many groups, far apart: why the sampler stood still
#
# On a forum, somebody simulated groups of 20 observations, with a standard deviation
# of 0.75 within groups and $\omega$ between their means, and fitted the model that the
# data came from. With $\omega = 0.1$ all went well. With $\omega = 10$ and 500 groups
# the effective sample size of $\omega$ was 5, its $\hat R$ 2.11, and with 50 groups the
# interval of the mean did not contain the true value, 2. More data had made a simple
# model worse. The question was left open; here is the answer, with 50 groups, where the
# same happens.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np

import hbstan as hb

run = {"seed": 1, "backend": "stanli"}
priors = {"mu": "Normal(0, 1)", "sigma": "HalfNormal(1)", "tau": "HalfNormal(10)"}


def simulate(groups, omega):
    """Simulate the data of the question: 20 observations in each group."""
    rng = np.random.default_rng(41)
    rows = {"group": [], "value": []}
    for j in range(groups):
        mean = rng.normal(2.0, omega)
        rows["group"] += [f"{j + 1}"] * 20
        rows["value"] += rng.normal(mean, 0.75, size=20).tolist()
    return hb.data.normal_groups(rows, group="group", value="value", name="groups")


far, near = simulate(50, 10.0), simulate(50, 0.1)
far

# %% [markdown]
# (What the question calls $\omega$, the standard deviation between groups, is `tau`
# here, as in all models of the catalogue.)
#
# ## The form that was used
#
# The question's program gives each group a standardised effect $z_j$ and multiplies:
# $\theta_j = \mu + \tau z_j$, the effects summing to zero. It is the *non-centered*
# form, which is often recommended against funnels.

# %%
asked = hb.fit("normal_groups_sum_to_zero", far, priors=priors, **run)
shown = ["mean", "sd", "ess_bulk", "ess_tail", "r_hat"]
asked.summary(["mu", "tau", "sigma"])[shown].round(3)

# %%
assert float(asked.summary(["tau"])["ess_bulk"].iloc[0]) < 200
assert not asked.diagnose().passed

# %% [markdown]
# As in the question: $\mu$ and $\sigma$ are well, $\tau$ is not. Look at what the
# sampler has to do. The data say very well where each group's mean is: to within
# $0.75/\sqrt{20} = 0.17$, while the means are 10 apart. But the sampler does not move
# the means, it moves $z_j$ and $\tau$. If $\tau$ grows by 1 %, *every* $z_j$ has to
# shrink by 1 %, or some mean is off by several of its standard errors.

# %%
draws = asked.posterior
extreme = str(far.labels[int(np.argmax(abs(far.y - far.y.mean())))])
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
axes[0].plot(
    draws["tau"].values.ravel(),
    draws["z"].sel(group=extreme).values.ravel(),
    ".",
    ms=2,
    color="#4477aa",
)
axes[0].set(
    xlabel="tau", ylabel=f"z of group {extreme}", title="What the sampler moves"
)
for chain in draws["chain"].values:
    axes[1].plot(draws["tau"].sel(chain=chain), lw=0.6)
axes[1].set(xlabel="draw", ylabel="tau", title="Four chains, wandering")
plt.show()

# %%
correlation = np.corrcoef(
    draws["tau"].values.ravel(), draws["z"].sel(group=extreme).values.ravel()
)[0, 1]
assert abs(correlation) > 0.95

# %% [markdown]
# The posterior is a thin, bent sheet: $\tau z_j$ is known, $\tau$ and $z_j$ are not.
# The sampler creeps along it, a hundred and more leapfrog steps for each draw. The more
# groups, the thinner: with 500 it does not get anywhere.
#
# ## The other form
#
# The *centered* form moves the means $\theta_j$ themselves. The data hold each of them
# where it is, whatever $\tau$ does, and $\tau$ only has to look at how they spread.

# %%
centered = hb.fit("normal_groups_centered", far, priors=priors, **run)
centered.summary(["mu", "tau", "sigma"])[shown].round(3)

# %%
assert centered.diagnose().passed
gain = (
    centered.summary(["tau"])["ess_bulk"].iloc[0]
    / asked.summary(["tau"])["ess_bulk"].iloc[0]
)
assert gain > 20

# %% [markdown]
# So why is the non-centered form recommended at all? Because of the other end. With
# $\omega = 0.1$ the groups are alike, the data hardly tell their means apart, and now
# it is the centered form that has the funnel: where $\tau$ is near zero all means must
# agree.

# %%
rows = {}
for form in ("centered", "noncentered"):
    for name, data in (("far apart", far), ("alike", near)):
        fit = hb.fit("normal_groups", data, parameterization=form, priors=priors, **run)
        table = fit.summary(["mu", "tau", "sigma", "theta"])
        rows[form, name] = float(table["ess_bulk"].min())
{key: round(value) for key, value in rows.items()}

# %%
assert rows["centered", "far apart"] > 20 * rows["noncentered", "far apart"]
assert rows["noncentered", "alike"] > 5 * rows["centered", "alike"]

# %% [markdown]
# Neither form serves both. Which one is right is decided by each group's *shrinkage
# weight*, the share that its own mean has in its estimate,
#
# $$w_j = \frac{n_j / \sigma^2}{n_j / \sigma^2 + 1 / \tau^2}.$$
#
# With $w_j$ near 1 the data speak and the group should be centered, with $w_j$ near 0
# the population does and it should not. A family of forms lies between the two, and
# takes the weight itself; `parameterization="partial"` measures it in a pilot run.

# %%
for name, data in (("far apart", far), ("alike", near)):
    fit = hb.fit(
        "normal_groups", data, parameterization="partial", priors=priors, **run
    )
    table = fit.summary(["mu", "tau", "sigma", "theta"])
    weight = next(iter(fit.parameterization["weights"].values()))
    print(f"{name}: weight {weight:.2f}, smallest ESS {table['ess_bulk'].min():.0f}")
    assert table["ess_bulk"].min() > 400

# %% [markdown]
# ## Better still: no groups to sample
#
# For normal data the groups can be integrated out: the mean of a group is normal around
# $\mu$ with variance $\tau^2 + \sigma^2 / n_j$. What is left has three parameters,
# whatever the number of groups; the groups' means are then drawn exactly, given those.
# This is what `hb.fit("normal_groups", ...)` does when it is not told otherwise.

# %%
for data in (far, near):
    fit = hb.fit("normal_groups", data, priors=priors, **run)
    assert fit.model == "normal_groups_marginal"
    assert fit.diagnose().passed
    table = fit.summary(["mu", "tau", "sigma", "theta"])
    steps = float(fit.tree["sample_stats"]["n_steps"].mean())
    print(f"smallest ESS {table['ess_bulk'].min():.0f}, {steps:.0f} steps for a draw")
    assert table["ess_bulk"].min() > 400

# %% [markdown]
# ## And the interval that missed the truth
#
# The second puzzle: the interval of $\mu$, from 0.58 to 0.67, does not contain 2. It is
# not the sampler's fault. With effects that sum to zero, $\mu$ is the mean of *these*
# 50 groups, which is known to within $0.75 / \sqrt{1000} = 0.024$, and it is
# 0.62 in these data. The mean of the *population* that the groups came from is known
# to within $10 / \sqrt{50} = 1.4$ at best. The two programs answer two questions.

# %%
marginal = hb.fit("normal_groups", far, priors=priors, **run)
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
for fit, label, color in (
    (asked, "mean of these groups (sum to zero)", "#cc3311"),
    (marginal, "mean of the population", "#4477aa"),
):
    axes.hist(
        fit.posterior["mu"].values.ravel(),
        bins=60,
        density=True,
        histtype="stepfilled",
        alpha=0.6,
        color=color,
        label=label,
    )
axes.axvline(2.0, color="black", lw=1, label="the population's true mean")
axes.axvline(far.y.mean(), color="black", lw=1, ls="--", label="mean of the data")
axes.set(xlabel="mu", yticks=[], ylim=(0, 3))
axes.legend(frameon=False, fontsize=8)
plt.show()

# %%
inside = np.quantile(marginal.posterior["mu"], [0.005, 0.995])
assert inside[0] < 2.0 < inside[1]
assert float(asked.posterior["mu"].quantile(0.97)) < 2.0

# %% [markdown]
# So there were two things, and neither is a fault of the data: a form that fits groups
# which are alike was used for groups that are far apart, and a parameter was read as
# the population's mean that is the sample's. More groups make the first worse, the
# effective sample size falling with every group, and leave the second as it is.
#
# `scripts/omega_grid.py` has all nine cells of the question, in every form.
