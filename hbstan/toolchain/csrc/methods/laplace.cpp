#include "errors.hpp"
#include "io/file_names.hpp"
#include "io/json_file.hpp"
#include "methods/methods.hpp"
#include "methods/unconstrain.hpp"

#include <stan/services/optimize/laplace_sample.hpp>

namespace hbstan {
namespace {

const std::string path = "method.laplace.";

Eigen::VectorXd read_mode(const session& run) {
  const auto& file = run.args.text(path + "mode");
  if (file.empty())
    throw input_error(
        "Error: Missing mode argument, cannot get laplace sample without "
        "parameter estimates. Give mode=FILE.");
  // The last row is the mode, if the optimizer saved its iterations.
  const auto mode = read_unconstrained(run, file, "mode file").back();
  return Eigen::Map<const Eigen::VectorXd>(mode.data(), mode.size());
}

json_file open_hessian_file(const session& run) {
  const auto& name = run.args.text("output.diagnostic_file");
  return name.empty() ? json_file()
                      : json_file(sibling(name, "", ".json"), run.sig_figs());
}

}  // namespace

int run_laplace(const session& run) {
  const Eigen::VectorXd mode = read_mode(run);
  auto output = run.open_output();
  auto hessian = open_hessian_file(run);
  stan::callbacks::interrupt interrupt;
  const int draws = run.args.integer(path + "draws");
  const bool calculate_lp = run.args.flag(path + "calculate_lp");
  const bool jacobian = run.args.flag(path + "jacobian");
  const int code
      = jacobian ? stan::services::laplace_sample<true>(
            run.model, mode, draws, calculate_lp, run.seed(), run.refresh(),
            interrupt, run.logger, output, hessian.writer())
                 : stan::services::laplace_sample<false>(
                     run.model, mode, draws, calculate_lp, run.seed(),
                     run.refresh(), interrupt, run.logger, output,
                     hessian.writer());
  output.close();
  hessian.close();
  return code;
}

}  // namespace hbstan
