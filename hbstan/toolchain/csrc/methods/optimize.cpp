#include "methods/methods.hpp"

#include <stan/services/optimize/bfgs.hpp>
#include <stan/services/optimize/lbfgs.hpp>
#include <stan/services/optimize/newton.hpp>

namespace hbstan {
namespace {

namespace service = stan::services::optimize;
using model_t = stan::model::model_base;

const std::string path = "method.optimize.";

struct optimize_setup {
  explicit optimize_setup(const session& session)
      : run(session),
        inits(read_inits(run, 1)),
        output(run.open_output()),
        iterations(run.args.integer(path + "iter")),
        save_iterations(run.args.flag(path + "save_iterations")) {}

  double option(const std::string& name) const {
    const auto& algorithm = run.args.text(path + "algorithm");
    return run.args.real(path + "algorithm." + algorithm + "." + name);
  }

  const session& run;
  initial_values inits;
  csv_writer silent;
  csv_writer output;
  stan::callbacks::interrupt interrupt;
  int iterations;
  bool save_iterations;
};

template <bool jacobian>
int run_newton(optimize_setup& s) {
  return service::newton<model_t, jacobian>(
      s.run.model, *s.inits.contexts[0], s.run.seed(), s.run.id(),
      s.inits.radius, s.iterations, s.save_iterations, s.interrupt,
      s.run.logger, s.silent, s.output);
}

template <bool jacobian>
int run_bfgs(optimize_setup& s) {
  return service::bfgs<model_t, jacobian>(
      s.run.model, *s.inits.contexts[0], s.run.seed(), s.run.id(),
      s.inits.radius, s.option("init_alpha"), s.option("tol_obj"),
      s.option("tol_rel_obj"), s.option("tol_grad"), s.option("tol_rel_grad"),
      s.option("tol_param"), s.iterations, s.save_iterations, s.run.refresh(),
      s.interrupt, s.run.logger, s.silent, s.output);
}

template <bool jacobian>
int run_lbfgs(optimize_setup& s) {
  return service::lbfgs<model_t, jacobian>(
      s.run.model, *s.inits.contexts[0], s.run.seed(), s.run.id(),
      s.inits.radius, static_cast<int>(s.option("history_size")),
      s.option("init_alpha"), s.option("tol_obj"), s.option("tol_rel_obj"),
      s.option("tol_grad"), s.option("tol_rel_grad"), s.option("tol_param"),
      s.iterations, s.save_iterations, s.run.refresh(), s.interrupt,
      s.run.logger, s.silent, s.output);
}

template <bool jacobian>
int run_algorithm(optimize_setup& s) {
  const auto& algorithm = s.run.args.text(path + "algorithm");
  if (algorithm == "newton")
    return run_newton<jacobian>(s);
  return algorithm == "bfgs" ? run_bfgs<jacobian>(s) : run_lbfgs<jacobian>(s);
}

}  // namespace

int run_optimize(const session& run) {
  optimize_setup setup(run);
  const bool jacobian = run.args.flag(path + "jacobian");
  const int code
      = jacobian ? run_algorithm<true>(setup) : run_algorithm<false>(setup);
  setup.output.close();
  return code;
}

}  // namespace hbstan
