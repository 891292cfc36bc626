#include "methods/unconstrain.hpp"

#include "io/csv_table.hpp"
#include "io/file_names.hpp"

#include <sstream>

namespace hbstan {
namespace {

void log_messages(const session& run, const std::stringstream& messages) {
  if (!messages.str().empty())
    run.logger.info(messages);
}

std::vector<double> from_values(const session& run, const values& given) {
  std::vector<double> unconstrained;
  std::vector<int> no_integers;
  std::stringstream messages;
  run.model.transform_inits(*given, no_integers, unconstrained, &messages);
  log_messages(run, messages);
  return unconstrained;
}

}  // namespace

std::vector<std::vector<double>> read_unconstrained(const session& run,
                                                    const std::string& path,
                                                    const std::string& role) {
  if (split_name(path).suffix != ".csv")
    return {from_values(run, read_values(path, role))};
  std::vector<std::string> names;
  run.model.constrained_param_names(names, false, false);
  std::vector<std::vector<double>> result;
  std::stringstream messages;
  for (const auto& row : read_csv(path).select(names, path))
    run.model.unconstrain_array(row, result.emplace_back(), &messages);
  log_messages(run, messages);
  return result;
}

}  // namespace hbstan
