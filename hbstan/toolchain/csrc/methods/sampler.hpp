#ifndef HBSTAN_METHODS_SAMPLER_HPP
#define HBSTAN_METHODS_SAMPLER_HPP

#include "io/json_file.hpp"
#include "run/session.hpp"

#include <vector>

namespace hbstan {

/** Everything that the samplers have in common. */
struct sampler_setup {
  explicit sampler_setup(const session& run);

  const session& run;
  std::size_t chains;
  int num_samples;
  int num_warmup;
  int thin;
  bool save_warmup;
  initial_values inits;
  std::vector<csv_writer> init_writers;  // silent: CmdStan does not keep them
  std::vector<csv_writer> samples;
  std::vector<csv_writer> diagnostics;

  void close();
};

/** Tuning parameters of Hamiltonian Monte Carlo and of its adaptation. */
struct hmc_setup {
  explicit hmc_setup(const session& run);

  bool engaged;
  double stepsize, jitter;
  double delta, gamma, kappa, t0;
  unsigned int init_buffer, term_buffer, window;
  std::string metric;
};

/**
 * The initial inverse metric of every chain: from metric_file, else the
 * identity, diagonal or dense.
 */
std::vector<values> initial_metrics(const session& run, std::size_t chains);

/** JSON files for the adapted metric of each chain; silent if not wanted. */
std::vector<json_file> open_metric_files(const session& run,
                                         std::size_t chains);

int sample_nuts(sampler_setup& setup, const hmc_setup& hmc);
int sample_static(sampler_setup& setup, const hmc_setup& hmc);
int sample_fixed(sampler_setup& setup);

}  // namespace hbstan
#endif
