/* Logistic regression of N rows in J groups, with an intercept and slopes that
 * vary by group and are correlated, non-centered form.
 *
 * Model, row i = 1 ... N of group j = g[i]; x: covariates centred and scaled
 *   y[i] ~ bernoulli(inv_logit(intercept + x[i] * slope + w[i] * u[, j]))
 *                                                      if holdout[j] is 0
 *   u[, j] = diag(tau) * L * z[, j],   z[v, j] ~ normal(0, 1)
 *   intercept ~ prior_intercept,   slope[k] ~ prior_slope,
 *   tau[v] ~ prior_tau,   L * L' ~ prior_Omega
 * where w[i] holds 1 for the intercept and those elements of x[i] whose slopes
 * vary. With V = 0 no effect varies: one regression for all rows.
 *
 * Data
 * J, N, K, V  numbers of groups, rows, covariates and varying effects
 * y[i]        outcome of row i, 0 or 1
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
 * Parameters (log-odds)
 * intercept   log-odds where every covariate is at its centre
 * slope[k]    change of the log-odds over one scale of covariate k
 * tau[v]      standard deviation between groups of varying effect v
 * Omega       correlation matrix of the varying effects, L its Cholesky factor;
 *             empty where fewer than two effects vary
 * z[v, j]     standardised effects of group j (no unit)
 *
 * Derived: alpha and beta[k], intercept at zero and slopes by unit, on the
 * covariates' own scale; coef[v, j] group j's own, sd_effect[v] their standard
 * deviation between groups; theta[j] and p[j] the group's log-odds and
 * probability at the centre.
 *
 * Priors by default: intercept normal(0, 1.5), close to uniform in probability;
 * slope normal(0, 2.5), as a change by e^5 in odds over one standard deviation
 * is hardly seen (Gelman et al. 2008); tau half-normal(1). Omega ~ LKJ(2),
 * which favours weak correlations (Lewandowski, Kurowicka and Joe 2009,
 * doi:10.1016/j.jmva.2009.04.008). They keep the posterior proper where a
 * covariate separates the outcomes and the likelihood alone has no maximum.
 *
 * log_lik_group integrates the group's effects out: by quadrature where the
 * intercept alone varies, and not at all where nothing does. With more varying
 * effects it is empty: a rule of points in V dimensions would cost more than
 * fitting the model again without the group.
 *
 * Sibling: linear_regression, for outcomes that are real numbers.
 *
 * Sources: Gelman and Hill (2007), doi:10.1017/CBO9780511790942, chapter 14;
 * Gelman et al. (2008), doi:10.1214/08-AOAS191.
 */
functions {
  #include priors.stanfunctions
  #include logistic_group.stanfunctions
}
data {
  int<lower=1> J;
  int<lower=1> N;
  int<lower=0> K;
  int<lower=0, upper=K + 1> V;
  array[N] int<lower=0, upper=1> y;
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
}
transformed data {
  int<lower=0, upper=J> M = predictive * J; // groups with predictions
  // Groups whose effects are integrated out.
  int<lower=0, upper=J> M_group = V > 1 ? 0 : M;
  int<lower=0, upper=V> C = V > 1 ? V : 0; // effects with correlations
  matrix[N, K + 1] D = with_constant(standardised(X, center, scale));
  array[V] int<lower=1> own; // columns of D that vary
  for (v in 1 : V) {
    own[v] = varying[v] + 1;
  }
  matrix[N, V] W = D[ : , own];
  array[N] int<lower=1, upper=N> by_group = sort_indices_asc(g);
  array[N] int g_by_group = g[by_group];
  array[J] int<lower=0, upper=N> last = cumulative_sum(group_sizes(g, J));
  vector<lower=-1, upper=1>[N] sign = 2 * to_vector(y) - 1;
  array[N - sum(holdout[g])] int seen = observed_groups(holdout[g]);
  array[size(seen)] int y_seen = y[seen];
  array[size(seen)] int g_seen = g[seen];
  matrix[size(seen), K] x_seen = D[seen, 2 : (K + 1)];
  matrix[size(seen), V] w_seen = W[seen];
}
parameters {
  real intercept;
  vector[K] slope;
  vector<lower=0>[V] tau;
  cholesky_factor_corr[C] L;
  matrix[V, J] z;
}
transformed parameters {
  matrix[V, J] u = effect_factor(tau, L) * z;
  // Log prior densities of the top-level parameters, for power-scaling.
  vector[4] lprior;
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
}
model {
  target += sum(lprior);
  target += std_normal_lpdf(to_vector(z));
  vector[size(seen)] shift = intercept + group_effects(w_seen, u, g_seen);
  target += bernoulli_logit_glm_lpmf(y_seen | x_seen, shift, slope);
}
generated quantities {
  real alpha;
  vector[K] beta;
  vector[J] theta = rep_vector(intercept, J);
  vector<lower=0, upper=1>[J] p;
  matrix[V, J] coef;
  vector<lower=0>[V] sd_effect;
  matrix[C, C] Omega = multiply_lower_tri_self_transpose(L);
  vector<lower=-1, upper=1>[(C * (C - 1)) %/% 2] rho = correlations(L);
  array[predictive * N] int y_rep;
  vector[M] log_lik;
  vector[M_group] log_lik_group;
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
  p = inv_logit(theta);
  if (predictive) {
    vector[N] eta = D * append_row(intercept, slope);
    vector[N] own_eta = eta + group_effects(W, u, g);
    vector[N] likelihood = log_inv_logit(sign .* own_eta);
    log_lik = group_sums(likelihood[by_group], last);
    if (V == 0) {
      log_lik_group = log_lik;
    } else if (V == 1) {
      vector[N] o = to_vector(y[by_group]);
      log_lik_group = rows_logit_normal(o, eta[by_group], g_by_group, last,
                                        tau[1]);
    }
    y_rep = bernoulli_logit_rng(own_eta);
  }
}
