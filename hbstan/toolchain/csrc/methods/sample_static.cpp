#include "methods/sampler.hpp"

#include <stan/services/sample/hmc_static_dense_e.hpp>
#include <stan/services/sample/hmc_static_dense_e_adapt.hpp>
#include <stan/services/sample/hmc_static_diag_e.hpp>
#include <stan/services/sample/hmc_static_diag_e_adapt.hpp>
#include <stan/services/sample/hmc_static_unit_e.hpp>
#include <stan/services/sample/hmc_static_unit_e_adapt.hpp>

namespace hbstan {
namespace {

namespace service = stan::services::sample;

double int_time(const session& run) {
  return run.args.real("method.sample.algorithm.hmc.engine.static.int_time");
}

int sample_without_adaptation(sampler_setup& s, const hmc_setup& hmc) {
  const session& run = s.run;
  stan::callbacks::interrupt interrupt;
  const auto call = [&](auto&& sampler, auto&&... metric) {
    return sampler(run.model, *s.inits.contexts[0], metric..., run.seed(),
                   run.id(), s.inits.radius, s.num_warmup, s.num_samples,
                   s.thin, s.save_warmup, run.refresh(), hmc.stepsize,
                   hmc.jitter, int_time(run), interrupt, run.logger,
                   s.init_writers[0], s.samples[0], s.diagnostics[0]);
  };
  if (hmc.metric == "unit_e")
    return call(
        [](auto&&... args) { return service::hmc_static_unit_e(args...); });
  const auto metric = initial_metrics(run, 1)[0];
  if (hmc.metric == "dense_e")
    return call(
        [](auto&&... args) { return service::hmc_static_dense_e(args...); },
        *metric);
  return call(
      [](auto&&... args) { return service::hmc_static_diag_e(args...); },
      *metric);
}

int sample_unit_adaptive(sampler_setup& s, const hmc_setup& hmc) {
  const session& run = s.run;
  stan::callbacks::interrupt interrupt;
  return service::hmc_static_unit_e_adapt(
      run.model, *s.inits.contexts[0], run.seed(), run.id(), s.inits.radius,
      s.num_warmup, s.num_samples, s.thin, s.save_warmup, run.refresh(),
      hmc.stepsize, hmc.jitter, int_time(run), hmc.delta, hmc.gamma, hmc.kappa,
      hmc.t0, interrupt, run.logger, s.init_writers[0], s.samples[0],
      s.diagnostics[0]);
}

int sample_adaptive(sampler_setup& s, const hmc_setup& hmc) {
  const session& run = s.run;
  const auto metric = initial_metrics(run, 1)[0];
  stan::callbacks::interrupt interrupt;
  const auto call = [&](auto&& sampler) {
    return sampler(run.model, *s.inits.contexts[0], *metric, run.seed(),
                   run.id(), s.inits.radius, s.num_warmup, s.num_samples,
                   s.thin, s.save_warmup, run.refresh(), hmc.stepsize,
                   hmc.jitter, int_time(run), hmc.delta, hmc.gamma, hmc.kappa,
                   hmc.t0, hmc.init_buffer, hmc.term_buffer, hmc.window,
                   interrupt, run.logger, s.init_writers[0], s.samples[0],
                   s.diagnostics[0]);
  };
  if (hmc.metric == "dense_e")
    return call([](auto&&... args) {
      return service::hmc_static_dense_e_adapt(args...);
    });
  return call(
      [](auto&&... args) { return service::hmc_static_diag_e_adapt(args...); });
}

}  // namespace

int sample_static(sampler_setup& setup, const hmc_setup& hmc) {
  if (!hmc.engaged)
    return sample_without_adaptation(setup, hmc);
  if (setup.run.args.flag("method.sample.adapt.save_metric"))
    setup.run.logger.warn(
        "Warning: save_metric=1 has no effect with engine=static; the metric "
        "is in the comments of the output file.");
  return hmc.metric == "unit_e" ? sample_unit_adaptive(setup, hmc)
                                : sample_adaptive(setup, hmc);
}

}  // namespace hbstan
