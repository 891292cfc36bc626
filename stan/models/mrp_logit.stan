/* Multilevel regression and poststratification: answers of a survey in the
 * cells of a census, log-odds with crossed group effects, non-centered form.
 *
 * Model, cells j = 1 ... J, factors f = 1 ... F, levels l = 1 ... L of all
 * factors together, covariates k = 1 ... D
 *   y[j]     ~ binomial(n[j], inv_logit(theta[j]))    if holdout[j] is 0
 *   theta[j] = alpha + sum_k beta[k] * (X[j, k] - mean_k) / sd_k
 *              + sum_f effect[level_of[j, f]]
 *   effect[l] = tau[factor_of[l]] * z[l],   z[l] ~ normal(0, 1)
 *   alpha    ~ prior_alpha,   beta[k] ~ prior_beta,   tau[f] ~ prior_tau
 * mean_k and sd_k are those of column k over the J cells.
 *
 * Data
 * J           number of cells, one for each row of the census: every
 *             combination of levels that anybody belongs to
 * F, L, D     numbers of factors, of levels in all, and of covariates
 * n[j], y[j]  respondents of cell j and those of them with the event, counts,
 *             0 <= y[j] <= n[j]; most cells may well be without respondents
 * N[j]        people of cell j in the population, a count or a share
 * level_of[j, f]  the level of factor f in cell j, as a number from 1 to L:
 *             levels are counted through all factors, those of factor 1 first
 * factor_of[l]   the factor that level l belongs to
 * by          the factor whose levels are the areas of p_area
 * X[j, k]     covariate k of cell j in its own unit; in most uses it belongs to
 *             one factor's levels (income of a state) and repeats among cells
 * holdout[j]  1 leaves cell j out of the likelihood, 0 keeps it; all ones turn
 *             the posterior into the prior
 * predictive  1 adds y_rep and log_lik for every cell, held out or not; 0
 *             leaves them empty and saves their cost
 * prior_X, prior_X_args   family and arguments of the prior of parameter X; the
 *             codes are listed in priors.stanfunctions; the elements of beta,
 *             and of tau, have the same prior, independently
 *
 * Parameters (log-odds, no unit)
 * centre      alpha plus the average respondent's effects. It is sampled in the
 *             place of alpha, which follows from it: answers tell what it is,
 *             but not how it is shared out among alpha and the effects. Half as
 *             many steps are needed. A shift has no Jacobian.
 * alpha       log-odds where covariates are at their mean and effects are zero
 * beta[k]     change of the log-odds by a standard deviation of covariate k
 * tau[f]      standard deviation of the effects of factor f's levels
 * z[l]        effect of level l in units of its factor's tau
 *
 * Priors used for the simulated survey (20 states, 4 ages, 3 educations):
 * alpha ~ normal(0, 1.5), a share that is close to uniform on (0, 1);
 * beta ~ normal(0, 1), a covariate may well move the odds by a factor exp(2)
 * from its 2.5% to its 97.5% point; tau ~ half_normal(1), levels more than
 * exp(2) apart in odds are possible, but not expected.
 *
 * Sum over the census, not the sample: p_area and p_population weight each
 * cell's probability by N, which undoes a sample's wrong composition as far as
 * the factors describe it. Nonresponse that depends on the answer itself within
 * a cell is not undone. A cell has no parameter of its own to integrate out, so
 * there is no log_lik_group: leaving cells out is what log_lik is for.
 *
 * Sibling: logit_noncentered, for one factor whose levels are the groups.
 *
 * Sources: Gelman and Little (1997), Poststratification into many categories
 * using hierarchical logistic regression, Survey Methodology 23, 127-135; Park,
 * Gelman and Bafumi (2004), doi:10.1093/pan/mph024; on the form of the effects
 * Papaspiliopoulos, Roberts and Skold (2007), doi:10.1214/088342307000000014.
 */
functions {
  #include columns.stanfunctions
  #include crossed.stanfunctions
}
data {
  int<lower=1> J;
  int<lower=1> F;
  int<lower=F> L;
  int<lower=0> D;
  array[J] int<lower=0> n;
  array[J] int<lower=0, upper=n> y;
  vector<lower=0>[J] N;
  array[J, F] int<lower=1, upper=L> level_of;
  array[L] int<lower=1, upper=F> factor_of;
  int<lower=1, upper=F> by;
  matrix[J, D] X;
  array[J] int<lower=0, upper=1> holdout;
  int<lower=0, upper=1> predictive;
  int<lower=1, upper=2> prior_alpha;
  vector[3] prior_alpha_args;
  int<lower=1, upper=2> prior_beta;
  vector[3] prior_beta_args;
  int<lower=3, upper=6> prior_tau;
  vector[3] prior_tau_args;
}
transformed data {
  int<lower=0, upper=J> S = J - sum(holdout); // cells in the likelihood
  int<lower=0, upper=J> K = predictive * J; // cells with predictions
  array[S] int<lower=1, upper=J> observed = observed_groups(holdout);
  matrix[J, D] standard = standardised_columns(X);
  vector<lower=0>[D] spread = column_sds(X);
  int<lower=0, upper=L> A = count_of(factor_of, by); // areas
  int<lower=0, upper=L> before = count_below(factor_of, by);
  // Areas by cells: the share that a cell has in its area's population.
  matrix<lower=0, upper=1>[A, J] share = shares(level_of[ : , by], before, A,
                                                N);
  vector<lower=0, upper=1>[J] weight = N / sum(N);
  // Levels of the average respondent.
  vector<lower=0, upper=1>[L] average = level_shares(level_of, n, L);
}
parameters {
  real centre;
  vector[D] beta;
  vector<lower=0>[F] tau;
  vector[L] z;
}
transformed parameters {
  vector[L] effect = tau[factor_of] .* z;
  real alpha = centre - dot_product(average, effect);
  vector[J] theta = alpha + standard * beta;
  // Log prior densities of the top-level parameters, for power-scaling.
  vector[3] lprior;
  lprior[1] = prior_lpdf(alpha | prior_alpha, prior_alpha_args);
  lprior[2 : 3] = rep_vector(0, 2);
  for (k in 1 : D) {
    lprior[2] += prior_lpdf(beta[k] | prior_beta, prior_beta_args);
  }
  for (f in 1 : F) {
    lprior[3] += prior_lpdf(tau[f] | prior_tau, prior_tau_args);
    theta += effect[level_of[ : , f]];
  }
}
model {
  target += sum(lprior);
  target += std_normal_lpdf(z);
  if (S > 0) {
    // lp__ lacks the binomial coefficients: constants, a quarter of the time.
    target += binomial_logit_lupmf(y[observed] | n[observed], theta[observed]);
  }
}
generated quantities {
  vector<lower=0, upper=1>[J] p = inv_logit(theta);
  // Shares in the population: of everybody, and of each level of factor `by`.
  real<lower=0, upper=1> p_population;
  vector<lower=0, upper=1>[A] p_area;
  // Change of the log-odds by a unit of the covariate.
  vector[D] slope = beta ./ spread;
  array[K] int<lower=0, upper=n[1 : K]> y_rep = binomial_rng(n[1 : K],
                                                             p[1 : K]);
  // Unbounded: rounding may lift the log probability of a certain outcome above
  // 0 by 1e-10, and a failed bound would cost the whole draw.
  vector[K] log_lik;
  // Sums of weights round to just above 1.
  p_population = fmin(1, dot_product(weight, p));
  p_area = fmin(1, share * p);
  for (j in 1 : K) {
    log_lik[j] = binomial_logit_lpmf(y[j] | n[j], theta[j]);
  }
}
