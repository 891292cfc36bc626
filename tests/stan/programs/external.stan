// No parameters, and a function that a C++ header defines.
functions {
  real twice(real x);
}
data {
  real x;
}
generated quantities {
  real doubled = twice(x);
  real u = uniform_rng(0, 1);
}

