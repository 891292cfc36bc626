/* Goals in matches between teams: attack, defence and home advantage on the log
 * scale, non-centered form with effects that sum to zero.
 *
 * Model, matches j = 1 ... J between teams home[j] and away[j], of T
 *   y[j, 1] ~ poisson(goals[j, 1])    if holdout[j] is 0
 *   y[j, 2] ~ poisson(goals[j, 2])    if holdout[j] is 0
 *   log goals[j, 1] = mu + advantage + attack[home[j]] - defence[away[j]]
 *   log goals[j, 2] = mu + attack[away[j]] - defence[home[j]]
 *   attack  = sd_attack * a,     a ~ normal(0, 1) given sum(a) = 0
 *   defence = sd_defence * d,    d ~ normal(0, 1) given sum(d) = 0
 *   mu ~ prior_mu,   advantage ~ prior_advantage,
 *   sd_attack ~ prior_sd_attack,   sd_defence ~ prior_sd_defence
 * a and d are scaled so that each element has standard deviation 1.
 *
 * Data
 * J           number of matches
 * T           number of teams
 * home[j], away[j]   the teams of match j, numbers from 1 to T
 * games[t]    matches that team t plays, at least one
 * y[j]        goals of the home team and goals of the away team, counts
 * holdout[j]  1 leaves match j out of the likelihood, 0 keeps it: a match still
 *             to be played; all ones turn the posterior into the prior
 * predictive  1 adds y_rep and log_lik for every match, held out or not; 0
 *             leaves them empty and saves their cost
 * prior_X, prior_X_args   family and arguments of the prior of parameter X; the
 *             codes are listed in priors.stanfunctions
 *
 * Parameters (logarithms of goals, no unit)
 * mu          an average team's goals away from home against another one
 * advantage   what playing at home adds
 * sd_attack, sd_defence   standard deviations between teams
 * u_attack, u_defence   coordinates of a and d among vectors that sum to zero
 *
 * Effects sum to zero because the teams are the whole league: an attack is
 * relative to this league's average, and mu is not confounded with the effects'
 * mean, which costs the sampler nothing and spares it a ridge.
 *
 * Priors used for the simulated league (14 teams, two rounds):
 * mu ~ normal(log m, 0.5) with m the mean goals of away teams, to within a
 * factor exp(1); advantage ~ normal(0, 0.5), home teams score up to exp(1)
 * times as often, or as seldom; sd_attack, sd_defence ~ half_normal(0.5),
 * teams whose scoring differs by a factor exp(1) from the average are possible,
 * but not expected.
 *
 * A match has no parameter of its own to integrate out, so there is no
 * log_lik_group. Goals of both sides are independent given the teams; leagues
 * with more draws than that need a model with correlation.
 *
 * Sibling: none; the same model without populations of teams is the classical
 * Poisson regression.
 *
 * Sources: Maher (1982), doi:10.1111/j.1467-9574.1982.tb00782.x; Dixon and
 * Coles (1997), doi:10.1111/1467-9876.00065; Baio and Blangiardo (2010),
 * doi:10.1080/02664760802684177.
 */
functions {
  #include priors.stanfunctions
  #include zero_sum.stanfunctions
}
data {
  int<lower=1> J;
  int<lower=2> T;
  array[J] int<lower=1, upper=T> home;
  array[J] int<lower=1, upper=T> away;
  array[T] int<lower=1> games;
  array[J, 2] int<lower=0> y;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  int<lower=1, upper=2> prior_mu;
  vector[3] prior_mu_args;
  int<lower=1, upper=2> prior_advantage;
  vector[3] prior_advantage_args;
  int<lower=3, upper=6> prior_sd_attack;
  vector[3] prior_sd_attack_args;
  int<lower=3, upper=6> prior_sd_defence;
  vector[3] prior_sd_defence_args;
}
transformed data {
  int<lower=0, upper=J> N = J - sum(holdout); // matches in the likelihood
  int<lower=0, upper=J> K = predictive * J; // matches with predictions
  array[N] int<lower=1, upper=J> observed = observed_groups(holdout);
}
parameters {
  real mu;
  real advantage;
  real<lower=0> sd_attack;
  real<lower=0> sd_defence;
  vector[T - 1] u_attack;
  vector[T - 1] u_defence;
}
transformed parameters {
  vector[T] attack = sd_attack * unit_zero_sum(u_attack);
  vector[T] defence = sd_defence * unit_zero_sum(u_defence);
  vector[J] log_home = mu + advantage + attack[home] - defence[away];
  vector[J] log_away = mu + attack[away] - defence[home];
  // Log prior densities of the top-level parameters, for power-scaling.
  vector[4] lprior;
  lprior[1] = prior_lpdf(mu | prior_mu, prior_mu_args);
  lprior[2] = prior_lpdf(advantage | prior_advantage, prior_advantage_args);
  lprior[3] = prior_lpdf(sd_attack | prior_sd_attack, prior_sd_attack_args);
  lprior[4] = prior_lpdf(sd_defence | prior_sd_defence, prior_sd_defence_args);
}
model {
  target += sum(lprior);
  target += std_normal_lpdf(u_attack);
  target += std_normal_lpdf(u_defence);
  if (N > 0) {
    // lp__ lacks the factorials of goals, which are constants.
    target += poisson_log_lupmf(y[observed, 1] | log_home[observed]);
    target += poisson_log_lupmf(y[observed, 2] | log_away[observed]);
  }
}
generated quantities {
  // What the home team is expected to win by, goals.
  vector[J] margin = exp(log_home) - exp(log_away);
  array[K, 2] int<lower=0> y_rep;
  vector[K] log_lik;
  for (j in 1 : K) {
    log_lik[j] = poisson_log_lpmf(y[j, 1] | log_home[j])
                 + poisson_log_lpmf(y[j, 2] | log_away[j]);
    // Half a billion goals are the most that can be drawn.
    y_rep[j, 1] = poisson_log_rng(fmin(log_home[j], 20));
    y_rep[j, 2] = poisson_log_rng(fmin(log_away[j], 20));
  }
}
