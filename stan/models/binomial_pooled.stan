/* Events among trials in J groups: one probability for all, complete pooling.
 *
 * Model, j = 1 ... J
 *   y[j] ~ binomial(n[j], inv_logit(mu))    if holdout[j] is 0
 *   mu   ~ prior_mu
 *
 * Data
 * J           number of groups
 * n[j], y[j]  trials and events of group j, counts, 0 <= y[j] <= n[j]; a group
 *             without trials is legal
 * holdout[j]  1 leaves group j out of the likelihood, 0 keeps it; all ones turn
 *             the posterior into the prior
 * predictive  1 adds y_rep, log_lik and log_lik_group for every group, held
 *             out or not; 0 leaves them empty and saves their cost
 * prior_X, prior_X_args   family and arguments of the prior of parameter X; the
 *             codes are listed in priors.stanfunctions
 *
 * Parameters (log-odds, no unit)
 * mu          log-odds of an event, the same in every group
 *
 * Derived: theta[j] = mu and p[j] = inv_logit(mu), one for each group, so that
 * the output reads like that of the programs whose groups differ. As no group
 * has a parameter of its own, log_lik_group is log_lik.
 *
 * Prior used for the surgical data (12 hospitals, deaths after heart surgery):
 * mu ~ normal(logit(0.075), 1), a death rate between 1% and 37% with
 * probability 0.95. Priors of other data: mu ~ normal(0, 1.5), under which the
 * probability is close to uniform.
 *
 * Siblings: binomial_unpooled gives each group a probability of its own, and
 * logit_noncentered lets the data decide between the two. This program is the
 * end of the scale where groups are alike; where they are not, its intervals
 * are too narrow, and the predictive checks show it.
 *
 * Sources: Gelman et al. (2013), Bayesian Data Analysis, 3rd edition, sections
 * 2.4 and 5.3; Gelman and Hill (2007), Data Analysis Using Regression and
 * Multilevel/Hierarchical Models, section 12.2, on complete pooling.
 */
functions {
  #include priors.stanfunctions
}
data {
  int<lower=1> J;
  array[J] int<lower=0> n;
  array[J] int<lower=0, upper=n> y;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  int<lower=1, upper=2> prior_mu;
  vector[3] prior_mu_args;
}
transformed data {
  int<lower=0, upper=J> N = J - sum(holdout); // groups in the likelihood
  int<lower=0, upper=J> K = predictive * J; // groups with predictions
  array[N] int<lower=1, upper=J> observed = observed_groups(holdout);
}
parameters {
  real mu;
}
transformed parameters {
  vector[J] theta = rep_vector(mu, J);
  // Log prior density of the top-level parameter, for power-scaling.
  vector[1] lprior;
  lprior[1] = prior_lpdf(mu | prior_mu, prior_mu_args);
}
model {
  target += sum(lprior);
  if (N > 0) {
    // lp__ lacks the binomial coefficients: constants, a quarter of the time.
    target += binomial_logit_lupmf(y[observed] | n[observed], theta[observed]);
  }
}
generated quantities {
  vector<lower=0, upper=1>[J] p = inv_logit(theta);
  real<lower=0, upper=1> p_pop_mean = inv_logit(mu);
  array[K] int<lower=0, upper=n[1 : K]> y_rep = binomial_rng(n[1 : K],
                                                             p[1 : K]);
  // Unbounded: rounding may lift the log probability of a certain outcome above
  // 0 by 1e-10, and a failed bound would cost the whole draw.
  vector[K] log_lik;
  vector[K] log_lik_group;
  for (j in 1 : K) {
    log_lik[j] = binomial_logit_lpmf(y[j] | n[j], mu);
  }
  log_lik_group = log_lik;
}
