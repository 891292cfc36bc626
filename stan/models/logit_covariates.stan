/* Events among trials in J groups with covariates: log-odds normal about a
 * regression, non-centered form.
 *
 * Model, j = 1 ... J
 *   y[j]     ~ binomial(n[j], inv_logit(theta[j]))    if holdout[j] is 0
 *   theta[j] = mu + Z[j] * b + tau * z[j],   z[j] ~ normal(0, 1)
 *   Z[j, d]  = (X[j, d] - mean of X[, d]) / (standard deviation of X[, d])
 *   mu       ~ prior_mu,   b[d] ~ prior_b independently,   tau ~ prior_tau
 *
 * Data
 * J, D        number of groups and of covariates
 * n[j], y[j]  trials and events of group j, counts, 0 <= y[j] <= n[j]; a group
 *             without trials is legal
 * X[j, d]     covariate d of group j, in a unit of its own; none is constant.
 *             Standardised over all J groups, held out or not
 * holdout[j]  1 leaves group j out of the likelihood, 0 keeps it; all ones turn
 *             the posterior into the prior
 * predictive  1 adds y_rep, log_lik and log_lik_group for every group, held
 *             out or not; 0 leaves them empty and saves their cost
 * prior_X, prior_X_args   family and arguments of the prior of parameter X; the
 *             codes are listed in priors.stanfunctions
 *
 * Parameters (log-odds, no unit)
 * mu          log-odds of the median group with average covariates
 * b[d]        change of the log-odds for one standard deviation of covariate d
 * tau         residual standard deviation: what the covariates leave
 *             unexplained between groups
 * z[j]        group j's distance from the regression in units of tau
 *
 * Generated
 * beta[d]     change of the log-odds for one unit of covariate d
 * intercept   log-odds of the median group where all covariates are 0
 * explained   standard deviation over the J groups of Z * b
 * r2          share of the variance between groups that the covariates explain,
 *             explained^2 / (explained^2 + tau^2)
 *
 * Priors by default: mu ~ normal(0, 1.5), close to uniform as a probability;
 * b ~ normal(0, 1), as odds hardly change by more than a factor exp(2) over one
 * standard deviation of a covariate; tau ~ half_normal(1), as groups with equal
 * covariates hardly differ from their median by more than a factor exp(2).
 *
 * Sibling: logit_noncentered, which this is where every b is 0. Like that one
 * it suits groups that are small or alike. The likelihood of a group integrated
 * over z[j] is that of logit_noncentered too, with mu + Z[j] * b as mean.
 *
 * Sources: Gelman and Hill (2007), Data Analysis Using Regression and
 * Multilevel/Hierarchical Models, chapters 12 to 14; on r2 at the level of
 * groups Gelman and Pardoe (2006), doi:10.1198/004017005000000517; on the form
 * Papaspiliopoulos, Roberts and Skold (2007), doi:10.1214/088342307000000014.
 */
functions {
  #include columns.stanfunctions
  #include quadrature.stanfunctions
}
data {
  int<lower=2> J;
  int<lower=1> D;
  array[J] int<lower=0> n;
  array[J] int<lower=0, upper=n> y;
  matrix[J, D] X;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  int<lower=1, upper=2> prior_mu;
  vector[3] prior_mu_args;
  int<lower=1, upper=2> prior_b;
  vector[3] prior_b_args;
  int<lower=3, upper=6> prior_tau;
  vector[3] prior_tau_args;
}
transformed data {
  int<lower=0, upper=J> N = J - sum(holdout); // groups in the likelihood
  int<lower=0, upper=J> K = predictive * J; // groups with predictions
  array[N] int<lower=1, upper=J> observed = observed_groups(holdout);
  vector[D] center = column_means(X);
  vector<lower=0>[D] scale = column_sds(X);
  matrix[J, D] Z = standardised_columns(X);
}
parameters {
  real mu;
  vector[D] b;
  real<lower=0> tau;
  vector[J] z;
}
transformed parameters {
  vector[J] regression = mu + Z * b;
  vector[J] theta = regression + tau * z;
  // Log prior densities of the top-level parameters, for power-scaling.
  vector[3] lprior;
  lprior[1] = prior_lpdf(mu | prior_mu, prior_mu_args);
  lprior[2] = 0;
  for (d in 1 : D) {
    lprior[2] += prior_lpdf(b[d] | prior_b, prior_b_args);
  }
  lprior[3] = prior_lpdf(tau | prior_tau, prior_tau_args);
}
model {
  target += sum(lprior);
  target += std_normal_lpdf(z);
  if (N > 0) {
    // lp__ lacks the binomial coefficients: constants, a quarter of the time.
    target += binomial_logit_lupmf(y[observed] | n[observed], theta[observed]);
  }
}
generated quantities {
  vector<lower=0, upper=1>[J] p = inv_logit(theta);
  vector[D] beta = b ./ scale;
  real intercept = mu - dot_product(beta, center);
  real<lower=0> explained = sd(regression);
  real<lower=0, upper=1> r2 = inv(1 + square(tau / explained));
  array[K] int<lower=0, upper=n[1 : K]> y_rep = binomial_rng(n[1 : K],
                                                             p[1 : K]);
  // Unbounded: rounding may lift the log probability of a certain outcome above
  // 0 by 1e-10, and a failed bound would cost the whole draw.
  vector[K] log_lik;
  vector[K] log_lik_group;
  for (j in 1 : K) {
    log_lik[j] = binomial_logit_lpmf(y[j] | n[j], theta[j]);
    real mean_j = regression[j];
    log_lik_group[j] = binomial_logit_normal_lpmf(y[j] | n[j], mean_j, tau);
  }
}
