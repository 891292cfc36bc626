/* Events among trials in J groups: probabilities beta distributed across
 * groups and integrated out.
 *
 * Model, j = 1 ... J
 *   y[j]  ~ binomial(n[j], p[j])    if holdout[j] is 0
 *   p[j]  ~ beta(mu * kappa, (1 - mu) * kappa)
 *   mu    ~ prior_mu,   kappa ~ prior_kappa
 * Sampled are mu and kappa alone, from their exact marginal posterior,
 *   y[j]  ~ beta_binomial(n[j], mu * kappa, (1 - mu) * kappa),
 * and p is then drawn from its exact distribution given them,
 *   p[j]  ~ beta(mu * kappa + y[j], (1 - mu) * kappa + n[j] - y[j]).
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
 * Parameters (no unit)
 * mu          mean probability of an event over the population of groups
 * kappa       concentration: the population is worth kappa trials of prior data
 *             for each group; large kappa means groups alike. A Pareto prior
 *             bounds it below by its minimum
 * theta[j]    log-odds of an event in group j, an independent draw given mu and
 *             kappa; of a group held out, from the population
 * p[j]        its probability, inv_logit(theta[j])
 *
 * Priors used for the surgical data (12 hospitals, deaths after heart surgery):
 * mu ~ beta(2, 18), mean 0.1 and worth 20 patients; kappa ~ gamma(1.5, 0.5),
 * mean 3, which expects hospitals to differ widely. A vaguer pair is
 * mu ~ beta(2, 2) with kappa ~ pareto(1, 1.5), whose long tail leaves room for
 * nearly equal groups: with it the data decide how much is pooled.
 *
 * Sibling: beta_binomial has the same posterior and samples theta too. Prefer
 * this form: two parameters, whatever the number of groups.
 *
 * Sources: Skellam (1948), Journal of the Royal Statistical Society B 10,
 * 257-261; Gelman et al. (2013), Bayesian Data Analysis, 3rd edition, section
 * 5.3; the Pareto prior follows Carpenter (2016), Hierarchical Partial Pooling
 * for Repeated Binary Trials, a Stan case study.
 */
functions {
  #include beta.stanfunctions
  #include priors.stanfunctions
}
data {
  int<lower=1> J;
  array[J] int<lower=0> n;
  array[J] int<lower=0, upper=n> y;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  int<lower=7, upper=7> prior_mu;
  vector[3] prior_mu_args;
  int<lower=8, upper=9> prior_kappa;
  vector[3] prior_kappa_args;
}
transformed data {
  int<lower=0, upper=J> N = J - sum(holdout); // groups in the likelihood
  int<lower=0, upper=J> K = predictive * J; // groups with predictions
  array[N] int<lower=1, upper=J> observed = observed_groups(holdout);
  // What the likelihood sees of each group: events, and trials without one.
  vector[J] events = (1 - to_vector(holdout)) .* to_vector(y);
  vector[J] others = (1 - to_vector(holdout)) .* to_vector(n) - events;
  real<lower=0> kappa_min = prior_minimum(prior_kappa, prior_kappa_args);
}
parameters {
  real<lower=0, upper=1> mu;
  real<lower=kappa_min> kappa;
}
transformed parameters {
  // Log prior densities of the top-level parameters, for power-scaling.
  vector[2] lprior;
  lprior[1] = prior_lpdf(mu | prior_mu, prior_mu_args);
  lprior[2] = prior_lpdf(kappa | prior_kappa, prior_kappa_args);
}
model {
  target += sum(lprior);
  if (N > 0) {
    // lp__ lacks the binomial coefficients, which are constants. A chain that
    // strays to very large kappa while it warms up must find back.
    target += beta_groups_lupmf(y[observed] | n[observed], mu, kappa);
  }
}
generated quantities {
  vector[J] theta = beta_logit_rng(mu * kappa + events,
                                   (1 - mu) * kappa + others);
  vector<lower=0, upper=1>[J] p = inv_logit(theta);
  real<lower=0, upper=1> p_pop_mean = mu;
  real<lower=0, upper=1> p_pop_median = beta_median(mu, kappa);
  // Correlation of two trials in one group, on the probability scale.
  real<lower=0, upper=1> icc = inv(1 + kappa);
  // Variance of y relative to a binomial with the mean probability.
  vector<lower=1>[J] overdispersion = 1 + icc * fmax(to_vector(n) - 1, 0);
  array[K] int<lower=0, upper=n[1 : K]> y_rep = binomial_rng(n[1 : K],
                                                             p[1 : K]);
  // Unbounded: rounding may lift the log probability of a certain outcome above
  // 0 by 1e-10, and a failed bound would cost the whole draw.
  vector[K] log_lik;
  vector[K] log_lik_group;
  for (j in 1 : K) {
    real alpha = mu * kappa;
    real beta = (1 - mu) * kappa;
    log_lik[j] = binomial_logit_lpmf(y[j] | n[j], theta[j]);
    log_lik_group[j] = beta_binomial_lpmf(y[j] | n[j], alpha, beta);
  }
}
