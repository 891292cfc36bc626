#include "methods/methods.hpp"

#include <stan/services/experimental/advi/fullrank.hpp>
#include <stan/services/experimental/advi/meanfield.hpp>

namespace hbstan {

int run_variational(const session& run) {
  namespace service = stan::services::experimental::advi;
  const std::string path = "method.variational.";
  const auto count = [&](const std::string& name) {
    return static_cast<int>(run.args.integer(path + name));
  };
  const auto inits = read_inits(run, 1);
  auto output = run.open_output();
  auto diagnostics = std::move(run.open_diagnostics(1).front());
  csv_writer silent;
  stan::callbacks::interrupt interrupt;
  const auto call = [&](auto&& advi) {
    return advi(run.model, *inits.contexts[0], run.seed(), run.id(),
                inits.radius, count("grad_samples"), count("elbo_samples"),
                count("iter"), run.args.real(path + "tol_rel_obj"),
                run.args.real(path + "eta"),
                run.args.flag(path + "adapt.engaged"), count("adapt.iter"),
                count("eval_elbo"), count("output_samples"), interrupt,
                run.logger, silent, output, diagnostics);
  };
  const bool full = run.args.text(path + "algorithm") == "fullrank";
  const int code
      = full ? call([](auto&&... args) { return service::fullrank(args...); })
             : call([](auto&&... args) { return service::meanfield(args...); });
  output.close();
  diagnostics.close();
  return code;
}

}  // namespace hbstan
