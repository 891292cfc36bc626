/* Item response, two-parameter logistic (2PL): J persons answer items of
 * unequal difficulty and discrimination, and may come from several countries.
 *
 * Model, person j = 1 ... J, item i = 1 ... I, country c = 1 ... C
 *   y[n] ~ bernoulli(inv_logit(a[i] * (theta[j] - b[i])))  for answer n of
 *          person j = person[n] to item i = item[n], if holdout[j] is 0
 *   theta[j] ~ normal(mu_country[country[j]], 1)
 *   mu_country = tau * deviations(z_country),  z_country ~ normal(0, 1)
 *   b[i]     ~ normal(mu_b, sigma_b)
 *   a[i]     = exp(mu_a + sigma_a * z_a[i]),   z_a[i] ~ normal(0, 1)
 *   mu_b, sigma_b, mu_a, sigma_a, tau from their priors
 *
 * Identification. Abilities and difficulties share one scale, whose zero, unit
 * and direction the answers do not tell. The unit is the standard deviation of
 * abilities within a country; zero is the mean of the countries' means (and so
 * the mean ability where there is one country); more able persons do better, as
 * a > 0. All a[i] and b[i] are free, their population's mean and spread too.
 * Countries are a sample of a population with standard deviation tau, of which
 * only the deviations from the mean are seen: mu_country sums to zero. With one
 * country it is 0, and tau keeps its prior.
 *
 * Data
 * J           number of persons;  I  of items;  C  of countries
 * N           number of answers; a person need not answer every item
 * person[n], item[n]   who answered what, 1 ... J and 1 ... I, each pair once
 * y[n]        1 for a correct answer, 0 for a wrong one
 * country[j]  person j's country, 1 ... C
 * holdout[j]  1 leaves person j's answers out of the likelihood, 0 keeps them;
 *             all ones turn the posterior into the prior
 * predictive  1 adds y_rep for every answer, log_lik and log_lik_group for
 *             every person, held out or not; 0 leaves them empty
 * prior_X, prior_X_args   family and arguments of the prior of parameter X; the
 *             codes are listed in priors.stanfunctions
 *
 * Parameters (abilities and difficulties in standard deviations of ability
 * within a country; discriminations in log-odds per such standard deviation)
 * mu_b        mean difficulty of the population of items
 * sigma_b     standard deviation of the difficulties
 * mu_a        log discrimination of the median item
 * sigma_a     standard deviation of the log discriminations
 * tau         standard deviation of the countries' mean abilities
 * b[i], a[i]  difficulty and discrimination of item i
 * theta[j]    ability of person j
 * mu_country[c]   mean ability of country c
 * b_scaled, theta_scaled   b and theta times exp(mu_a), which are sampled
 * z_a[i]      log discrimination, standardised (no unit)
 * z_country   C - 1 free coordinates of mu_country, in units of tau
 *
 * Priors used: mu_b ~ normal(0, 1), tests that most persons solve and tests
 * that few solve; sigma_b ~ gamma(4, 4), items that differ about as much as
 * persons do. It vanishes at 0, where items are all alike: there the posterior
 * of b narrows to a funnel in which the sampler sticks (fits with data from
 * sigma_b below 0.1 had R-hat up to 2.5), and no test is made that way. mu_a ~
 * normal(0, 0.5), one standard deviation of ability multiplies the odds by 1.7
 * to 6.7 with probability 0.8; sigma_a ~ half_normal(0.35), items of which one
 * discriminates twice as well as another are common, and four times rare; tau ~
 * half_normal(0.5), countries differ less than persons within one.
 *
 * log_lik[j] is that of all answers of person j given theta[j], and
 * log_lik_group[j] has theta[j] integrated out.
 *
 * What is sampled are abilities and difficulties in log-odds at the median
 * item. The answers know those well, and mu_a follows from their spread; theta
 * and b themselves all have to move when mu_a does. Discriminations are
 * non-centered, as sigma_a = 0 is the 1PL.
 *
 * Sibling: irt_1pl gives all items one discrimination.
 *
 * Sources: Birnbaum (1968), in Lord and Novick, Statistical Theories of Mental
 * Test Scores, chapters 17 to 20; Bock and Aitkin (1981),
 * doi:10.1007/BF02293801; Fox and Glas (2001), doi:10.1007/BF02294839.
 */
functions {
  #include priors.stanfunctions
  #include item_response.stanfunctions
}
data {
  int<lower=1> J;
  int<lower=1> I;
  int<lower=1> C;
  int<lower=0> N;
  array[N] int<lower=1, upper=J> person;
  array[N] int<lower=1, upper=I> item;
  array[N] int<lower=0, upper=1> y;
  array[J] int<lower=1, upper=C> country;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  int<lower=1, upper=2> prior_mu_b;
  vector[3] prior_mu_b_args;
  int<lower=8, upper=9> prior_sigma_b;
  vector[3] prior_sigma_b_args;
  int<lower=1, upper=2> prior_mu_a;
  vector[3] prior_mu_a_args;
  int<lower=3, upper=6> prior_sigma_a;
  vector[3] prior_sigma_a_args;
  int<lower=3, upper=6> prior_tau;
  vector[3] prior_tau_args;
}
transformed data {
  // Answers in the likelihood: those of persons who are not held out.
  int<lower=0, upper=N> M = N - sum(holdout[person]);
  array[M] int<lower=1, upper=N> kept = observed_groups(holdout[person]);
  array[M] int<lower=1, upper=J> who = person[kept];
  array[M] int<lower=1, upper=I> what = item[kept];
  int<lower=0, upper=N> R = predictive * N; // answers with predictions
  // Persons by items: who answered what, and correctly.
  matrix[J, I] answered = by_person(person, item, ones_int_array(N), J, I);
  matrix[J, I] correct = by_person(person, item, y, J, I);
}
parameters {
  real mu_b;
  real<lower=prior_minimum(prior_sigma_b, prior_sigma_b_args)> sigma_b;
  real mu_a;
  real<lower=0> sigma_a;
  real<lower=0> tau;
  vector[I] b_scaled;
  vector[I] z_a;
  vector[J] theta_scaled;
  vector[C - 1] z_country;
}
transformed parameters {
  vector<lower=0>[I] a = exp(mu_a + sigma_a * z_a);
  vector[I] b = b_scaled * exp(-mu_a);
  vector[J] theta = theta_scaled * exp(-mu_a);
  vector[C] mu_country = tau * deviations(C, z_country);
  // Log prior densities of the top-level parameters, for power-scaling.
  vector[5] lprior;
  lprior[1] = prior_lpdf(mu_b | prior_mu_b, prior_mu_b_args);
  lprior[2] = prior_lpdf(sigma_b | prior_sigma_b, prior_sigma_b_args);
  lprior[3] = prior_lpdf(mu_a | prior_mu_a, prior_mu_a_args);
  lprior[4] = prior_lpdf(sigma_a | prior_sigma_a, prior_sigma_a_args);
  lprior[5] = prior_lpdf(tau | prior_tau, prior_tau_args);
}
model {
  real unit = exp(mu_a); // of theta_scaled, in log-odds
  vector[I] slope = exp(sigma_a * z_a);
  target += sum(lprior);
  target += normal_lpdf(b_scaled | unit * mu_b, unit * sigma_b);
  target += std_normal_lpdf(z_a);
  target += std_normal_lpdf(z_country);
  target += normal_lpdf(theta_scaled | unit * mu_country[country], unit);
  if (M > 0) {
    target += bernoulli_logit_lpmf(y[kept] | slope[what]
                                             .* (theta_scaled[who]
                                                 - b_scaled[what]));
  }
}
generated quantities {
  array[R] int<lower=0, upper=1> y_rep;
  vector[predictive * J] log_lik;
  vector[predictive * J] log_lik_group;
  y_rep = bernoulli_logit_rng(a[item[1 : R]]
                              .* (theta[person[1 : R]] - b[item[1 : R]]));
  if (predictive) {
    log_lik = answers_log_lik(answered, correct, theta, a, b);
    log_lik_group = answers_log_lik_group(answered, correct,
                                          mu_country[country], a, b);
  }
}
