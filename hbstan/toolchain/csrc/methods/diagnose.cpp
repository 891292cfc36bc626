#include "methods/methods.hpp"

#include <stan/services/diagnose/diagnose.hpp>

namespace hbstan {

int run_diagnose(const session& run) {
  const std::string path = "method.diagnose.test.gradient.";
  const auto inits = read_inits(run, 1);
  auto output = run.open_output();
  csv_writer silent;
  stan::callbacks::interrupt interrupt;
  const int failed = stan::services::diagnose::diagnose(
      run.model, *inits.contexts[0], run.seed(), run.id(), inits.radius,
      run.args.real(path + "epsilon"), run.args.real(path + "error"), interrupt,
      run.logger, silent, output);
  output.close();
  return failed;
}

}  // namespace hbstan
