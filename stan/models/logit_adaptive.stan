/* Events among trials in J groups: log-odds normal across groups,
 * each centered as far as its data call for.
 *
 * Model, j = 1 ... J
 *   y[j]     ~ binomial(n[j], inv_logit(theta[j]))    if holdout[j] is 0
 *   theta[j] = mu + tau^(1 - v[j]) * (xi[j] - v[j] * mu),   v = w_centered
 *   xi[j]    ~ normal(v[j] * mu, tau^v[j]),   so theta[j] ~ normal(mu, tau)
 *   mu       ~ prior_mu,   tau ~ prior_tau
 *
 * Data
 * J           number of groups
 * n[j], y[j]  trials and events of group j, counts, 0 <= y[j] <= n[j]; a group
 *             without trials is legal
 * w_centered[j]   how far group j is centered: 1 fully, 0 not at all. Any value
 *             gives the same posterior. The best is d / (d + 1 / tau^2) with
 *             d = n[j] * p[j] * (1 - p[j]), at guesses of tau and p[j]
 * holdout[j]  1 leaves group j out of the likelihood, 0 keeps it; all ones turn
 *             the posterior into the prior
 * predictive  1 adds y_rep, log_lik and log_lik_group for every group, held
 *             out or not; 0 leaves them empty and saves their cost
 * prior_X, prior_X_args   family and arguments of the prior of parameter X; the
 *             codes are listed in priors.stanfunctions
 *
 * Parameters (log-odds, no unit)
 * mu          log-odds of the median group
 * tau         standard deviation of the log-odds between groups
 * xi[j]       partly centered log-odds of group j
 *
 * Priors used for the surgical data (12 hospitals, deaths after heart surgery):
 * mu ~ normal(logit(0.075), 1), a median death rate between 1% and 37% with
 * probability 0.95; tau ~ half_normal(1), as the odds of hospitals doing the
 * same operation hardly differ from the median by more than a factor exp(2).
 *
 * Sibling: weights of 1 are logit_centered, of 0 logit_noncentered. Each of
 * those is slow on data that the other is made for, and both where groups of a
 * few trials stand beside groups of thousands: this form gives each its own.
 *
 * Sources: Spiegelhalter, Thomas, Best and Gilks (1996), BUGS 0.5 Examples,
 * volume 1, "Surgical"; on the two forms Papaspiliopoulos, Roberts and Skold
 * (2007), doi:10.1214/088342307000000014; on the latent-scale icc Nakagawa and
 * Schielzeth (2010), doi:10.1111/j.1469-185X.2010.00141.x.
 */
functions {
  #include effects.stanfunctions
  #include quadrature.stanfunctions
}
data {
  int<lower=1> J;
  array[J] int<lower=0> n;
  array[J] int<lower=0, upper=n> y;
  vector<lower=0, upper=1>[J] w_centered;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  int<lower=1, upper=2> prior_mu;
  vector[3] prior_mu_args;
  int<lower=3, upper=6> prior_tau;
  vector[3] prior_tau_args;
}
transformed data {
  int<lower=0, upper=J> N = J - sum(holdout); // groups in the likelihood
  int<lower=0, upper=J> K = predictive * J; // groups with predictions
  array[N] int<lower=1, upper=J> observed = observed_groups(holdout);
}
parameters {
  real mu;
  real<lower=0> tau;
  vector[J] xi;
}
transformed parameters {
  vector[J] theta = partly_centered(xi, w_centered, mu, tau);
  // Log prior densities of the top-level parameters, for power-scaling.
  vector[2] lprior;
  lprior[1] = prior_lpdf(mu | prior_mu, prior_mu_args);
  lprior[2] = prior_lpdf(tau | prior_tau, prior_tau_args);
}
model {
  target += sum(lprior);
  target += partly_centered_lpdf(xi | w_centered, mu, tau);
  if (N > 0) {
    // lp__ lacks the binomial coefficients: constants, a quarter of the time.
    target += binomial_logit_lupmf(y[observed] | n[observed], theta[observed]);
  }
}
generated quantities {
  vector<lower=0, upper=1>[J] p = inv_logit(theta);
  // Two averages of the population: the median group's probability, and the
  // mean over groups, which the curve of inv_logit draws towards one half.
  real<lower=0, upper=1> p_pop_median = inv_logit(mu);
  real<lower=0, upper=1> p_pop_mean;
  // Share of the variance between groups on the log-odds scale, where a single
  // trial has the logistic variance pi^2 / 3.
  real<lower=0, upper=1> icc = inv(1 + square(pi() / tau) / 3);
  // Concentration of the beta distribution with the mean and variance of p. It
  // grows without bound as tau goes to 0, and is given as 1e12 at most.
  real<lower=0> kappa;
  // Variance of y relative to a binomial with the mean probability.
  vector<lower=1>[J] overdispersion;
  array[K] int<lower=0, upper=n[1 : K]> y_rep = binomial_rng(n[1 : K],
                                                             p[1 : K]);
  // Unbounded: rounding may lift the log probability of a certain outcome above
  // 0 by 1e-10, and a failed bound would cost the whole draw.
  vector[K] log_lik;
  vector[K] log_lik_group;
  {
    vector[2] moments = logit_normal_moments(mu, tau);
    p_pop_mean = moments[1];
    kappa = inv(fmax(moments[2], 1e-12)) - 1;
    overdispersion = 1 + moments[2] * fmax(to_vector(n) - 1, 0);
  }
  for (j in 1 : K) {
    log_lik[j] = binomial_logit_lpmf(y[j] | n[j], theta[j]);
    log_lik_group[j] = binomial_logit_normal_lpmf(y[j] | n[j], mu, tau);
  }
}
