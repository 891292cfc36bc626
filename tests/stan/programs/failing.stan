// Fails on purpose, where the data say so; every message can be found.
//   0 nowhere   1 in transformed data   2 at every initial value
//   3 with an error that cannot be recovered, while sampling
//   4 in generated quantities           5 at initial values above 100
//   6 in generated quantities above 1, which it rejects
data {
  int<lower=0, upper=6> where;
}
transformed data {
  if (where == 1) 
    reject("deliberate failure in transformed data");
}
parameters {
  real x;
}
transformed parameters {
  real twice = 2 * x;
}
model {
  x ~ std_normal();
  if (where == 2) 
    reject("deliberate rejection of every initial value");
  if (where == 3 && x != 0) 
    fatal_error("deliberate fatal error in the model");
  if (where == 5 && x > 100) 
    reject("deliberate rejection above 100");
}
generated quantities {
  real z = x;
  real before = where == 6 ? normal_rng(x, 1) : x;
  if (where == 4) 
    fatal_error("deliberate fatal error in generated quantities");
  if (where == 6 && x > 1) 
    reject("x above 1: ", x);
  real after = x;
}

