#include "io/file_names.hpp"
#include "io/json_file.hpp"
#include "methods/methods.hpp"

#include <stan/services/pathfinder/multi.hpp>
#include <stan/services/pathfinder/single.hpp>

namespace hbstan {
namespace {

namespace service = stan::services::pathfinder;

struct pathfinder_setup {
  explicit pathfinder_setup(const session& session)
      : run(session),
        paths(count("num_paths")),
        save_paths(flag("save_single_paths")),
        diagnostic_name(run.args.text("output.diagnostic_file")),
        inits(read_inits(run, paths)),
        silent(paths),
        output(run.open_output()) {}

  int count(const std::string& name) const {
    return run.args.integer("method.pathfinder." + name);
  }
  bool flag(const std::string& name) const {
    return run.args.flag("method.pathfinder." + name);
  }
  double real(const std::string& name) const {
    return run.args.real("method.pathfinder." + name);
  }

  // The internals of the iterations go to JSON files if they have a name, or
  // if single paths are saved: then they are named after the output file.
  bool save_iterations() const {
    return save_paths || !diagnostic_name.empty();
  }

  json_file open_iterations(const std::string& tag) const {
    if (!save_iterations())
      return {};
    const auto& name = diagnostic_name.empty() ? run.args.text("output.file")
                                               : diagnostic_name;
    return json_file(sibling(name, tag, ".json"), run.sig_figs());
  }

  const session& run;
  std::size_t paths;
  bool save_paths;
  std::string diagnostic_name;
  initial_values inits;
  std::vector<csv_writer> silent;
  csv_writer output;
  stan::callbacks::interrupt interrupt;
};

int run_single(pathfinder_setup& s) {
  auto iterations = s.open_iterations("");
  const int code = service::pathfinder_lbfgs_single<false>(
      s.run.model, *s.inits.contexts[0], s.run.seed(), s.run.id(),
      s.inits.radius, s.count("history_size"), s.real("init_alpha"),
      s.real("tol_obj"), s.real("tol_rel_obj"), s.real("tol_grad"),
      s.real("tol_rel_grad"), s.real("tol_param"), s.count("max_lbfgs_iters"),
      s.count("num_elbo_draws"), s.count("num_draws"), s.save_iterations(),
      s.run.refresh(), s.interrupt, s.run.logger, s.silent[0], s.output,
      iterations.writer(), s.flag("calculate_lp"));
  iterations.close();
  return code;
}

std::vector<csv_writer> open_path_draws(const pathfinder_setup& s) {
  std::vector<csv_writer> writers;
  for (std::size_t i = 0; i < s.paths; ++i) {
    const auto tag = "_path_" + std::to_string(s.run.id() + i);
    writers.push_back(s.save_paths
                          ? s.run.open_csv(sibling(
                              s.run.args.text("output.file"), tag, ".csv"))
                          : csv_writer());
  }
  return writers;
}

int run_multi(pathfinder_setup& s) {
  auto draws = open_path_draws(s);
  std::vector<json_file> iterations;
  std::vector<json_writer> iteration_writers;
  for (std::size_t i = 0; i < s.paths; ++i) {
    iterations.push_back(
        s.open_iterations("_path_" + std::to_string(s.run.id() + i)));
    iteration_writers.push_back(iterations.back().release_writer());
  }
  json_writer no_diagnostics;
  const int code = service::pathfinder_lbfgs_multi(
      s.run.model, s.inits.contexts, s.run.seed(), s.run.id(), s.inits.radius,
      s.count("history_size"), s.real("init_alpha"), s.real("tol_obj"),
      s.real("tol_rel_obj"), s.real("tol_grad"), s.real("tol_rel_grad"),
      s.real("tol_param"), s.count("max_lbfgs_iters"),
      s.count("num_elbo_draws"), s.count("num_draws"),
      s.count("num_psis_draws"), static_cast<int>(s.paths), s.save_iterations(),
      s.run.refresh(), s.interrupt, s.run.logger, s.silent, draws,
      iteration_writers, s.output, no_diagnostics, s.flag("calculate_lp"),
      s.flag("psis_resample"));
  close_all(draws);
  close_all(iterations);
  return code;
}

}  // namespace

int run_pathfinder(const session& run) {
  pathfinder_setup setup(run);
  const int code = setup.paths == 1 ? run_single(setup) : run_multi(setup);
  setup.output.close();
  return code;
}

}  // namespace hbstan
