/* Linear regression of N rows in J groups, with an intercept and slopes that
 * vary by group and are correlated; the groups' effects are integrated out.
 *
 * Model, row i = 1 ... N of group j = g[i]; x: covariates centred and scaled
 *   y[i] ~ normal(intercept + x[i] * slope + w[i] * u[, j], sigma)
 *                                                      if holdout[j] is 0
 *   u[, j] ~ multi_normal(0, diag(tau) * Omega * diag(tau))
 *   intercept ~ prior_intercept,   slope[k] ~ prior_slope,
 *   tau[v] ~ prior_tau,   Omega ~ prior_Omega,   sigma ~ prior_sigma
 * where w[i] holds 1 for the intercept and those elements of x[i] whose slopes
 * vary. With V = 0 no effect varies: one regression for all rows.
 *
 * Data
 * J, N, K, V  numbers of groups, rows, covariates and varying effects
 * y[i]        outcome of row i, in its own unit
 * X[i, k]     covariate k in row i, in its own unit
 * g[i]        group of row i
 * varying[v]  0 for the intercept, which is the first, k for covariate k
 * center[k], scale[k]   where x is zero, and what it is one of, in the unit of
 *             covariate k: mean and standard deviation, or for a covariate with
 *             two values their distance, so that its slope stays a contrast
 *             (Gelman et al. 2008, doi:10.1214/08-AOAS191)
 * holdout[j]  1 leaves group j out of the likelihood, 0 keeps it; all ones turn
 *             the posterior into the prior
 * predictive  1 adds y_rep for every row, log_lik and log_lik_group for every
 *             group, held out or not; 0 leaves them empty and saves their cost
 * prior_X, prior_X_args   family and arguments of the prior of parameter X; the
 *             codes are listed in priors.stanfunctions
 *
 * Parameters (in the unit of y)
 * intercept   mean outcome where every covariate is at its centre
 * slope[k]    change of the mean outcome over one scale of covariate k
 * tau[v]      standard deviation between groups of varying effect v
 * Omega       correlation matrix of the varying effects, L its Cholesky factor;
 *             empty where fewer than two effects vary
 * sigma       standard deviation of rows around their group's line
 * u[v, j]     effects of group j: not sampled, but drawn from their normal
 *             distribution given the rest, in generated quantities
 *
 * Derived: alpha and beta[k], intercept at zero and slopes by unit, on the
 * covariates' own scale; coef[v, j] group j's own, sd_effect[v] their standard
 * deviation between groups; theta[j] the group's mean outcome at the centre.
 *
 * Priors by default, s being the standard deviation of y: intercept normal
 * around the mean of y with 2.5 s, slope normal(0, 2.5 s), tau half-normal(s),
 * sigma exponential with mean s: an outcome is rarely explained by more than
 * its own spread. Omega ~ LKJ(2), which favours weak correlations (Lewandowski,
 * Kurowicka and Joe 2009, doi:10.1016/j.jmva.2009.04.008).
 *
 * Given the top-level parameters a group's rows are multivariate normal, which
 * is the likelihood here and log_lik_group. Sampling the effects beside it, in
 * non-centered form, failed to converge in 8 of 100 simulations of long series.
 * A group's rows are rotated into K + 2 of them, which leaves the likelihood as
 * it is and makes it cheap for long groups.
 *
 * Sibling: logistic_regression, for outcomes that are 0 or 1.
 *
 * Sources: Gelman and Hill (2007), doi:10.1017/CBO9780511790942, chapters 11 to
 * 13; Laird and Ware (1982), doi:10.2307/2529876.
 */
functions {
  #include priors.stanfunctions
  #include regression.stanfunctions
}
data {
  int<lower=1> J;
  int<lower=1> N;
  int<lower=0> K;
  int<lower=0, upper=K + 1> V;
  vector[N] y;
  matrix[N, K] X;
  array[N] int<lower=1, upper=J> g;
  array[V] int<lower=0, upper=K> varying;
  vector[K] center;
  vector<lower=0>[K] scale;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  int<lower=1, upper=2> prior_intercept;
  vector[3] prior_intercept_args;
  int<lower=1, upper=2> prior_slope;
  vector[3] prior_slope_args;
  int<lower=3, upper=6> prior_tau;
  vector[3] prior_tau_args;
  int<lower=10, upper=10> prior_Omega;
  vector[3] prior_Omega_args;
  int<lower=3, upper=6> prior_sigma;
  vector[3] prior_sigma_args;
}
transformed data {
  int<lower=0> M = predictive * J; // groups with predictions
  int<lower=0, upper=V> C = V > 1 ? V : 0; // effects with correlations
  int<lower=0> P = K + 2; // rotated rows in a group
  matrix[N, K + 1] D = with_constant(standardised(X, center, scale));
  array[V] int<lower=1> own; // columns of D that vary
  array[J] int<lower=0> n = group_sizes(g, J);
  matrix[J * P, P] R = rotated_groups(append_col(D, y), g, J);
  for (v in 1 : V) {
    own[v] = varying[v] + 1;
  }
  matrix[J * P, V] W = R[ : , own];
}
parameters {
  real intercept;
  vector[K] slope;
  vector<lower=0>[V] tau;
  cholesky_factor_corr[C] L;
  real<lower=0> sigma;
}
transformed parameters {
  // Log prior densities of the top-level parameters, for power-scaling.
  vector[5] lprior;
  lprior[1] = prior_lpdf(intercept | prior_intercept, prior_intercept_args);
  lprior[2] = 0;
  for (k in 1 : K) {
    lprior[2] += prior_lpdf(slope[k] | prior_slope, prior_slope_args);
  }
  lprior[3] = 0;
  for (v in 1 : V) {
    lprior[3] += prior_lpdf(tau[v] | prior_tau, prior_tau_args);
  }
  lprior[4] = prior_correlation_lpdf(L | prior_Omega, prior_Omega_args);
  lprior[5] = prior_lpdf(sigma | prior_sigma, prior_sigma_args);
}
model {
  target += sum(lprior);
  // Distances from the population's line, and their varying effects.
  vector[J * P] r = R[ : , P]
                    - R[ : , 1 : (K + 1)] * append_row(intercept, slope);
  matrix[J * P, V] F = W * effect_factor(tau, L);
  for (j in observed_groups(holdout)) {
    int from = P * (j - 1) + 1;
    int to = P * j;
    target += normal_group_lpdf(r[from : to] | n[j], F[from : to], sigma);
  }
}
generated quantities {
  real alpha;
  vector[K] beta;
  matrix[V, J] u;
  vector[J] theta = rep_vector(intercept, J);
  matrix[V, J] coef;
  vector<lower=0>[V] sd_effect;
  matrix[C, C] Omega = multiply_lower_tri_self_transpose(L);
  vector<lower=-1, upper=1>[(C * (C - 1)) %/% 2] rho = correlations(L);
  array[predictive * N] real y_rep;
  vector[M] log_lik;
  vector[M] log_lik_group;
  {
    vector[K + 1] b = append_row(intercept, slope);
    matrix[V, V] B = effect_factor(tau, L);
    vector[J * P] r = R[ : , P] - R[ : , 1 : (K + 1)] * b;
    matrix[J * P, V] F = W * B;
    for (j in 1 : J) {
      int from = P * (j - 1) + 1;
      int to = P * j;
      vector[P] e = r[from : to];
      matrix[P, V] f = F[from : to];
      u[ : , j] = B * effects_rng(e, holdout[j] ? 0 * f : f, sigma);
      if (predictive) {
        vector[P] own_e = e - W[from : to] * u[ : , j];
        log_lik[j] = normal_rows_lpdf(own_e | n[j], sigma);
        log_lik_group[j] = normal_group_lpdf(e | n[j], f, sigma);
      }
    }
    if (predictive) {
      y_rep = normal_rng(D * b + group_effects(D[ : , own], u, g), sigma);
    }
  }
  {
    vector[K + 1] b = own_scale(intercept, slope, center, scale);
    matrix[V, V] A = to_own_scale(varying, center, scale);
    matrix[V, V] S = A * effect_factor(tau, L);
    alpha = b[1];
    beta = b[2 : (K + 1)];
    coef = A * u + rep_matrix(b[own], J);
    for (v in 1 : V) {
      sd_effect[v] = sqrt(dot_self(S[v]));
    }
  }
  if (V > 0) {
    theta += u[1]';
  }
}
