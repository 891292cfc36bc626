/* Estimates with known standard errors in J groups: one effect for all,
 * complete pooling.
 *
 * Model, j = 1 ... J
 *   y[j] ~ normal(mu, sigma[j])    if holdout[j] is 0
 *   mu   ~ prior_mu
 *
 * Data
 * J           number of groups
 * y[j]        estimated effect in group j, in the unit of the outcome (eight
 *             schools: points of the SAT-V score)
 * sigma[j]    its standard error, taken as known, in the same unit
 * holdout[j]  1 leaves group j out of the likelihood, 0 keeps it; all ones turn
 *             the posterior into the prior
 * predictive  1 adds y_rep, log_lik and log_lik_group for every group, held
 *             out or not; 0 leaves them empty and saves their cost
 * prior_X, prior_X_args   family and arguments of the prior of parameter X; the
 *             codes are listed in priors.stanfunctions
 *
 * Parameters (in the unit of y)
 * mu          effect, the same in every group
 *
 * Derived: theta[j] = mu, one for each group, so that the output reads like
 * that of the programs whose groups differ. As no group has a parameter of its
 * own, log_lik_group is log_lik.
 *
 * Priors used for the eight schools: mu ~ normal(0, 5), as coaching rarely
 * moves a score of standard deviation 100 by more than 10 points. With a normal
 * prior the posterior is normal too: the mean weighted by the inverse squares
 * of sigma, the prior counting as one more estimate; meta-analysts know it as
 * the common-effect model.
 *
 * Siblings: normal_unpooled gives each group an effect of its own, and
 * eight_schools_noncentered lets the data decide between the two.
 *
 * Sources: Gelman et al. (2013), Bayesian Data Analysis, 3rd edition, sections
 * 2.5 and 5.5; Rubin (1981), doi:10.3102/10769986006004377.
 */
functions {
  #include priors.stanfunctions
}
data {
  int<lower=1> J;
  vector[J] y;
  vector<lower=0>[J] sigma;
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
  target += normal_lpdf(y[observed] | theta[observed], sigma[observed]);
}
generated quantities {
  array[K] real y_rep = normal_rng(theta[1 : K], sigma[1 : K]);
  vector[K] log_lik;
  vector[K] log_lik_group;
  for (j in 1 : K) {
    log_lik[j] = normal_lpdf(y[j] | mu, sigma[j]);
  }
  log_lik_group = log_lik;
}
