/* Events among trials in J groups: each group on its own, no pooling.
 *
 * Model, j = 1 ... J
 *   y[j]     ~ binomial(n[j], inv_logit(theta[j]))    if holdout[j] is 0
 *   theta[j] ~ prior_theta, independently
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
 * theta[j]    log-odds of an event in group j
 *
 * lprior has one element, the sum over groups: one prior serves all of them.
 * log_lik_group integrates theta[j] over prior_theta, all that this model knows
 * of a group without data. It depends on no parameter, so it is the same in
 * every draw and equals the log predictive probability of the group given the
 * others, exactly.
 *
 * Priors used where there are no better ones: theta ~ normal(0, 1.5), under
 * which each probability is close to uniform.
 *
 * Siblings: binomial_pooled has one probability for all groups, and
 * logit_noncentered lets the data decide between the two. This program is the
 * end of the scale where groups have nothing to do with each other: its
 * estimates of small groups are noisy, and of a new group it knows the prior.
 *
 * Sources: Gelman et al. (2013), Bayesian Data Analysis, 3rd edition, section
 * 5.3; Gelman and Hill (2007), Data Analysis Using Regression and
 * Multilevel/Hierarchical Models, section 12.2, on no pooling.
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
      as_new[j] = binomial_logit_normal_lpmf(y[j] | n[j], a[1], a[2]);
    } else {
      as_new[j] = binomial_logit_student_t_lpmf(y[j] | n[j], a[1], a[2], a[3]);
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
  if (N > 0) {
    // lp__ lacks the binomial coefficients: constants, a quarter of the time.
    target += binomial_logit_lupmf(y[observed] | n[observed], theta[observed]);
  }
}
generated quantities {
  vector<lower=0, upper=1>[J] p = inv_logit(theta);
  array[K] int<lower=0, upper=n[1 : K]> y_rep = binomial_rng(n[1 : K],
                                                             p[1 : K]);
  // Unbounded: rounding may lift the log probability of a certain outcome above
  // 0 by 1e-10, and a failed bound would cost the whole draw.
  vector[K] log_lik;
  vector[K] log_lik_group = as_new;
  for (j in 1 : K) {
    log_lik[j] = binomial_logit_lpmf(y[j] | n[j], theta[j]);
  }
}
