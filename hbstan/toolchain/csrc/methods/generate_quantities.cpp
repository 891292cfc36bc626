#include "errors.hpp"
#include "io/csv_table.hpp"
#include "io/file_names.hpp"
#include "methods/methods.hpp"

#include <stan/services/sample/standalone_gqs.hpp>

namespace hbstan {
namespace {

// The parameters' draws of one chain, a draw in each row.
Eigen::MatrixXd read_draws(const session& run, const std::string& path) {
  std::vector<std::string> names;
  run.model.constrained_param_names(names, false, false);
  const auto rows = read_csv(path).select(names, path);
  Eigen::MatrixXd draws(rows.size(), names.size());
  for (Eigen::Index i = 0; i < draws.rows(); ++i)
    for (Eigen::Index j = 0; j < draws.cols(); ++j)
      draws(i, j) = rows[i][j];
  return draws;
}

}  // namespace

int run_generate_quantities(const session& run) {
  const std::string path = "method.generate_quantities.";
  const auto& fitted = run.args.text(path + "fitted_params");
  if (fitted.empty())
    throw input_error(
        "Error: Missing fitted_params argument, cannot run generate_quantities "
        "without fitted sample. Give fitted_params=FILE.csv.");
  const std::size_t chains = run.args.integer(path + "num_chains");
  std::vector<Eigen::MatrixXd> draws;
  for (const auto& name : chain_inputs(fitted, chains, run.id()))
    draws.push_back(read_draws(run, name));
  auto outputs = run.open_outputs(chains);
  stan::callbacks::interrupt interrupt;
  const int code = stan::services::standalone_generate(
      run.model, static_cast<int>(chains), draws, run.seed(), interrupt,
      run.logger, outputs);
  close_all(outputs);
  return code;
}

}  // namespace hbstan
