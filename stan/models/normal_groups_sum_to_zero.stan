/* Observations in J groups: effects that sum to zero about their mean, one
 * unknown standard deviation within groups.
 *
 * Model, j = 1 ... J
 *   y_ij     ~ normal(theta[j], sigma)    observations i = 1 ... n[j]
 *              if holdout[j] is 0
 *   theta[j] = mu + tau * z[j],   sum of z = 0
 *   z        ~ normal(0, identity - 1 / J) on the vectors that sum to zero
 *   mu       ~ prior_mu,   tau ~ prior_tau,   sigma ~ prior_sigma
 *
 * Data
 * J           number of groups
 * n[j]        number of observations in group j
 * y[j]        their mean, in the unit of the outcome
 * ss[j]       sum of their squared distances from the mean, in the unit's
 *             square; 0 for a group of one. With n and y it tells all that the
 *             observations tell about the parameters
 * holdout[j]  1 leaves group j out of the likelihood, 0 keeps it; all ones turn
 *             the posterior into the prior
 * predictive  1 adds y_rep, ss_rep, log_lik and log_lik_group for every group,
 *             held out or not; 0 leaves them empty and saves their cost
 * prior_X, prior_X_args   family and arguments of the prior of parameter X; the
 *             codes are listed in priors.stanfunctions
 *
 * Parameters (in the unit of the outcome)
 * mu          mean of the effects of these J groups
 * tau         standard deviation of the effects between groups
 * sigma       standard deviation of the observations within each group
 * x[k]        J - 1 independent coordinates of z, standard normal (no unit)
 * z[j]        group j's distance from mu in units of tau (no unit): J standard
 *             normal numbers minus their mean
 *
 * Priors used for the omega grid: mu ~ normal(0, 1), tau ~ half_normal(10),
 * sigma ~ half_normal(1), those of the discussion that the data come from, wide
 * in tau so that groups of any spread are possible. For other data the package
 * scales all three by the data. tau ~ half_cauchy(s) leaves the data free to
 * argue for no pooling (Gelman 2006, doi:10.1214/06-BA117A).
 *
 * What the sum changes: mu is the mean of these groups, not of the population
 * that they come from, so its posterior has the standard deviation of a mean of
 * all observations, about sigma / sqrt(sum n), where that of the siblings has
 * about sqrt(tau^2 + sigma^2 / n) / sqrt(J). It must not be read as the mean of
 * new groups: with five groups and tau = 10 its interval is 60 times too narrow
 * for that, and an interval for the population's mean that does not contain the
 * truth is then no fault of the sampler. tau, sigma and theta hardly differ.
 * Groups are not independent given mu, tau and sigma: log_lik_group is each
 * group's density given the others in the likelihood, p(y_j | y_-j, mu, tau,
 * sigma), as leaving it out needs it, and its sum is not a joint one.
 *
 * Sibling: normal_groups_noncentered has a population's mean and the same
 * weakness, chains that hardly move where tau is well above sigma / sqrt(n);
 * normal_groups_marginal has neither.
 *
 * Sources: Gelman et al. (2013), Bayesian Data Analysis, 3rd edition, sections
 * 5.4 and 11.6. The distribution of z is PyMC's ZeroSumNormal, here in the
 * coordinates that a Householder reflection gives.
 */
functions {
  #include normal_groups.stanfunctions
  #include zero_sum.stanfunctions
}
data {
  int<lower=2> J;
  array[J] int<lower=1> n;
  vector[J] y;
  vector<lower=0>[J] ss;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  int<lower=1, upper=2> prior_mu;
  vector[3] prior_mu_args;
  int<lower=3, upper=6> prior_tau;
  vector[3] prior_tau_args;
  int<lower=3, upper=6> prior_sigma;
  vector[3] prior_sigma_args;
}
transformed data {
  int<lower=0, upper=J> N = J - sum(holdout); // groups in the likelihood
  int<lower=0, upper=J> K = predictive * J; // groups with predictions
  array[N] int<lower=1, upper=J> observed = observed_groups(holdout);
  vector[J] m = to_vector(n);
}
parameters {
  real mu;
  real<lower=0> tau;
  real<lower=0> sigma;
  vector[J - 1] x;
}
transformed parameters {
  vector[J] z = zero_sum(x);
  vector[J] theta = mu + tau * z;
  // Log prior densities of the top-level parameters, for power-scaling.
  vector[3] lprior;
  lprior[1] = prior_lpdf(mu | prior_mu, prior_mu_args);
  lprior[2] = prior_lpdf(tau | prior_tau, prior_tau_args);
  lprior[3] = prior_lpdf(sigma | prior_sigma, prior_sigma_args);
}
model {
  target += sum(lprior);
  target += std_normal_lpdf(x);
  target += normal_groups_log_density(y[observed], ss[observed], m[observed],
                                      theta[observed], 0, sigma);
}
generated quantities {
  // Correlation of two observations of one group.
  real<lower=0, upper=1> icc = inv(1 + square(sigma / tau));
  array[K] real y_rep = normal_rng(theta[1 : K], sigma ./ sqrt(m[1 : K]));
  array[K] real ss_rep = normal_groups_ss_rng(n[1 : K], sigma);
  vector[K] log_lik = normal_groups_log_lik(y[1 : K], ss, m, theta, 0, sigma);
  vector[K] log_lik_group;
  for (j in 1 : K) {
    vector[2] given = zero_sum_given(j, y, m, holdout, mu, tau, sigma);
    log_lik_group[j] = normal_groups_log_density(y[j : j], ss[j : j], m[j : j],
                                                 given[1 : 1], given[2], sigma);
  }
}
