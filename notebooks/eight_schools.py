# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Eight schools: one model, two programs, one of them wrong
#
# Eight schools tried a coaching programme for the same test. School A reports a gain
# of 28 points, school C a loss of 3, all with large standard errors. How good is the
# programme, and is school A's better than the others'?
#
# The model takes three lines. The first Stan program that one would write for it
# gives wrong answers. This notebook shows how that is noticed, why it happens, and
# what mends it.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np

import hbstan as hb

schools = hb.datasets.load("eight_schools")
schools.to_frame()

# %% [markdown]
# Each estimate $y_j$ has a known standard error $\sigma_j$, and the schools' effects
# come from one population:
#
# $$y_j \sim \mathrm{normal}(\theta_j, \sigma_j), \quad
#   \theta_j \sim \mathrm{normal}(\mu, \tau), \quad
#   \mu \sim \mathrm{normal}(0, 5), \quad \tau \sim \mathrm{half\ Cauchy}(5).$$
#
# ## The obvious program
#
# `eight_schools_centered` says just that, in Stan. We run it as Stan does if nothing
# else is asked for, with `adapt_delta` at 0.8. The backend and the seed are named so
# that the numbers come out as the text quotes them.

# %%
run = {"seed": 1, "backend": "stanli"}
centered = hb.fit("eight_schools_centered", schools, adapt_delta=0.8, **run)
checks = centered.diagnose()
checks.to_frame()[["check", "rule", "value", "outcome", "detail"]]

# %%
assert not checks.passed
assert {"divergences", "ess_bulk"} <= {check.name for check in checks.failed()}

# %% [markdown]
# The verdict is *fail*, and not by a hair. A divergent transition is a path of the
# sampler that left the energy it should have kept: the posterior bends more sharply
# there than the step size can follow. Where does it happen?

# %%


def funnel(axes, fit, variable, label):
    """Draw one school's parameter against log tau, divergent transitions in red."""
    effect = fit.posterior[variable].sel(group="A").values.ravel()
    log_tau = np.log(fit.posterior["tau"].values.ravel())
    diverging = fit.tree["sample_stats"]["diverging"].values.ravel().astype(bool)
    axes.scatter(effect, log_tau, s=4, alpha=0.25, color="#4477aa", linewidth=0)
    axes.scatter(
        effect[diverging],
        log_tau[diverging],
        s=14,
        color="#cc3311",
        label=f"{diverging.sum()} divergent transitions",
    )
    axes.set(xlabel=label, ylabel="log tau", ylim=(-5, 4.5))
    axes.legend(loc="lower right", frameon=False, fontsize=9)


figure, axes = plt.subplots(figsize=(7, 4.6), layout="constrained")
funnel(axes, centered, "theta", "theta[A], the effect in school A (points)")
axes.set_title("Centered: a funnel whose neck is hardly visited", loc="left")
plt.show()
# %% [markdown]
# A funnel. Where $\tau$ is large, school A's effect is free to move by some ten
# points. Where $\tau$ is near 0, all eight effects must agree with $\mu$, and the
# room left to each is a hundredth of that or less. (The picture's width there is that
# of $\mu$ itself, with which all move together.) One step size serves both: too long
# for the neck, too short for the mouth. Divergences gather where the neck begins, and
# below it there are no draws.
#
# ## What should have come out
#
# Few draws could also mean little probability. For this model we can know: given
# $\tau$, everything else is normal and can be integrated out by hand. What is left
# is one curve, computed here on a grid, without Stan and without any chance.

# %%
y, sigma = (schools.to_frame()[name].to_numpy() for name in ("y", "sigma"))
tau = np.exp(np.linspace(np.log(1e-4), np.log(1e3), 20_001))

variance = sigma[:, None] ** 2 + tau**2
precision = 1 / 5**2 + (1 / variance).sum(axis=0)
mu_given_tau = (y[:, None] / variance).sum(axis=0) / precision
log_density = (
    -np.log1p((tau / 5) ** 2)
    - 0.5 * np.log(variance).sum(axis=0)
    - 0.5 * np.log(precision)
    - 0.5 * (y[:, None] ** 2 / variance).sum(axis=0)
    + 0.5 * mu_given_tau**2 * precision
)
# The grid is even in log tau, so each point stands for a width in proportion to tau.
weight = tau * np.exp(log_density - log_density.max())
weight /= weight.sum()

shrink = tau**2 / (tau**2 + sigma[:, None] ** 2)
effects = (weight * (shrink * y[:, None] + (1 - shrink) * mu_given_tau)).sum(axis=1)
exact = {
    "mu": weight @ mu_given_tau,
    "tau": weight @ tau,
    "theta[A]": effects[0],
    "P(tau < 1)": weight[tau < 1].sum(),
    "P(tau < 0.5)": weight[tau < 0.5].sum(),
}
{name: round(float(value), 3) for name, value in exact.items()}

# %%


def figures(fit):
    """Compute the same five numbers from draws."""
    posterior = fit.posterior
    return {
        "mu": float(posterior["mu"].mean()),
        "tau": float(posterior["tau"].mean()),
        "theta[A]": float(posterior["theta"].sel(group="A").mean()),
        "P(tau < 1)": float((posterior["tau"] < 1).mean()),
        "P(tau < 0.5)": float((posterior["tau"] < 0.5).mean()),
    }


missed = figures(centered)
{name: round(value, 3) for name, value in missed.items()}

# %%
share = exact["P(tau < 0.5)"]
independent = np.sqrt(share * (1 - share) / 4000)
off = (missed["P(tau < 0.5)"] - share) / independent
print(f"P(tau < 0.5) is off by {off:.1f} standard errors of 4000 independent draws")
assert abs(off) > 4

neck = centered.posterior["tau"].values
neck = neck[neck < 0.5]
print(f"{neck.size} draws have tau < 0.5, at {np.unique(neck).size} places")
assert np.unique(neck).size < neck.size / 3
assert abs(missed["mu"] - exact["mu"]) < 0.5

# %% [markdown]
# The neck holds a tenth of the posterior: `P(tau < 0.5)` is 0.101. The centered
# program finds 0.06, and even that is a few places where a chain was stuck for long.
# The mean of $\mu$ is about right all the same: the one number that everyone reports
# would not have given the mistake away. The checks did.
#
# ## Does a higher `adapt_delta` help?
#
# It asks for a higher acceptance rate, which the sampler can only reach by shorter
# steps. That is the usual advice, and worth a try.

# %%
tried = {0.8: centered} | {
    delta: hb.fit("eight_schools_centered", schools, adapt_delta=delta, **run)
    for delta in (0.95, 0.99)
}
print("adapt_delta  step size  steps/draw  divergent  ESS of tau  P(tau < 0.5)  checks")
for delta, fit in tried.items():
    stats = fit.tree["sample_stats"].to_dataset()
    print(
        f"{delta:11}  {float(stats['step_size'].mean()):9.3f}"
        f"  {float(stats['n_steps'].mean()):10.0f}"
        f"  {int(stats['diverging'].sum()):9}"
        f"  {fit.summary(['tau'])['ess_bulk'].item():10.0f}"
        f"  {figures(fit)['P(tau < 0.5)']:12.3f}"
        f"  {fit.diagnose().outcome.value}"
    )

# %%
steps = [float(fit.tree["sample_stats"]["step_size"].mean()) for fit in tried.values()]
assert steps[0] > steps[1] > steps[2]
assert all(figures(fit)["P(tau < 0.5)"] < 0.07 for fit in tried.values())
assert not any(fit.diagnose().passed for fit in tried.values())

# %% [markdown]
# The steps shrink and each draw costs more of them. There are fewer divergences, yet
# no setting passes: the effective sample size of $\tau$ stays at two hundred at the
# most, and the neck is as empty as before. A smaller step reaches a little further
# down a neck that narrows without end. It is no cure, and fewer divergences are no
# proof of one.
#
# ## The other program
#
# `eight_schools_noncentered` has the same posterior in other coordinates. It samples
# $z_j$, the distance of a school from the population's mean in units of $\tau$:
#
# $$\theta_j = \mu + \tau z_j, \qquad z_j \sim \mathrm{normal}(0, 1).$$

# %%
noncentered = hb.fit("eight_schools_noncentered", schools, adapt_delta=0.99, **run)
noncentered_checks = noncentered.diagnose()
noncentered_checks.to_frame()[["check", "rule", "value", "outcome", "detail"]]

# %%
figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 4.4), sharey=True, layout="constrained"
)
funnel(left, noncentered, "z", "z[A], what is sampled (no unit)")
funnel(right, noncentered, "theta", "theta[A] = mu + tau z[A] (points)")
left.set_title("Non-centered: the sampler sees no funnel ...", loc="left")
right.set_title("... and its draws fill the neck", loc="left")
plt.show()
# %%
errors = noncentered.summary(["mu", "tau", "theta"])["mcse_mean"]
ess_tau = noncentered.summary(["tau"])["ess_bulk"].item()
found = figures(noncentered)
for name in ("P(tau < 1)", "P(tau < 0.5)"):
    errors[name] = np.sqrt(exact[name] * (1 - exact[name]) / (ess_tau / 2))
print("             exact  centered  non-centered  Monte Carlo error")
for name, value in exact.items():
    print(f"{name:12} {value:5.2f}  {missed[name]:8.2f}", end="  ")
    print(f"{found[name]:12.2f}  {errors[name]:17.2f}")

# %%
assert not {"rhat", "ess_bulk", "ess_tail", "bfmi"} & {
    check.name for check in noncentered_checks.failed()
}
assert all(abs(found[name] - exact[name]) < 4 * errors[name] for name in exact)

# %% [markdown]
# All five figures agree with the exact ones within Monte Carlo error, and the neck is
# full. The model did not change, nor did a prior or the data: only the coordinates.
# What a higher `adapt_delta` does to the odd divergence that is left over:

# %%
left_over = {
    delta: sum(
        int(fit.tree["sample_stats"]["diverging"].sum())
        for fit in (
            hb.fit(
                "eight_schools_noncentered",
                schools,
                adapt_delta=delta,
                seed=seed,
                backend="stanli",
            )
            for seed in (1, 2, 3)
        )
    )
    for delta in (0.8, 0.99)
}
print(f"divergent transitions in 12000, by adapt_delta: {left_over}")
assert left_over[0.99] <= left_over[0.8] < 40

# %% [markdown]
# Here it does its work, because here there is an end to what it must reach.
#
# ## Why it works
#
# Hold $\mu$ and $\tau$ still and ask how much room the data leave to one school. In
# centered coordinates the standard deviation of $\theta_j$ is
# $(1/\sigma_j^2 + 1/\tau^2)^{-1/2}$; in the others that of $z_j$ is the same divided
# by $\tau$. A sampler with one step size wants it to be the same everywhere.

# %%
room = {
    "eight schools (sigma = 12)": 1 / np.sqrt(1 / 12**2 + 1 / tau**2),
    "ten times as precise (sigma = 1.2)": 1 / np.sqrt(1 / 1.2**2 + 1 / tau**2),
}
cumulative = np.cumsum(weight)
plausible = (cumulative > 0.005) & (cumulative < 0.995)
figure, panels = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for panel, (title, theta_sd) in zip(panels, room.items(), strict=True):
    panel.loglog(tau, theta_sd, color="#cc3311", label="theta (centered), points")
    panel.loglog(tau, theta_sd / tau, color="#4477aa", label="z (non-centered)")
    panel.set(xlim=(0.01, 100), ylim=(0.005, 30), xlabel="tau (points)")
    panel.set_title(title, loc="left")
panels[0].axvspan(*tau[plausible][[0, -1]], color="#eeeeee", zorder=0)
panels[0].set_ylabel("sd given mu and tau")
panels[1].legend(loc="upper right", frameon=False)
panels[0].text(0.03, 0.007, "grey: 99 % of tau's posterior", fontsize=9, color="#555")
plt.show()
# %%
theta_sd = room["eight schools (sigma = 12)"][plausible]
z_sd = theta_sd / tau[plausible]
theta_ratio, z_ratio = theta_sd.max() / theta_sd.min(), z_sd.max() / z_sd.min()
print(f"largest room over smallest: theta {theta_ratio:.0f}, z {z_ratio:.1f}")
assert theta_ratio > 100
assert z_ratio < 3

# %% [markdown]
# Over the values of $\tau$ that the data allow, the room of $\theta$ varies by a
# factor of several hundred, that of $z$ by less than two. That is the whole trick.
#
# It is no law that one form is better. On the right, with estimates ten times as
# precise, it is $\theta$ whose room is level for $\tau$ above 1, and $z$ whose room
# shrinks. Data like these would moreover rule out small $\tau$ where schools differ.
# So we take the same estimates, with a tenth of the standard errors:

# %%
precise = hb.data.group_estimates(
    {"school": list("ABCDEFGH"), "y": y, "sigma": sigma / 10},
    group="school",
    estimate="y",
    se="sigma",
)
forms = ("eight_schools_centered", "eight_schools_noncentered")
ess = {}
for form in forms:
    fit = hb.fit(form, precise, priors=schools.priors, **run)
    ess[form] = fit.summary(["mu", "tau"])["ess_bulk"].min()
    print(f"{form:26} smallest bulk ESS of mu and tau: {ess[form]:.0f} of 4000 draws")

# %%
assert ess["eight_schools_centered"] > 2 * ess["eight_schools_noncentered"]

# %% [markdown]
# Now the centered program is the better one by far. Weak data or similar groups:
# non-centered. Strong data and groups that differ: centered. And in both cases, look
# at the checks.
#
# ## So, is school A better?

# %%
figure = hb.plots.forest(noncentered)
figure

# %%
theta = noncentered.posterior["theta"]
best = (theta == theta.max("group")).mean(("chain", "draw")).to_series()
positive = float((noncentered.posterior["mu"] > 0).mean())
mean_a = float(theta.sel(group="A").mean())
print(f"effect in school A: {mean_a:.1f} points, where it reported 28")
print(f"P(mu > 0) = {positive:.2f}; the probability of being the best of the eight:")
best.round(2)

# %%
assert 4 < mean_a < 9
assert positive > 0.8
assert set(best.nlargest(2).index) == {"A", "G"}
assert best.max() < 0.3

# %% [markdown]
# Coaching probably helps a little. School A's 28 points shrink to about 6: its
# standard error is 15, and the other seven schools have seen no such effect. A and G
# are the likeliest to be the best, with G's estimate lower and surer, but with less
# than one chance in three each there is no winner to announce.
