#include "methods/sampler.hpp"

#include <stan/services/sample/hmc_nuts_dense_e.hpp>
#include <stan/services/sample/hmc_nuts_dense_e_adapt.hpp>
#include <stan/services/sample/hmc_nuts_diag_e.hpp>
#include <stan/services/sample/hmc_nuts_diag_e_adapt.hpp>
#include <stan/services/sample/hmc_nuts_unit_e.hpp>
#include <stan/services/sample/hmc_nuts_unit_e_adapt.hpp>

namespace hbstan {
namespace {

namespace service = stan::services::sample;

int max_depth(const session& run) {
  return run.args.integer("method.sample.algorithm.hmc.engine.nuts.max_depth");
}

int sample_without_adaptation(sampler_setup& s, const hmc_setup& hmc) {
  const session& run = s.run;
  stan::callbacks::interrupt interrupt;
  // The services differ in name and in the metric argument alone.
  const auto call = [&](auto&& sampler, auto&&... metric) {
    return sampler(run.model, s.chains, s.inits.contexts, metric..., run.seed(),
                   run.id(), s.inits.radius, s.num_warmup, s.num_samples,
                   s.thin, s.save_warmup, run.refresh(), hmc.stepsize,
                   hmc.jitter, max_depth(run), interrupt, run.logger,
                   s.init_writers, s.samples, s.diagnostics);
  };
  if (hmc.metric == "unit_e")
    return call(
        [](auto&&... args) { return service::hmc_nuts_unit_e(args...); });
  const auto metrics = initial_metrics(run, s.chains);
  if (hmc.metric == "dense_e")
    return call(
        [](auto&&... args) { return service::hmc_nuts_dense_e(args...); },
        metrics);
  return call([](auto&&... args) { return service::hmc_nuts_diag_e(args...); },
              metrics);
}

int sample_unit_adaptive(sampler_setup& s, const hmc_setup& hmc,
                         std::vector<json_writer>& metric_writers) {
  const session& run = s.run;
  stan::callbacks::interrupt interrupt;
  return service::hmc_nuts_unit_e_adapt(
      run.model, s.chains, s.inits.contexts, run.seed(), run.id(),
      s.inits.radius, s.num_warmup, s.num_samples, s.thin, s.save_warmup,
      run.refresh(), hmc.stepsize, hmc.jitter, max_depth(run), hmc.delta,
      hmc.gamma, hmc.kappa, hmc.t0, interrupt, run.logger, s.init_writers,
      s.samples, s.diagnostics, metric_writers);
}

int sample_adaptive(sampler_setup& s, const hmc_setup& hmc,
                    std::vector<json_writer>& metric_writers) {
  const session& run = s.run;
  const auto metrics = initial_metrics(run, s.chains);
  stan::callbacks::interrupt interrupt;
  const auto call = [&](auto&& sampler) {
    return sampler(run.model, s.chains, s.inits.contexts, metrics, run.seed(),
                   run.id(), s.inits.radius, s.num_warmup, s.num_samples,
                   s.thin, s.save_warmup, run.refresh(), hmc.stepsize,
                   hmc.jitter, max_depth(run), hmc.delta, hmc.gamma, hmc.kappa,
                   hmc.t0, hmc.init_buffer, hmc.term_buffer, hmc.window,
                   interrupt, run.logger, s.init_writers, s.samples,
                   s.diagnostics, metric_writers);
  };
  if (hmc.metric == "dense_e")
    return call([](auto&&... args) {
      return service::hmc_nuts_dense_e_adapt(args...);
    });
  return call(
      [](auto&&... args) { return service::hmc_nuts_diag_e_adapt(args...); });
}

}  // namespace

int sample_nuts(sampler_setup& setup, const hmc_setup& hmc) {
  if (!hmc.engaged)
    return sample_without_adaptation(setup, hmc);
  auto files = open_metric_files(setup.run, setup.chains);
  std::vector<json_writer> writers;
  for (auto& file : files)
    writers.push_back(file.release_writer());
  const int code = hmc.metric == "unit_e"
                       ? sample_unit_adaptive(setup, hmc, writers)
                       : sample_adaptive(setup, hmc, writers);
  close_all(files);
  return code;
}

}  // namespace hbstan
