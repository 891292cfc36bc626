/* CHANGE: one line on the model. As it stands: estimates with known standard
 * errors in J groups, effects normal across groups, non-centered form.
 *
 * Model, j = 1 ... J
 *   y[j]     ~ normal(theta[j], sigma[j])    if holdout[j] is 0
 *   theta[j] = mu + tau * z[j],   z[j] ~ normal(0, 1)
 *   mu       ~ prior_mu,   tau ~ prior_tau
 *
 * Data
 * J           number of groups
 * y[j]        estimated effect in group j, in the unit of the outcome
 * sigma[j]    its standard error, taken as known, in the same unit
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
 * z[j]        group j's distance from mu in units of tau
 *
 * Priors: CHANGE: which are used for which data, and why.
 *
 * Sibling: CHANGE: the program that is nearest, and when to prefer which.
 *
 * Sources: CHANGE: author (year), title, doi.
 */
functions {
  #include priors.stanfunctions
}
data {
  int<lower=1> J;
  // CHANGE: for events among trials, array[J] int<lower=0> n and
  // array[J] int<lower=0, upper=n> y in place of these two.
  vector[J] y;
  vector<lower=0>[J] sigma;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  // CHANGE: a pair for each top-level parameter. The bounds are the codes of
  // the families that it can take: location 1 and 2, scale 3 to 6, probability
  // 7, concentration 8 and 9.
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
  // CHANGE: top-level parameters first, in the order of their priors, then what
  // is sampled for each group.
  real mu;
  real<lower=0> tau;
  vector[J] z;
}
transformed parameters {
  // CHANGE: the effect of each group.
  vector[J] theta = mu + tau * z;
  // Log prior densities of the top-level parameters, for power-scaling: one
  // element each, in order.
  vector[2] lprior;
  lprior[1] = prior_lpdf(mu | prior_mu, prior_mu_args);
  lprior[2] = prior_lpdf(tau | prior_tau, prior_tau_args);
}
model {
  target += sum(lprior);
  // CHANGE: the population, then the likelihood of the observed groups alone.
  target += std_normal_lpdf(z);
  target += normal_lpdf(y[observed] | theta[observed], sigma[observed]);
}
generated quantities {
  array[K] real y_rep = normal_rng(theta[1 : K], sigma[1 : K]);
  vector[K] log_lik;
  vector[K] log_lik_group;
  for (j in 1 : K) {
    // CHANGE: given the group's own parameter, and with it integrated out; see
    // quadrature.stanfunctions where that has no closed form.
    log_lik[j] = normal_lpdf(y[j] | theta[j], sigma[j]);
    log_lik_group[j] = normal_lpdf(y[j] | mu, hypot(tau, sigma[j]));
  }
}
