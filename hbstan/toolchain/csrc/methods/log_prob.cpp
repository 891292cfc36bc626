#include "errors.hpp"
#include "methods/methods.hpp"
#include "methods/unconstrain.hpp"

#include <stan/model/log_prob_grad.hpp>

namespace hbstan {
namespace {

const std::string log_prob_path = "method.log_prob.";

// The variable params_r: a vector, or an array with one vector in each row.
std::vector<std::vector<double>> read_params_r(const session& run,
                                               const std::string& file) {
  const auto given = read_values(file, "unconstrained_params file");
  const std::size_t size = run.model.num_params_r();
  const auto dims = given->dims_r("params_r");
  const auto numbers = given->vals_r("params_r");
  const std::size_t rows = dims.size() == 2 ? dims[0] : 1;
  if (dims.empty() || dims.size() > 2 || numbers.size() != rows * size)
    throw input_error("Error: '" + file + "' has "
                      + std::to_string(numbers.size())
                      + " values of params_r, expected a multiple of "
                      + std::to_string(size)
                      + ". Give one vector, or an array of vectors.");
  std::vector<std::vector<double>> result(rows, std::vector<double>(size));
  // Stan's arrays arrive in column-major order.
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < size; ++j)
      result[i][j] = numbers[j * rows + i];
  return result;
}

std::vector<std::vector<double>> read_points(const session& run) {
  const auto& constrained = run.args.text(log_prob_path + "constrained_params");
  const auto& unconstrained
      = run.args.text(log_prob_path + "unconstrained_params");
  if (constrained.empty() == unconstrained.empty())
    throw input_error(
        constrained.empty()
            ? "Error: No input parameter files provided, cannot calculate log "
              "probability density. Give unconstrained_params=FILE or "
              "constrained_params=FILE."
            : "Error: Cannot specify both arguments unconstrained_params and "
              "constrained_params. Drop one of them.");
  return constrained.empty()
             ? read_params_r(run, unconstrained)
             : read_unconstrained(run, constrained, "constrained_params file");
}

std::vector<double> density_and_gradient(const session& run,
                                         std::vector<double>& point) {
  std::vector<int> no_integers;
  std::vector<double> gradient;
  std::stringstream messages;
  const bool jacobian = run.args.flag(log_prob_path + "jacobian");
  const double density
      = jacobian ? stan::model::log_prob_grad<true, true>(
            run.model, point, no_integers, gradient, &messages)
                 : stan::model::log_prob_grad<true, false>(
                     run.model, point, no_integers, gradient, &messages);
  if (!messages.str().empty())
    run.logger.info(messages);
  gradient.insert(gradient.begin(), density);
  return gradient;
}

}  // namespace

int run_log_prob(const session& run) {
  auto points = read_points(run);
  auto output = run.open_output();
  std::vector<std::string> names;
  run.model.unconstrained_param_names(names, false, false);
  for (auto& name : names)
    name = "g_" + name;
  names.insert(names.begin(), "lp__");
  output(names);
  for (auto& point : points)
    output(density_and_gradient(run, point));
  output.close();
  return success;
}

}  // namespace hbstan
