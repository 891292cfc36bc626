/* Events among trials in J groups: log-odds Student-t distributed across
 * groups, non-centered form.
 *
 * Model, j = 1 ... J
 *   y[j]     ~ binomial(n[j], inv_logit(theta[j]))    if holdout[j] is 0
 *   theta[j] = mu + tau * z[j],   z[j] ~ student_t(nu, 0, 1)
 *   mu       ~ prior_mu,   tau ~ prior_tau
 *   nu       ~ prior_nu, cut off below 1
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
 * mu          log-odds of the median group
 * tau         scale of the log-odds between groups; their standard deviation is
 *             tau * sqrt(nu / (nu - 2)), and infinite for nu up to 2
 * nu          degrees of freedom, above 1: near 1 single groups stand out far,
 *             above some 30 the population is all but normal
 * z[j]        group j's distance from mu in units of tau
 *
 * Below nu = 1 a population has not even a mean, and a group without events
 * would drag the sampler to no end; so the prior is cut off there, and lprior
 * has the density normalised above 1.
 *
 * Priors used for the surgical data (12 hospitals, deaths after heart surgery):
 * mu ~ normal(logit(0.075), 1) and tau ~ half_normal(1) as in
 * logit_noncentered; nu ~ gamma(2, 0.1), mean 20, which gives heavy and light
 * tails their chance and vanishes towards 0 and infinity.
 *
 * Sibling: logit_noncentered has the normal population, the limit of large nu.
 * Prefer this one when a few groups may differ from the rest by far: they are
 * shrunk less, and they widen tau less. A dozen groups say little of nu.
 *
 * Sources: Juarez and Steel (2010), doi:10.1198/jbes.2009.07145, for the prior
 * of nu; Lee and Thompson (2008), doi:10.1002/sim.2897, on heavy-tailed random
 * effects.
 */
functions {
  #include priors.stanfunctions
  #include student_t.stanfunctions
}
data {
  int<lower=1> J;
  array[J] int<lower=0> n;
  array[J] int<lower=0, upper=n> y;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  int<lower=1, upper=2> prior_mu;
  vector[3] prior_mu_args;
  int<lower=3, upper=6> prior_tau;
  vector[3] prior_tau_args;
  int<lower=8, upper=9> prior_nu;
  vector[3] prior_nu_args;
}
transformed data {
  int<lower=0, upper=J> N = J - sum(holdout); // groups in the likelihood
  int<lower=0, upper=J> K = predictive * J; // groups with predictions
  array[N] int<lower=1, upper=J> observed = observed_groups(holdout);
  real<lower=1> nu_min = fmax(1, prior_minimum(prior_nu, prior_nu_args));
  // Log probability that the prior gives to nu above 1: gamma or Pareto.
  real log_above = prior_nu == 8
                   ? gamma_lccdf(1 | prior_nu_args[1], prior_nu_args[2])
                   : fmin(0, prior_nu_args[2] * log(prior_nu_args[1]));
}
parameters {
  real mu;
  real<lower=0> tau;
  real<lower=nu_min> nu;
  vector[J] z;
}
transformed parameters {
  vector[J] theta = mu + tau * z;
  // Log prior densities of the top-level parameters, for power-scaling.
  vector[3] lprior;
  lprior[1] = prior_lpdf(mu | prior_mu, prior_mu_args);
  lprior[2] = prior_lpdf(tau | prior_tau, prior_tau_args);
  lprior[3] = prior_lpdf(nu | prior_nu, prior_nu_args) - log_above;
}
model {
  target += sum(lprior);
  target += student_t_lpdf(z | nu, 0, 1);
  if (N > 0) {
    // lp__ lacks the binomial coefficients: constants, a quarter of the time.
    target += binomial_logit_lupmf(y[observed] | n[observed], theta[observed]);
  }
}
generated quantities {
  vector<lower=0, upper=1>[J] p = inv_logit(theta);
  // Two averages of the population: the median group's probability, and the
  // mean over groups.
  real<lower=0, upper=1> p_pop_median = inv_logit(mu);
  real<lower=0, upper=1> p_pop_mean = logit_student_t_mean(nu, mu, tau);
  array[K] int<lower=0, upper=n[1 : K]> y_rep = binomial_rng(n[1 : K],
                                                             p[1 : K]);
  // Unbounded: rounding may lift the log probability of a certain outcome above
  // 0 by 1e-10, and a failed bound would cost the whole draw.
  vector[K] log_lik;
  vector[K] log_lik_group;
  for (j in 1 : K) {
    log_lik[j] = binomial_logit_lpmf(y[j] | n[j], theta[j]);
    log_lik_group[j] = binomial_logit_student_t_lpmf(y[j] | n[j], nu, mu, tau);
  }
}
