# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Twelve hospitals: from the data to a verdict
#
# Hospital A operated on 47 babies and lost none. Is it the best of the twelve, or was
# it lucky? The raw rate, 0 %, says one thing; the other eleven hospitals say another.
# A hierarchical model weighs them. Before anybody relies on its answer, though, it
# should be put to the test: the priors, the computation, the fit, the predictions,
# and how much the answer depends on what was assumed. One call does all of that.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import hbstan as hb

surgical = hb.datasets.load("surgical")
surgical.to_frame()

# %% [markdown]
# ## The call
#
# Two models are tested: normal effects on the log-odds, and beta-distributed
# probabilities. What counts as a pass is fixed before the first fit. To be quick, the
# calibration uses 40 short simulations here instead of 400: so few can find coarse
# errors only, so that their power is no gate here, but a limitation that the verdict
# names. These are changes of the criteria, and the report shows them as such.

# %%
folder = Path(tempfile.mkdtemp()) / "surgical"
criteria = {
    "calibration": {
        "n_sims": 40,
        "retry_iter_sampling": 0,
        "gates": ["failures", "uniformity"],
    }
}
result = hb.workflow(
    surgical,
    ["logit_noncentered", "beta_binomial"],
    criteria=criteria,
    seed=1,
    backend="stanli",
    out=folder,
)
result

# %% [markdown]
# ## The verdict
#
# A model is accepted, accepted with named limitations, rejected, or it could not be
# decided. There are no grades.

# %%
result.models()

# %%
result.stages()

# %% [markdown]
# The beta-binomial reproduces the data. It is rejected for another reason: its answer
# is that of its prior. The prior Gamma(1.5, 0.5) keeps the concentration kappa near 3,
# while the hospitals are far more alike than that; with a prior that leaves room, the
# posterior moves by several standard deviations.

# %%
sensitivity = next(
    s for s in result.document["stages"] if s["key"] == "beta_binomial/sensitivity"
)
sensitivity["answer"]

# %%
verdicts = result.models()["verdict"]
assert verdicts["logit_noncentered"].startswith("accepted")
assert verdicts["beta_binomial"] == "rejected"
assert "kappa" in sensitivity["answer"]

# %% [markdown]
# ## The answer
#
# Raw rates beside estimates, with the probability of being the lowest or the highest
# of the twelve:

# %%
answers = result.answers()
answers

# %%
hb.plots.forest(result.fit())

# %% [markdown]
# Hospital A's estimate moves from 0 % to about 5 %: it had few operations, so the
# other hospitals speak loudly. Hospital D, with 810, hardly moves. Is A the best? It
# is the most probable candidate, but far from a safe bet:

# %%
assert 0.04 < answers.loc["A", "estimate"] < 0.06
moved = (answers["estimate"] - answers["raw rate"]).abs()
assert moved.idxmax() == "A"
assert moved["D"] < 0.005
assert answers["P(lowest)"].idxmax() == "A"
assert answers.loc["A", "P(lowest)"] < 0.5
answers["P(lowest)"].round(2).sort_values(ascending=False).head(4)

# %% [markdown]
# That a league table of hospitals would be mostly noise is plain from the
# probabilities of their ranks; only H stands out at the wrong end.

# %%
hb.plots.rank_probabilities(hb.group_ranks(result.fit()))

# %% [markdown]
# ## The report
#
# `report.html` tells all of this to people, with the picture, table and checks of each
# stage and the command that repeats it; `verdict.json` tells it to machines. A run
# that is killed goes on where it was when the call is repeated.

# %%
sorted(file.name for file in folder.iterdir() if file.is_file())

# %%
assert result.report.is_file()
result.document["methods"]["paragraph"]
