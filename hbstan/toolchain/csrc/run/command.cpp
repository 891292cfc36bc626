#include "run/command.hpp"

#include "cli/display.hpp"
#include "cli/parser.hpp"
#include "cli/tree.hpp"
#include "errors.hpp"
#include "methods/methods.hpp"
#include "run/header.hpp"
#include "run/profile.hpp"
#include "run/threads.hpp"

#include <chrono>
#include <iostream>
#include <map>

namespace hbstan {
namespace {

// Without a seed on the command line, the clock gives one. It is recorded as
// the value of the argument, still as a default, so that a run can be repeated.
void choose_seed(arguments& args) {
  auto& seed = args.at("random.seed");
  if (seed.value != "-1")
    return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ticks
      = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  seed.value = seed.default_value
      = std::to_string(static_cast<unsigned int>(ticks));
}

void print_configuration(const arguments& args) {
  for (const auto& line : configuration_lines(args.root()))
    std::cout << line << "\n";
  std::cout << std::endl;
}

std::unique_ptr<stan::model::model_base> make_model(const arguments& args) {
  const auto data = read_values(args.text("data.file"), "data file");
  const auto seed = static_cast<unsigned int>(args.integer("random.seed"));
  return std::unique_ptr<stan::model::model_base>(
      &new_model(*data, seed, &std::cout));
}

int run_method(const session& run) {
  static const std::map<std::string, int (*)(const session&)> methods{
      {"sample", run_sample},
      {"optimize", run_optimize},
      {"variational", run_variational},
      {"diagnose", run_diagnose},
      {"generate_quantities", run_generate_quantities},
      {"pathfinder", run_pathfinder},
      {"log_prob", run_log_prob},
      {"laplace", run_laplace}};
  return methods.at(run.args.text("method"))(run);
}

}  // namespace

int run_command(const std::vector<std::string>& words) {
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  if (rest.size() == 1 && rest[0] == "info") {
    std::cout << build_info() << std::flush;
    return success;
  }
  arguments args(command_tree());
  if (parse(rest, args.root(), words[0], std::cout) == request::help)
    return success;
  choose_seed(args);
  set_threads(args);
  print_configuration(args);
  const auto model = make_model(args);
  console_logger logger;
  const session run{args, *model, logger, utc_now()};
  if (args.flag("output.save_cmdstan_config"))
    write_config(run);
  const int code = run_method(run);
  write_profile(args.text("output.profile_file"));
  return code == 0 ? success : failure;
}

}  // namespace hbstan
