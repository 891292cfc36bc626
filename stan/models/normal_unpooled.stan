/* Estimates with known standard errors in J groups: each group on its own,
 * no pooling.
 *
 * Model, j = 1 ... J
 *   y[j]     ~ normal(theta[j], sigma[j])    if holdout[j] is 0
 *   theta[j] ~ prior_theta, independently
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
 * theta[j]    effect in group j
 *
 * lprior has one element, the sum over groups: one prior serves all of them.
 * log_lik_group integrates theta[j] over prior_theta, all that this model knows
 * of a group without data: normal(loc, hypot(scale, sigma[j])) for a normal
 * prior, a quadrature for a Student-t one. It depends on no parameter, so it is
 * the same in every draw and equals the log predictive density of the group
 * given the others, exactly.
 *
 * Priors used where there are no better ones: a normal one around the median
 * estimate, 2.5 times as wide as the estimates and their errors together
 * spread, which leaves each group to its own estimate.
 *
 * Siblings: normal_pooled has one effect for all groups, and
 * eight_schools_noncentered lets the data decide between the two.
 *
 * Sources: Gelman et al. (2013), Bayesian Data Analysis, 3rd edition, section
 * 5.5, on separate estimates; Rubin (1981), doi:10.3102/10769986006004377.
 */
functions {
  #include priors.stanfunctions
  #include student_t.stanfunctions
}
data {
  int<lower=1> J;
  vector[J] y;
  vector<lower=0>[J] sigma;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  int<lower=1, upper=2> prior_theta;
  vector[3] prior_theta_args;
}
transformed data {
  int<lower=0, upper=J> N = J - sum(holdout); // groups in the likelihood
  int<lower=0, upper=J> K = predictive * J; // groups with predictions
  array[N] int<lower=1, upper=J> observed = observed_groups(holdout);
  vector[K] as_new; // log probability of y[j] as a new group's
  for (j in 1 : K) {
    vector[3] a = prior_theta_args;
    if (prior_theta == 1) {
      as_new[j] = normal_lpdf(y[j] | a[1], hypot(a[2], sigma[j]));
    } else {
      as_new[j] = normal_student_t_lpdf(y[j] | sigma[j], a[1], a[2], a[3]);
    }
  }
}
parameters {
  vector[J] theta;
}
transformed parameters {
  // Log prior density of the groups' parameters, for power-scaling.
  vector[1] lprior = [0]';
  for (j in 1 : J) {
    lprior[1] += prior_lpdf(theta[j] | prior_theta, prior_theta_args);
  }
}
model {
  target += sum(lprior);
  target += normal_lpdf(y[observed] | theta[observed], sigma[observed]);
}
generated quantities {
  array[K] real y_rep = normal_rng(theta[1 : K], sigma[1 : K]);
  vector[K] log_lik;
  vector[K] log_lik_group = as_new;
  for (j in 1 : K) {
    log_lik[j] = normal_lpdf(y[j] | theta[j], sigma[j]);
  }
}
