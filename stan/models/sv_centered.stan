/* Stochastic volatility: returns whose log variance follows an autoregression
 * of order one, centered form (the path itself).
 *
 * Model, j = 1 ... J, the times in order
 *   y[j] ~ normal(center, exp(h[j] / 2))    if holdout[j] is 0
 *   h[1] ~ normal(mu, sigma_eta / sqrt(1 - phi^2))
 *   h[j] ~ normal(mu + phi * (h[j - 1] - mu), sigma_eta),  j > 1
 *   phi  = 2 * phi_star - 1
 *   mu ~ prior_mu,  phi_star ~ prior_phi_star,  sigma_eta ~ prior_sigma_eta
 *
 * Data
 * J           number of times
 * y[j]        return at time j, in any unit (the example: per cent)
 * center      mean return, in the unit of y: taken as known, as its error
 *             hardly matters beside the returns' own spread
 * holdout[j]  1 leaves the return at time j out of the likelihood, as if it
 *             were missing, while its h[j] stays in the path; 0 keeps it. All
 *             ones turn the posterior into the prior
 * predictive  1 adds y_rep and log_lik for every time, held out or not; 0
 *             leaves them empty and saves their cost
 * prior_X, prior_X_args   family and arguments of the prior of parameter X; the
 *             codes are listed in priors.stanfunctions
 *
 * Parameters
 * mu          long-run mean of the log variance h (log of the squared unit of
 *             y)
 * phi_star    persistence of h mapped to (0, 1); phi is the correlation of h at
 *             neighbouring times (no unit)
 * sigma_eta   standard deviation of the shocks to h (unit of h)
 * h[j]        log variance at time j (log of the squared unit of y)
 *
 * Derived: sd_y, the standard deviation of a
 * return at any time, exp(mu / 2 + sigma_eta^2 / (1 - phi^2) / 4), in the unit
 * of y; h_mean, the mean of the path; sd_last, exp(h[J] / 2), the standard
 * deviation of the last return.
 *
 * There is no log_lik_group: with the path integrated out the likelihood has no
 * closed form and does not fall into factors by time.
 *
 * Priors used by default: mu ~ normal around the log variance of the returns;
 * phi_star ~ beta(20, 1.5), persistence of 0.86 in the mean, for volatility
 * comes in clusters (Kim, Shephard and Chib 1998); sigma_eta ~
 * half_normal(0.5), a shock seldom doubles or halves the standard deviation at
 * once.
 *
 * Sibling: sv_noncentered samples standardised shocks. Prefer it: a single
 * return says little of its own h, so that here sigma_eta and the path hold
 * each other fast where sigma_eta may be small. With default priors calibration
 * is not possible: of 100 fits to series of 100 simulated returns 73 did not
 * converge. Least bulk ESS of mu, phi, sigma_eta and h for 250 returns, 4
 * chains of 1000 draws (scripts/volatility_forms.py):
 *
 *   phi   sigma_eta   non-centered   centered
 *   0.5   0.05        2410           7
 *   0.5   0.3         1480           7
 *   0.5   1.5         994            247
 *   0.9   0.05        2333           9
 *   0.9   0.3         1948           44
 *
 * Sources: Kim, Shephard and Chib (1998), doi:10.1111/1467-937X.00050; on the
 * disturbances in place of the states Durbin and Koopman (2002),
 * doi:10.1093/biomet/89.3.603; on the two forms Kastner and
 * Fruehwirth-Schnatter (2014), doi:10.1016/j.csda.2013.01.002.
 */
functions {
  #include priors.stanfunctions
  #include ar1.stanfunctions
}
data {
  int<lower=2> J;
  vector[J] y;
  real center;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  int<lower=1, upper=2> prior_mu;
  vector[3] prior_mu_args;
  int<lower=7, upper=7> prior_phi_star;
  vector[3] prior_phi_star_args;
  int<lower=3, upper=6> prior_sigma_eta;
  vector[3] prior_sigma_eta_args;
}
transformed data {
  int<lower=0, upper=J> N = J - sum(holdout); // returns in the likelihood
  int<lower=0, upper=J> R = predictive * J; // times with predictions
  array[N] int<lower=1, upper=J> observed = observed_groups(holdout);
}
parameters {
  real mu;
  real<lower=0, upper=1> phi_star;
  real<lower=0> sigma_eta;
  vector[J] h;
}
transformed parameters {
  real<lower=-1, upper=1> phi = 2 * phi_star - 1;
  real h_mean = mean(h);
  real<lower=0> sd_last = exp(0.5 * h[J]);
  // Log prior densities of the top-level parameters, for power-scaling.
  vector[3] lprior;
  lprior[1] = prior_lpdf(mu | prior_mu, prior_mu_args);
  lprior[2] = prior_lpdf(phi_star | prior_phi_star, prior_phi_star_args);
  lprior[3] = prior_lpdf(sigma_eta | prior_sigma_eta, prior_sigma_eta_args);
}
model {
  target += sum(lprior);
  target += ar1_lpdf(h | mu, phi, sigma_eta);
  target += normal_lpdf(y[observed] | center, exp(0.5 * h[observed]));
}
generated quantities {
  real<lower=0> sd_y = exp(0.5 * mu
                           + 0.25 * square(sigma_eta) / (1 - square(phi)));
  array[R] real y_rep = normal_rng(center, exp(0.5 * h[1 : R]));
  vector[R] log_lik;
  for (j in 1 : R) {
    log_lik[j] = normal_lpdf(y[j] | center, exp(0.5 * h[j]));
  }
}
