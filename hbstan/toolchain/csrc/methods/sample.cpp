#include "errors.hpp"
#include "io/file_names.hpp"
#include "methods/methods.hpp"
#include "methods/sampler.hpp"

#include <stan/services/util/create_unit_e_dense_inv_metric.hpp>
#include <stan/services/util/create_unit_e_diag_inv_metric.hpp>

namespace hbstan {
namespace {

const std::string sample_path = "method.sample.";
const std::string hmc_path = "method.sample.algorithm.hmc.";

void require_warmup(const sampler_setup& setup, const hmc_setup& hmc) {
  if (hmc.engaged && setup.num_warmup == 0)
    throw input_error(
        "Error: The number of warmup samples (num_warmup) must be greater than "
        "zero if adaptation is enabled: found num_warmup=0. Give num_warmup > "
        "0 or adapt engaged=0.");
}

int sample_hmc(sampler_setup& setup) {
  const hmc_setup hmc(setup.run);
  require_warmup(setup, hmc);
  if (setup.run.args.text(hmc_path + "engine") == "nuts")
    return sample_nuts(setup, hmc);
  if (setup.chains > 1)
    throw input_error("Error: engine=static runs one chain, found num_chains="
                      + std::to_string(setup.chains)
                      + ". Use engine=nuts or one process a chain.");
  return sample_static(setup, hmc);
}

}  // namespace

sampler_setup::sampler_setup(const session& session)
    : run(session),
      chains(run.args.integer(sample_path + "num_chains")),
      num_samples(run.args.integer(sample_path + "num_samples")),
      num_warmup(run.args.integer(sample_path + "num_warmup")),
      thin(run.args.integer(sample_path + "thin")),
      save_warmup(run.args.flag(sample_path + "save_warmup")),
      inits(read_inits(run, chains)),
      init_writers(chains),
      samples(run.open_outputs(chains)),
      diagnostics(run.open_diagnostics(chains)) {}

void sampler_setup::close() {
  close_all(samples);
  close_all(diagnostics);
}

hmc_setup::hmc_setup(const session& run)
    : engaged(run.args.flag(sample_path + "adapt.engaged")),
      stepsize(run.args.real(hmc_path + "stepsize")),
      jitter(run.args.real(hmc_path + "stepsize_jitter")),
      delta(run.args.real(sample_path + "adapt.delta")),
      gamma(run.args.real(sample_path + "adapt.gamma")),
      kappa(run.args.real(sample_path + "adapt.kappa")),
      t0(run.args.real(sample_path + "adapt.t0")),
      init_buffer(run.args.integer(sample_path + "adapt.init_buffer")),
      term_buffer(run.args.integer(sample_path + "adapt.term_buffer")),
      window(run.args.integer(sample_path + "adapt.window")),
      metric(run.args.text(hmc_path + "metric")) {}

std::vector<values> initial_metrics(const session& run, std::size_t chains) {
  using namespace stan::services::util;
  std::vector<values> metrics;
  const auto& name = run.args.text(hmc_path + "metric_file");
  if (!name.empty()) {
    for (const auto& path : chain_inputs(name, chains, run.id()))
      metrics.push_back(read_values(path, "metric file"));
    return metrics;
  }
  using array_context = stan::io::array_var_context;
  const auto size = run.model.num_params_r();
  const bool dense = run.args.text(hmc_path + "metric") == "dense_e";
  metrics.assign(chains, std::make_shared<array_context>(
                             dense ? create_unit_e_dense_inv_metric(size)
                                   : create_unit_e_diag_inv_metric(size)));
  return metrics;
}

std::vector<json_file> open_metric_files(const session& run,
                                         std::size_t chains) {
  std::vector<json_file> files;
  const bool wanted = run.args.flag(sample_path + "adapt.save_metric");
  // A list names each chain's file: a.csv -> a_metric.json. One name for
  // several chains gets their ids: out.csv -> out_metric_1.json.
  const auto outputs = split_list(run.args.text("output.file"));
  const bool listed = outputs.size() > 1 || chains == 1;
  for (std::size_t i = 0; i < chains; ++i) {
    const auto tag
        = listed ? "_metric" : "_metric_" + std::to_string(run.id() + i);
    if (wanted)
      files.emplace_back(sibling(outputs.at(listed ? i : 0), tag, ".json"),
                         run.sig_figs());
    else
      files.emplace_back();
  }
  return files;
}

int run_sample(const session& run) {
  sampler_setup setup(run);
  const bool fixed = run.args.text(sample_path + "algorithm") == "fixed_param";
  const bool empty = run.model.num_params_r() == 0;
  if (empty && !fixed)
    run.logger.info(
        "Model contains no parameters, running fixed_param sampler, no "
        "updates to Markov chain");
  const int code = fixed || empty ? sample_fixed(setup) : sample_hmc(setup);
  setup.close();
  return code;
}

}  // namespace hbstan
