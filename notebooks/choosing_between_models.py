# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Which model for twelve hospitals?
#
# Four models for the same table of operations and deaths:
#
# - **pooled**: all hospitals have the same death rate;
# - **unpooled**: each has its own, and hospitals have nothing to do with each other;
# - **hierarchical**: log-odds normal across hospitals;
# - **beta-binomial**: rates beta distributed across hospitals.
#
# The usual way to choose is a table of information criteria, smallest or largest first.
# This notebook shows that the usual numbers would choose the wrong model here, which
# numbers can be believed instead, and how much they really say.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np

import hbstan as hb

surgical = hb.datasets.load("surgical")
programs = {
    "pooled": "binomial_pooled",
    "unpooled": "binomial_unpooled",
    "hierarchical": "logit_noncentered",
    "beta-binomial": "beta_binomial",
}
fits = {
    name: hb.fit(program, surgical, seed=1, backend="stanli")
    for name, program in programs.items()
}
for name, fit in fits.items():
    print(f"{name:14} draws: {fit.diagnose().outcome.value:5}", end=" ")
    print(", ".join(f"{k} ~ {v['prior']}" for k, v in fit.priors.items()))

# %%
assert all(fit.diagnose().passed for fit in fits.values())

# %% [markdown]
# All four were sampled well. That says nothing about which of them is any good.
#
# ## What they make of the hospitals

# %%
figure, axes = plt.subplots(figsize=(8, 4.4), layout="constrained")
rows = np.arange(surgical.J)
for shift, (name, fit) in zip((-0.24, -0.08, 0.08, 0.24), fits.items(), strict=True):
    groups = fit.groups()
    axes.errorbar(
        rows + shift,
        100 * groups["mean"],
        yerr=100 * np.abs(groups[["lower", "upper"]].T - groups["mean"]),
        fmt="o",
        ms=4,
        lw=1.2,
        label=name,
    )
axes.scatter(
    rows, 100 * groups["raw"], marker="_", s=420, color="black", label="raw rate"
)
axes.set_xticks(rows, [f"{g}\n{n}" for g, n in groups["trials"].items()])
axes.set(
    xlabel="hospital, number of operations", ylabel="death rate (%)", ylim=(0, None)
)
axes.legend(frameon=False, ncols=5, loc="upper center", bbox_to_anchor=(0.5, 1.12))
plt.show()
# %% [markdown]
# How far are the estimates from the raw rates?

# %%
distance = {}
for name, fit in fits.items():
    groups = fit.groups()
    distance[name] = 100 * float((groups["mean"] - groups["raw"]).abs().mean())
    print(f"{name:14} {distance[name]:.2f} points on average")

# %%
assert distance["pooled"] > 2 * distance["hierarchical"]
assert distance["hierarchical"] > distance["unpooled"] > distance["beta-binomial"]

# %% [markdown]
# The pooled model says the same of all hospitals. The hierarchical one goes part of
# the way. The beta-binomial stays closest to the raw rates, even closer than the
# unpooled model: under the prior of its `kappa`, with mean 3, hospitals may have any
# rate. A comparison judges a model together with its priors.
#
# ## The tempting numbers
#
# A fair test of a model is data that it has not seen: how probable does it find a
# hospital, having learned from the others? The sum of the logarithms of these
# probabilities is called elpd; more is better. WAIC approximates it from one fit, and
# so does importance sampling of the ordinary log likelihood (PSIS-LOO), which comes
# with a warning light of its own, Pareto's k for each hospital.

# %%
tempting = {name: hb.loo(fit, highest="psis") for name, fit in fits.items()}
for name, loo in tempting.items():
    limit = loo.good_k
    print(
        f"{name:14} WAIC {loo.waic.elpd:6.1f} ({len(loo.waic.bad):2} doubtful)"
        f"   PSIS {loo.elpd:6.1f} ({len(loo.bad):2} with k above {limit:.1f})"
    )
print()
print(tempting["unpooled"].waic.warning)

# %%
waic = {name: loo.waic.elpd for name, loo in tempting.items()}
assert max(waic, key=waic.get) == "beta-binomial"
assert abs(waic["unpooled"] - waic["hierarchical"]) < 2
assert all(tempting[name].bad for name in ("unpooled", "hierarchical", "beta-binomial"))

# %% [markdown]
# By WAIC the beta-binomial wins, and hospitals that have nothing to do with each other
# do as well as the hierarchical model. That cannot be: what could such a model know of
# a hospital whose data it has not seen? Nearly nothing. It has been asked about data
# that it *had* seen, and each of its twelve parameters had learned one hospital by
# heart. The corrections are meant for parameters on which one observation has little
# influence. The lights say so: every one of these models has doubtful hospitals.
#
# ## The ladder
#
# `hb.loo` climbs until every hospital can be believed: from the ordinary likelihood to
# the one with the hospital's own parameter integrated out, which does not know the
# hospital by heart; then to a refit without each hospital that is still in doubt.

# %%
loos = {name: hb.loo(fit) for name, fit in fits.items()}
for name, loo in loos.items():
    print(
        f"{name:14} {loo.elpd:6.1f} (Monte Carlo error {loo.mcse:.2f}), "
        f"largest k {loo.k_max:.2f}, by {loo.method}"
    )

# %%
hb.plots.loo_ladder(loos["hierarchical"])

# %%
hb.plots.pareto_k(loos["hierarchical"])

# %%
assert all(loo.checks().passed for loo in loos.values())
optimism = {name: waic[name] - loo.elpd for name, loo in loos.items()}
print("WAIC is too high by", {k: round(v, 1) for k, v in optimism.items()}, "nats")
assert optimism["unpooled"] > 20
assert optimism["beta-binomial"] > 8
assert 3 < optimism["hierarchical"] < 6
assert abs(optimism["pooled"]) < 1

# %% [markdown]
# The more freely a model adapts to each hospital, the more WAIC flatters it: hardly at
# all the pooled model, which has one parameter for twelve hospitals, and by nearly 30
# nats the unpooled one.
#
# Is the ladder right? The slow way needs no approximation: fit the model twelve times,
# each time without one hospital, and ask for the one left out.

# %%
exact = hb.loo(fits["hierarchical"], lowest="exact")
error = np.hypot(exact.mcse, loos["hierarchical"].mcse)
print(
    f"twelve refits {exact.elpd:.2f}, integrated {loos['hierarchical'].elpd:.2f},",
    end=" ",
)
print(f"Monte Carlo error {error:.2f}; WAIC {waic['hierarchical']:.2f}")

# %%
assert exact.checks().passed
assert abs(exact.elpd - loos["hierarchical"].elpd) < 4 * error
assert waic["hierarchical"] - exact.elpd > 3

# %% [markdown]
# They agree, and WAIC is off by more than four nats.
#
# ## The comparison

# %%
comparison = hb.compare(loos, seed=1)
comparison.table[["elpd", "elpd_diff", "dse", "mcse", "stacking", "verdict"]].round(2)

# %%
hb.plots.comparison(comparison)

# %%
for reading in comparison.readings().values():
    print("-", reading)

# %%
table = comparison.table
assert comparison.checks().passed
assert comparison.best == "hierarchical"
assert table.loc["beta-binomial", "verdict"] == "indistinguishable"
assert table.loc["pooled", "verdict"] == "indistinguishable"
assert table.loc["unpooled", "verdict"] == "unproven"
assert table.loc["unpooled", "elpd_diff"] < -15

# %% [markdown]
# The order has turned over. The hierarchical model predicts best, and the unpooled one
# is last by more than twenty nats.
#
# How much is a nat? A difference of $d$ nats in all means that the better model gave
# the twelve hospitals a probability $e^d$ times as high. Four nats are a factor of 55
# for the whole table, but only 1.4 for a single hospital. `dse` says how much such a
# sum would vary with other hospitals, and from twelve of them it cannot be known well.
# So the table does not prove that the pooled and the beta-binomial model are worse. The
# unpooled model's distance is nine times its `dse`, which is as clear as twelve
# hospitals can make it.
#
# Where do the differences come from?

# %%
hb.plots.pointwise_differences(comparison)

# %%
lost = comparison.differences()
pooled = lost["pooled"]
print(f"pooled: {pooled.sum():.1f} nats, {pooled['H']:.1f} of them in hospital H;")
print(f"better than the hierarchical model in {(pooled > 0).sum()} of 12 hospitals")
print(f"unpooled: median loss {lost['unpooled'].median():.1f} nats a hospital")

# %%
assert pooled.idxmin() == "H"
assert pooled["H"] < 0.5 * pooled.sum()
assert (pooled > 0).sum() >= 5
assert (lost["unpooled"] < -1).sum() >= 10

# %% [markdown]
# Most of the pooled model's loss is hospital H, where 31 of 215 children died: under
# one rate for all, that is next to impossible. Half of the hospitals it predicts better
# than the best model does. The unpooled model loses a little nearly everywhere: asked
# about a hospital that it has not seen, it can only repeat its prior. This is the sort
# of thing that a sum hides, and a reason to look.
#
# ## Must one choose?
#
# Stacking finds the mixture of the models that predicts best. `hb.average` draws from
# it.

# %%
print({name: round(weight, 2) for name, weight in comparison.weights.items()})
mixture = hb.average(fits, comparison, seed=1)
alone = fits["hierarchical"].groups()
mixed = mixture["estimate"].mean("sample").to_series()
change = (mixed - alone["mean"]).abs().max()
print(f"largest change of a hospital: {100 * change:.2f} points")

# %%
assert comparison.weights["hierarchical"] > 0.8
assert change < 0.01

# %% [markdown]
# Nearly all the weight goes to the hierarchical model, and averaging moves no hospital
# by more than a fraction of a point. Where weights are spread, the mixture is the
# honest answer; here one may as well use the one model, and say that three were tried
# beside it.
#
# ## What to take home
#
# - A criterion that warns is not to be quoted with the warning left out. With one
#   parameter for each observation, WAIC and ordinary PSIS flatter, and most the model
#   that adapts most.
# - Integrate the group's parameter out, or refit. Both are cheap here, and agree.
# - A difference is to be read with its error, and with few groups that error is itself
#   in doubt. "Indistinguishable" does not mean "equal": it means that these data do
#   not tell.
# - Prediction is one reason to prefer a model. Here subject matter agrees with it:
#   hospitals that do the same operation are neither all the same nor strangers.
