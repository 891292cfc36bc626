// Two conjugate posteriors with closed forms, one constrained and one not:
//   theta ~ beta(2, 3),    r ~ binomial(n, theta)
//   mu ~ normal(0, 10),    y[i] ~ normal(mu, 1)
data {
  int<lower=0> n;
  int<lower=0, upper=n> r;
  int<lower=0> N;
  vector[N] y;
}
parameters {
  real<lower=0, upper=1> theta;
  real mu;
}
transformed parameters {
  real odds = theta / (1 - theta);
}
model {
  profile("priors") {
    theta ~ beta(2, 3);
    mu ~ normal(0, 10);
  }
  profile("likelihood") {
    r ~ binomial(n, theta);
    y ~ normal(mu, 1);
  }
}
generated quantities {
  int r_rep = binomial_rng(n, theta);
  array[2, 3] real grid;
  for (i in 1 : 2) 
    for (j in 1 : 3) 
      grid[i, j] = 10 * i + j + mu;
}

