/* A surface seen at J points through noise: Gaussian-process regression with
 * the surface integrated out, and the expected improvement at new points.
 *
 * Model, i, j = 1 ... J
 *   y[j] = center + scale * (mu + g(u[j]) + sigma * e[j]),  e[j] ~ normal(0, 1)
 *   g    ~ Gaussian process with mean 0 and covariance k
 *   k(u, v) = alpha^2 * c(r),  r^2 = sum over d of ((u[d] - v[d]) / rho[d])^2
 *   c(r) = exp(-r^2 / 2), or (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r)
 *   mu ~ prior_mu,  alpha ~ prior_alpha,  rho[d] ~ prior_rho independently,
 *   sigma ~ prior_sigma
 * With g integrated out, the y[j] with holdout[j] = 0 are jointly normal, with
 * covariance scale^2 * (k(u[i], u[j]) + (i == j) * (sigma^2 + 1e-8)): this is
 * what is sampled. The 1e-8, a noise with a standard deviation of 1e-4, keeps
 * the covariance of neighbouring points positive definite whatever sigma is.
 *
 * Data
 * J, D, M     number of points, inputs (dimensions) and candidates
 * x[j]        inputs of point j, in units of their own
 * y[j]        outcome at point j
 * new_x[m]    inputs of candidate m
 * low, high   ends of each input's range: u = (x - low) / (high - low)
 * center, scale   constants that standardise the outcome, such as mean and
 *             standard deviation of y, in the unit of y
 * matern      0 squared exponential, for smooth surfaces; 1 Matern 5/2, for
 *             those that are differentiable twice and no more
 * paths       1 adds f_new, drawn jointly with f; 0 saves its cost, which grows
 *             with the third power of J + M
 * holdout[j]  1 leaves point j out of the likelihood, 0 keeps it; all ones turn
 *             the posterior into the prior
 * predictive  1 adds f, y_rep, log_lik and log_lik_group for every point, held
 *             out or not, and all that concerns candidates; 0 leaves them empty
 * prior_X, prior_X_args   family and arguments of the prior of parameter X; the
 *             codes are listed in priors.stanfunctions
 *
 * Parameters (on the scale of (y - center) / scale and of u, no unit)
 * mu          mean of the surface
 * alpha       amplitude: standard deviation of the surface about mu
 * rho[d]      length scale of input d: over what distance the surface bends
 * sigma       standard deviation of the noise
 *
 * Generated, in the units of y and x
 * amplitude, noise, lengthscale[d]   the parameters
 * f[j], f_new[m]   the surface, drawn given the parameters and y by correcting
 *             a draw from the prior (Matheron's rule): exact but for a noise of
 *             1e-4 * scale, which the prior's Cholesky factor needs
 * mean_new[m], sd_new[m]   its mean and standard deviation given parameters, y
 * ei[m]       expected improvement E[max(best - f_new, 0)] given parameters and
 *             y, best being the least mean of the surface at a point in the
 *             likelihood (without noise, the least y); 0 if there is none
 * log_lik[j]  given f[j]
 * log_lik_group[j]   given the parameters and all other points in the
 *             likelihood, in closed form (Rasmussen and Williams, 5.4.2)
 *
 * Priors by default, for inputs on [0, 1] and a standardised outcome:
 * mu ~ normal(0, 1); alpha ~ half_normal(2), for few points may miss most of
 * the range; sigma ~ half_normal(0.5), from no noise to nothing but;
 * rho ~ gamma(4, 8), mean 0.5, hardly below 0.1, where no surface could be told
 * from noise, nor above 1.2, where it is a plane (it has to vanish at 0).
 *
 * Sampling: where the surface hardly varies, or there is hardly any noise, the
 * posterior has corners. Of 500 simulations from these priors with 16 points
 * ranks were uniform, but 6% had a divergent transition at adapt_delta 0.95:
 * set 0.99, where hardly one in a hundred has.
 *
 * Sibling: none that keeps f as a parameter; for the posterior of the others
 * that would be the same model, slower.
 *
 * Sources: Rasmussen and Williams (2006), Gaussian Processes for Machine
 * Learning, chapters 2 and 5; Jones, Schonlau and Welch (1998),
 * doi:10.1023/A:1008306431147, for ei; Picheny, Wagner and Ginsbourger (2013),
 * doi:10.1007/s00158-013-0919-4, for best under noise; Wilson et al. (2020),
 * arXiv:2002.09309, for the draws of f.
 */
functions {
  #include priors.stanfunctions
  #include gp.stanfunctions
}
data {
  int<lower=1> J;
  int<lower=1> D;
  int<lower=0> M;
  matrix[J, D] x;
  vector[J] y;
  matrix[M, D] new_x;
  vector[D] low;
  vector<lower=low>[D] high;
  real center;
  real<lower=0> scale;
  int<lower=0, upper=1> matern;
  int<lower=0, upper=1> paths;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  int<lower=1, upper=2> prior_mu;
  vector[3] prior_mu_args;
  int<lower=3, upper=6> prior_alpha;
  vector[3] prior_alpha_args;
  int<lower=8, upper=9> prior_rho;
  vector[3] prior_rho_args;
  int<lower=3, upper=6> prior_sigma;
  vector[3] prior_sigma_args;
}
transformed data {
  real<lower=0> nugget = 1e-8;
  int<lower=0, upper=J> N = J - sum(holdout); // points in the likelihood
  int<lower=0, upper=J> K = predictive * J; // points with predictions
  int<lower=0, upper=M> C = predictive * M; // candidates with predictions
  array[N] int<lower=1, upper=J> observed = observed_groups(holdout);
  vector[J] s = (y - center) / scale;
  // Points and candidates in one array, scaled: u[1 : J] are the points.
  matrix[J + M, D] U;
  array[J + M] vector[D] u;
  for (d in 1 : D) {
    U[1 : J, d] = (x[ : , d] - low[d]) / (high[d] - low[d]);
    if (M > 0) {
      U[J + 1 : J + M, d] = (new_x[ : , d] - low[d]) / (high[d] - low[d]);
    }
  }
  for (j in 1 : J + M) {
    u[j] = U[j]';
  }
  array[N] vector[D] seen;
  for (i in 1 : N) {
    seen[i] = u[observed[i]];
  }
}
parameters {
  real mu;
  real<lower=0> alpha;
  vector<lower=prior_minimum(prior_rho, prior_rho_args)>[D] rho;
  real<lower=0> sigma;
}
transformed parameters {
  // Log prior densities of the top-level parameters, for power-scaling.
  vector[4] lprior;
  lprior[1] = prior_lpdf(mu | prior_mu, prior_mu_args);
  lprior[2] = prior_lpdf(alpha | prior_alpha, prior_alpha_args);
  lprior[3] = 0;
  for (d in 1 : D) {
    lprior[3] += prior_lpdf(rho[d] | prior_rho, prior_rho_args);
  }
  lprior[4] = prior_lpdf(sigma | prior_sigma, prior_sigma_args);
}
model {
  target += sum(lprior);
  if (N > 0) {
    vector[N] mean_y = rep_vector(center + scale * mu, N);
    real variance = square(sigma) + nugget;
    matrix[N, N] L = noisy_factor(gp_cov(seen, alpha, rho, matern), variance);
    target += multi_normal_cholesky_lpdf(y[observed] | mean_y, scale * L);
  }
}
generated quantities {
  real<lower=0> amplitude = scale * alpha;
  real<lower=0> noise = scale * sigma;
  vector<lower=0>[D] lengthscale = rho .* (high - low);
  vector[K] f;
  vector[paths * C] f_new;
  vector[C] mean_new = rep_vector(0, C);
  vector<lower=0>[C] sd_new = rep_vector(0, C);
  vector<lower=0>[C] ei = rep_vector(0, C);
  array[K] real y_rep;
  vector[K] log_lik;
  vector[K] log_lik_group;
  if (predictive) {
    real variance = square(sigma) + nugget;
    int drawn = J + paths * M;
    matrix[drawn, drawn] k = gp_cov(u[1 : drawn], alpha, rho, matern);
    vector[drawn] e = to_vector(normal_rng(rep_vector(0, drawn), 1));
    vector[drawn] g = noisy_factor(k, nugget) * e;
    vector[drawn] surface = mu + g;
    // Mean and variance of the surface at every point and candidate, and of y
    // at every point given the other points in the likelihood.
    vector[J + M] m = rep_vector(mu, J + M);
    vector[J + M] v = rep_vector(square(alpha), J + M);
    vector[J] m_other = m[1 : J];
    vector[J] v_other = v[1 : J] + variance;
    if (N > 0) {
      matrix[N, N] L = noisy_factor(k[observed, observed], variance);
      matrix[N, N] half = mdivide_left_tri_low(L, identity_matrix(N));
      matrix[J + M, N] cross = gp_cross(U, U[observed], alpha, rho, matern);
      vector[N] weight = half' * (half * (s[observed] - mu));
      vector[N] precision = columns_dot_self(half)';
      vector[N] seen_e = to_vector(normal_rng(rep_vector(0, N), 1));
      vector[N] gap = s[observed] - mu - g[observed] - sigma * seen_e;
      surface += cross[1 : drawn] * (half' * (half * gap));
      m += cross * weight;
      v = fmax(v - columns_dot_self(half * cross')', 1e-12);
      m_other = m[1 : J];
      v_other = v[1 : J] + variance;
      m_other[observed] = s[observed] - weight ./ precision;
      v_other[observed] = inv(precision);
    }
    f = center + scale * surface[1 : J];
    y_rep = normal_rng(f, scale * sqrt(variance));
    m_other = center + scale * m_other;
    for (j in 1 : J) {
      real sd_other = scale * sqrt(v_other[j]);
      log_lik[j] = normal_lpdf(y[j] | f[j], scale * sqrt(variance));
      log_lik_group[j] = normal_lpdf(y[j] | m_other[j], sd_other);
    }
    // A range that begins behind the end is an error, even if it is empty.
    if (drawn > J) {
      f_new = center + scale * surface[J + 1 : drawn];
    }
    if (M > 0) {
      mean_new = center + scale * m[J + 1 : J + M];
      sd_new = scale * sqrt(v[J + 1 : J + M]);
    }
    if (N > 0) {
      real best = center + scale * min(m[observed]);
      ei = expected_improvement(mean_new, sd_new, best);
    }
  }
}
