/* Estimates with known standard errors in J groups: effects normal across
 * groups, each centered as far as its estimate calls for.
 *
 * Model, j = 1 ... J
 *   y[j]     ~ normal(theta[j], sigma[j])    if holdout[j] is 0
 *   theta[j] = mu + tau^(1 - v[j]) * (xi[j] - v[j] * mu),   v = w_centered
 *   xi[j]    ~ normal(v[j] * mu, tau^v[j]),   so theta[j] ~ normal(mu, tau)
 *   mu       ~ prior_mu,   tau ~ prior_tau
 *
 * Data
 * J           number of groups
 * y[j]        estimated effect in group j, in the unit of the outcome (eight
 *             schools: points of the SAT-V score)
 * sigma[j]    its standard error, taken as known, in the same unit
 * w_centered[j]   how far group j is centered: 1 fully, 0 not at all. Any value
 *             gives the same posterior. The best is the weight of the group's
 *             own estimate, w[j] below, at a guess of tau
 * holdout[j]  1 leaves group j out of the likelihood, 0 keeps it; all ones turn
 *             the posterior into the prior
 * predictive  1 adds y_rep, log_lik and log_lik_group for every group, held
 *             out or not; 0 leaves them empty and saves their cost
 * prior_X, prior_X_args   family and arguments of the prior of parameter X; the
 *             codes are listed in priors.stanfunctions
 *
 * Parameters (in the unit of y)
 * mu          mean effect over the population of groups
 * tau         standard deviation of the effects between groups
 * xi[j]       partly centered effect in group j (unit: that of y to the power
 *             of v[j])
 *
 * Priors used for the eight schools: mu ~ normal(0, 5), as coaching rarely
 * moves a score of standard deviation 100 by more than 10 points;
 * tau ~ half_cauchy(5), which lets the data argue for complete pooling or none
 * (Gelman 2006, doi:10.1214/06-BA117A).
 *
 * Sibling: eight_schools_marginal has the same posterior and needs no weights.
 * Weights of 1 are eight_schools_centered, of 0 eight_schools_noncentered.
 *
 * Sources: Rubin (1981), doi:10.3102/10769986006004377; Gelman et al. (2013),
 * Bayesian Data Analysis, 3rd edition, section 5.5; on the two forms
 * Papaspiliopoulos, Roberts and Skold (2007), doi:10.1214/088342307000000014.
 */
functions {
  #include effects.stanfunctions
}
data {
  int<lower=1> J;
  vector[J] y;
  vector<lower=0>[J] sigma;
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
  target += normal_lpdf(y[observed] | theta[observed], sigma[observed]);
}
generated quantities {
  // Weight of a group's own estimate in its effect given mu and tau, the rest
  // being the weight of mu: tau^2 / (tau^2 + sigma^2), finite also at tau = 0.
  vector<lower=0, upper=1>[J] w = inv(1 + square(sigma / tau));
  array[K] real y_rep = normal_rng(theta[1 : K], sigma[1 : K]);
  vector[K] log_lik;
  vector[K] log_lik_group;
  for (j in 1 : K) {
    log_lik[j] = normal_lpdf(y[j] | theta[j], sigma[j]);
    log_lik_group[j] = normal_lpdf(y[j] | mu, hypot(tau, sigma[j]));
  }
}
