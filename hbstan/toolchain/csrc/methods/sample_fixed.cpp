#include "methods/sampler.hpp"

#include <stan/services/sample/fixed_param.hpp>

namespace hbstan {

int sample_fixed(sampler_setup& setup) {
  const session& run = setup.run;
  stan::callbacks::interrupt interrupt;
  return stan::services::sample::fixed_param(
      run.model, setup.chains, setup.inits.contexts, run.seed(), run.id(),
      setup.inits.radius, setup.num_samples, setup.thin, run.refresh(),
      interrupt, run.logger, setup.init_writers, setup.samples,
      setup.diagnostics);
}

}  // namespace hbstan
