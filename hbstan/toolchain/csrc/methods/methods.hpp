#ifndef HBSTAN_METHODS_METHODS_HPP
#define HBSTAN_METHODS_METHODS_HPP

#include "run/session.hpp"

// One function for each inference method. Each reads its part of the
// arguments, opens its files, calls the Stan service and closes its files.
// The result is the service's return code: 0 means success.
namespace hbstan {

int run_sample(const session& run);
int run_optimize(const session& run);
int run_variational(const session& run);
int run_diagnose(const session& run);
int run_generate_quantities(const session& run);
int run_pathfinder(const session& run);
int run_log_prob(const session& run);
int run_laplace(const session& run);

}  // namespace hbstan
#endif
