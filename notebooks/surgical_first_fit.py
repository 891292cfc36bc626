# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Twelve hospitals: a first fit
#
# Hospital A operated on 47 babies and lost none. Is it the best of the twelve, or was
# it lucky? The raw rate, 0 %, says one thing; the other eleven hospitals say another.
# A hierarchical model weighs them.

# %%
import hbstan as hb

surgical = hb.datasets.load("surgical")
surgical.to_frame()

# %% [markdown]
# The model: the log-odds of the hospitals are normal around mu with standard deviation
# tau, and the deaths are binomial. The Stan program is in `stan/models/`; its priors
# are data, and each fit says which were used.

# %%
fit = hb.fit("logit_noncentered", surgical, seed=42)
fit.priors

# %% [markdown]
# Can the draws be trusted? Every check passes, fails, or was not run.

# %%
checks = fit.diagnose()
assert checks.passed
checks.to_frame()

# %% [markdown]
# Hospital A's estimate moves from 0 % to about 5 %: it had few operations, so the
# population speaks loudly. Hospital D, with 810, hardly moves.

# %%
groups = fit.groups()
groups

# %%
hb.plots.forest(fit)

# %% [markdown]
# Hospital A is probably better than the median hospital, but not certainly:

# %%
posterior = fit.posterior
better = posterior["p"].sel(group="A") < posterior["p_pop_median"]
float(better.mean())
