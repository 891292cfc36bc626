/* Events among trials in J groups: log-odds from two normal populations, a
 * lower and an upper one.
 *
 * Model, j = 1 ... J
 *   y[j]     ~ binomial(n[j], inv_logit(theta[j]))    if holdout[j] is 0
 *   theta[j] ~ normal(mu_low, tau)          with probability 1 - lambda
 *   theta[j] ~ normal(mu_low + gap, tau)    with probability lambda
 *   mu_low ~ prior_mu_low,   gap ~ prior_gap,   tau ~ prior_tau,
 *   lambda ~ prior_lambda
 *
 * The population of a group is summed over. As gap is positive the two cannot
 * change places.
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
 * mu_low      log-odds of the median group of the lower population
 * gap         distance of the upper population's median from the lower one's
 * tau         standard deviation of the log-odds within either population
 * lambda      share of groups that belong to the upper population
 * z[j]        group j's distance from the mean of all groups in units of their
 *             standard deviation, sqrt(tau^2 + lambda * (1 - lambda) * gap^2):
 *             its density is that of two normals with mean 0 and variance 1, so
 *             that small tau and gap together make no funnel
 *
 * One tau for both: a population of its own width could close in on a single
 * group, and two populations of the same place but different width would be
 * heavy tails, which logit_student_t has.
 *
 * Derived: p_upper[j] is the probability, given theta[j], that group j belongs
 * to the upper population; its posterior mean is that given the data.
 *
 * Priors used for the surgical data (12 hospitals, deaths after heart surgery):
 * mu_low ~ normal(logit(0.075), 1); gap ~ half_normal(1.5), as populations
 * whose odds differ by a factor above exp(3) are not expected;
 * tau ~ gamma(4, 10), between 0.11 and 0.88 with probability 0.95: groups of
 * one population are more alike than groups of two; lambda ~ beta(2, 2), which
 * keeps away from an empty population.
 *
 * The prior of tau vanishes at 0 for a reason. With tau far below gap a group
 * has two separate peaks, between which a sampler can hardly move. Even so the
 * program does not converge everywhere: watch divergences, and R-hat of z and
 * p_upper.
 *
 * Sibling: logit_noncentered has one population, the limit of gap = 0. Prefer
 * this one for a question about two kinds of groups, not for a better fit.
 *
 * Sources: Fruehwirth-Schnatter (2006), Finite Mixture and Markov Switching
 * Models, doi:10.1007/978-0-387-35768-3; on identification by ordering
 * Betancourt (2017), Identifying Bayesian Mixture Models, a Stan case study.
 */
functions {
  #include priors.stanfunctions
  #include quadrature.stanfunctions
}
data {
  int<lower=1> J;
  array[J] int<lower=0> n;
  array[J] int<lower=0, upper=n> y;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  int<lower=1, upper=2> prior_mu_low;
  vector[3] prior_mu_low_args;
  int<lower=3, upper=6> prior_gap;
  vector[3] prior_gap_args;
  int<lower=8, upper=9> prior_tau;
  vector[3] prior_tau_args;
  int<lower=7, upper=7> prior_lambda;
  vector[3] prior_lambda_args;
}
transformed data {
  int<lower=0, upper=J> N = J - sum(holdout); // groups in the likelihood
  int<lower=0, upper=J> K = predictive * J; // groups with predictions
  array[N] int<lower=1, upper=J> observed = observed_groups(holdout);
  real<lower=0> tau_min = prior_minimum(prior_tau, prior_tau_args);
}
parameters {
  real mu_low;
  real<lower=0> gap;
  real<lower=tau_min> tau;
  real<lower=0, upper=1> lambda;
  vector[J] z;
}
transformed parameters {
  real mu_high = mu_low + gap;
  // Standard deviation of the log-odds over all groups.
  real<lower=0> sd_all = hypot(tau, gap * sqrt(lambda * (1 - lambda)));
  vector[J] theta = mu_low + lambda * gap + sd_all * z;
  // Log prior densities of the top-level parameters, for power-scaling.
  vector[4] lprior;
  lprior[1] = prior_lpdf(mu_low | prior_mu_low, prior_mu_low_args);
  lprior[2] = prior_lpdf(gap | prior_gap, prior_gap_args);
  lprior[3] = prior_lpdf(tau | prior_tau, prior_tau_args);
  lprior[4] = prior_lpdf(lambda | prior_lambda, prior_lambda_args);
}
model {
  real high = (1 - lambda) * gap / sd_all; // medians in units of z
  real low = -lambda * gap / sd_all;
  real width = tau / sd_all;
  target += sum(lprior);
  for (j in 1 : J) {
    target += log_mix(lambda, normal_lpdf(z[j] | high, width),
                      normal_lpdf(z[j] | low, width));
  }
  if (N > 0) {
    // lp__ lacks the binomial coefficients: constants, a quarter of the time.
    target += binomial_logit_lupmf(y[observed] | n[observed], theta[observed]);
  }
}
generated quantities {
  vector<lower=0, upper=1>[J] p = inv_logit(theta);
  vector<lower=0, upper=1>[J] p_upper;
  real<lower=0, upper=1> p_low = inv_logit(mu_low);
  real<lower=0, upper=1> p_high = inv_logit(mu_high);
  // Mean over groups of both populations.
  real<lower=0, upper=1> p_pop_mean;
  array[K] int<lower=0, upper=n[1 : K]> y_rep = binomial_rng(n[1 : K],
                                                             p[1 : K]);
  // Unbounded: rounding may lift the log probability of a certain outcome above
  // 0 by 1e-10, and a failed bound would cost the whole draw.
  vector[K] log_lik;
  vector[K] log_lik_group;
  {
    vector[J] middle = (theta - 0.5 * (mu_low + mu_high)) / tau;
    p_upper = inv_logit(logit(lambda) + (gap / tau) * middle);
    vector[2] lower_moments = logit_normal_moments(mu_low, tau);
    vector[2] upper_moments = logit_normal_moments(mu_high, tau);
    p_pop_mean = (1 - lambda) * lower_moments[1] + lambda * upper_moments[1];
  }
  for (j in 1 : K) {
    real if_high = binomial_logit_normal_lpmf(y[j] | n[j], mu_high, tau);
    real if_low = binomial_logit_normal_lpmf(y[j] | n[j], mu_low, tau);
    log_lik[j] = binomial_logit_lpmf(y[j] | n[j], theta[j]);
    log_lik_group[j] = log_mix(lambda, if_high, if_low);
  }
}
