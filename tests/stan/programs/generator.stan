data { int<lower=1> N; }
generated quantities {
  real<lower=0> rate = gamma_rng(2, 1);
  array[N] int<lower=0> y;
  real unused = rate;
  for (i in 1 : N) y[i] = poisson_rng(rate);
}
