/* Observations in J groups: effects normal across groups, one unknown standard
 * deviation within groups; centered form.
 *
 * Model, j = 1 ... J
 *   y_ij     ~ normal(theta[j], sigma)    observations i = 1 ... n[j]
 *              if holdout[j] is 0
 *   theta[j] ~ normal(mu, tau)
 *   mu       ~ prior_mu,   tau ~ prior_tau,   sigma ~ prior_sigma
 *
 * Data
 * J           number of groups
 * n[j]        number of observations in group j
 * y[j]        their mean, in the unit of the outcome
 * ss[j]       sum of their squared distances from the mean, in the unit's
 *             square; 0 for a group of one. With n and y it tells all that the
 *             observations tell about the parameters
 * holdout[j]  1 leaves group j out of the likelihood, 0 keeps it; all ones turn
 *             the posterior into the prior
 * predictive  1 adds y_rep, ss_rep, log_lik and log_lik_group for every group,
 *             held out or not; 0 leaves them empty and saves their cost
 * prior_X, prior_X_args   family and arguments of the prior of parameter X; the
 *             codes are listed in priors.stanfunctions
 *
 * Parameters (in the unit of the outcome)
 * mu          mean of the effects over the population of groups
 * tau         standard deviation of the effects between groups
 * sigma       standard deviation of the observations within each group
 * theta[j]    effect of group j: the mean that its observations scatter about
 *
 * Priors used for the omega grid: mu ~ normal(0, 1), tau ~ half_normal(10),
 * sigma ~ half_normal(1), those of the discussion that the data come from, wide
 * in tau so that groups of any spread are possible. For other data the package
 * scales all three by the data. tau ~ half_cauchy(s) leaves the data free to
 * argue for no pooling (Gelman 2006, doi:10.1214/06-BA117A).
 *
 * Sibling: normal_groups_marginal has the same posterior and is faster always;
 * this form is there to be read and compared. normal_groups_noncentered samples
 * z = (theta - mu) / tau. This form is good while sigma / sqrt(n) is well below
 * tau in every group. With tau near 0 the effects have to squeeze into a funnel
 * that one step size cannot follow: divergences, and a tau that stays too
 * large.
 *
 * Sources: Gelman et al. (2013), Bayesian Data Analysis, 3rd edition, sections
 * 5.4 and 11.6; on the two forms Papaspiliopoulos, Roberts and Skold (2007),
 * doi:10.1214/088342307000000014.
 */
functions {
  #include normal_groups.stanfunctions
}
data {
  int<lower=1> J;
  array[J] int<lower=1> n;
  vector[J] y;
  vector<lower=0>[J] ss;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  int<lower=1, upper=2> prior_mu;
  vector[3] prior_mu_args;
  int<lower=3, upper=6> prior_tau;
  vector[3] prior_tau_args;
  int<lower=3, upper=6> prior_sigma;
  vector[3] prior_sigma_args;
}
transformed data {
  int<lower=0, upper=J> N = J - sum(holdout); // groups in the likelihood
  int<lower=0, upper=J> K = predictive * J; // groups with predictions
  array[N] int<lower=1, upper=J> observed = observed_groups(holdout);
  vector[J] m = to_vector(n);
}
parameters {
  real mu;
  real<lower=0> tau;
  real<lower=0> sigma;
  vector[J] theta;
}
transformed parameters {
  // Log prior densities of the top-level parameters, for power-scaling.
  vector[3] lprior;
  lprior[1] = prior_lpdf(mu | prior_mu, prior_mu_args);
  lprior[2] = prior_lpdf(tau | prior_tau, prior_tau_args);
  lprior[3] = prior_lpdf(sigma | prior_sigma, prior_sigma_args);
}
model {
  target += sum(lprior);
  target += normal_lpdf(theta | mu, tau);
  target += normal_groups_log_density(y[observed], ss[observed], m[observed],
                                      theta[observed], 0, sigma);
}
generated quantities {
  // Weight of a group's own mean in its effect given mu, tau and sigma, the
  // rest being that of mu: n / (n + sigma^2 / tau^2), finite also at tau = 0.
  vector<lower=0, upper=1>[J] w = inv(1 + square(sigma / tau) ./ m);
  // Correlation of two observations of one group.
  real<lower=0, upper=1> icc = inv(1 + square(sigma / tau));
  array[K] real y_rep = normal_rng(theta[1 : K], sigma ./ sqrt(m[1 : K]));
  array[K] real ss_rep = normal_groups_ss_rng(n[1 : K], sigma);
  vector[K] log_lik = normal_groups_log_lik(y[1 : K], ss, m, theta, 0, sigma);
  vector[K] log_lik_group = normal_groups_log_lik(y[1 : K], ss, m,
                                                  rep_vector(mu, J), tau,
                                                  sigma);
}
