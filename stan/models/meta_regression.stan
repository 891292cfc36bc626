/* Meta-analysis of study estimates with covariates (meta-regression),
 * non-centered form.
 *
 * Model, j = 1 ... J
 *   y[j]     ~ normal(theta[j], sigma[j])    if holdout[j] is 0
 *   theta[j] = mu + Xs[j] * beta_std + tau * z[j],   z[j] ~ normal(0, 1)
 *   Xs[j, k] = (X[j, k] - mean(X[, k])) / sd(X[, k])
 *   mu ~ prior_mu,  beta_std[k] ~ prior_beta_std,  tau ~ prior_tau
 *
 * Data
 * J           number of studies
 * K           number of covariates, 0 for a meta-analysis without any
 * y[j]        estimated effect in study j, in its unit (the example: log risk
 *             ratio)
 * sigma[j]    its standard error, taken as known, in the same unit
 * X[j, k]     covariate k of study j, in its own unit
 * holdout[j]  1 leaves study j out of the likelihood, 0 keeps it; all ones turn
 *             the posterior into the prior
 * predictive  1 adds y_rep, log_lik and log_lik_group for every study, held out
 *             or not; 0 leaves them empty and saves their cost
 * prior_X, prior_X_args   family and arguments of the prior of parameter X; the
 *             codes are listed in priors.stanfunctions
 *
 * Parameters (in the unit of y)
 * mu          mean effect of studies whose covariates have their mean values;
 *             sampled from the mean of the estimates in units of their spread,
 *             so that chains start among them also where that is far from 0
 * beta_std[k] change of the effect for one standard deviation of covariate k
 * tau         standard deviation of the effects that covariates leave
 * z[j]        study j's distance from its mean in units of tau (no unit)
 *
 * Derived: theta[j], the effect of study j; beta[k], the change of the effect
 * for one unit of covariate k; intercept, the mean effect where every covariate
 * is 0; tau2, tau squared; i2, tau^2 / (tau^2 + s^2) with the typical variance
 * s^2 within studies; r2, the share of the variance of effects that covariates
 * explain, var(Xs * beta_std) / (var(Xs * beta_std) + tau^2); theta_new, the
 * effect of a new study with mean covariates.
 *
 * Priors used by default, scaled by the data: mu ~ normal around the median
 * estimate; beta_std ~ normal(0, spread of the estimates) and tau ~ half_normal
 * of the same scale, for neither the covariates nor what they leave is expected
 * to differ more than the estimates do.
 *
 * Sibling: eight_schools_noncentered is the same without covariates.
 *
 * Sources: Thompson and Higgins (2002), doi:10.1002/sim.1187; Higgins, Thompson
 * and Spiegelhalter (2009), doi:10.1111/j.1467-985X.2008.00552.x; on I^2
 * Higgins and Thompson (2002), doi:10.1002/sim.1186.
 */
functions {
  #include columns.stanfunctions
  #include typical_variance.stanfunctions
}
data {
  int<lower=2> J;
  int<lower=0, upper=J - 2> K;
  vector[J] y;
  vector<lower=0>[J] sigma;
  matrix[J, K] X;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  int<lower=1, upper=2> prior_mu;
  vector[3] prior_mu_args;
  int<lower=1, upper=2> prior_beta_std;
  vector[3] prior_beta_std_args;
  int<lower=3, upper=6> prior_tau;
  vector[3] prior_tau_args;
}
transformed data {
  int<lower=0, upper=J> N = J - sum(holdout); // studies in the likelihood
  int<lower=0, upper=J> R = predictive * J; // studies with predictions
  array[N] int<lower=1, upper=J> observed = observed_groups(holdout);
  vector[K] average = column_means(X);
  vector<lower=0>[K] spread = column_sds(X);
  matrix[J, K] Xs = standardised_columns(X);
  real<lower=0> s2 = typical_variance(sigma, append_col(rep_vector(1, J), Xs));
  // Where chains start, and in which unit: estimates may be far from 0.
  real centre = mean(y);
  real<lower=0> unit = sqrt(variance(y) + mean(square(sigma)));
}
parameters {
  real<offset=centre, multiplier=unit> mu;
  vector[K] beta_std;
  real<lower=0> tau;
  vector[J] z;
}
transformed parameters {
  vector[J] expected = mu + Xs * beta_std;
  vector[J] theta = expected + tau * z;
  // Log prior densities of the top-level parameters, for power-scaling.
  vector[3] lprior;
  lprior[1] = prior_lpdf(mu | prior_mu, prior_mu_args);
  lprior[2] = 0;
  for (k in 1 : K) {
    lprior[2] += prior_lpdf(beta_std[k] | prior_beta_std, prior_beta_std_args);
  }
  lprior[3] = prior_lpdf(tau | prior_tau, prior_tau_args);
}
model {
  target += sum(lprior);
  target += std_normal_lpdf(z);
  target += normal_lpdf(y[observed] | theta[observed], sigma[observed]);
}
generated quantities {
  vector[K] beta = beta_std ./ spread;
  real intercept = mu - dot_product(average, beta);
  real<lower=0> tau2 = square(tau);
  real<lower=0, upper=1> i2 = tau2 / (tau2 + s2);
  real<lower=0, upper=1> r2 = K > 0 ? inv(1 + tau2 / variance(expected)) : 0;
  real theta_new = normal_rng(mu, tau);
  array[R] real y_rep = normal_rng(theta[1 : R], sigma[1 : R]);
  vector[R] log_lik;
  vector[R] log_lik_group;
  for (j in 1 : R) {
    log_lik[j] = normal_lpdf(y[j] | theta[j], sigma[j]);
    log_lik_group[j] = normal_lpdf(y[j] | expected[j], hypot(tau, sigma[j]));
  }
}
