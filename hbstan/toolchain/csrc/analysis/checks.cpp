#include "checks.hpp"

#include "statistics.hpp"

#include <functional>
#include <iomanip>
#include <sstream>
#include <string>
#include <vector>

namespace hbstan {
namespace analysis {
namespace {

std::string percentage(std::size_t part, std::size_t whole) {
  std::ostringstream text;
  text << std::setprecision(2) << 100.0 * part / whole << "%";
  return text.str();
}

std::string share(std::size_t part, std::size_t whole) {
  return std::to_string(part) + " of " + std::to_string(whole) + " ("
         + percentage(part, whole) + ") transitions";
}

/** Columns of the sampler, such as `stepsize__`, end in two underscores. */
bool is_quantity(const std::string& name) {
  const bool internal
      = name.size() > 2 && name.compare(name.size() - 2, 2, "__") == 0;
  return !internal || name == "lp__";
}

/** Names of the quantities for which `bad` holds. */
std::vector<std::string> quantities_where(
    const ChainSet& chains, const std::function<bool(const Draws&)>& bad) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < chains.names().size(); ++i)
    if (is_quantity(chains.names()[i]) && bad(chains.draws(i)))
      names.push_back(chains.names()[i]);
  return names;
}

void write_names(std::ostream& out, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i)
    out << (i ? ", " : "  ") << names[i];
  out << "\n";
}

}  // namespace

bool check_treedepth(std::ostream& out, const ChainSet& chains) {
  const int column = chains.find("treedepth__");
  if (column < 0)
    return true;
  out << "Checking sampler transitions treedepth.\n";
  const Draws draws = chains.draws(column);
  bool good = true;
  for (std::size_t c = 0; c < draws.size(); ++c) {
    const int limit = chains.chains()[c].info.max_depth;
    std::size_t hits = 0;
    for (double depth : draws[c])
      hits += depth >= limit;
    if (hits == 0)
      continue;
    good = false;
    out << share(hits, draws[c].size()) << " of chain " << c + 1
        << " hit the maximum treedepth limit of " << limit << ", or 2^" << limit
        << " leapfrog steps.\n";
  }
  out << (good ? "Treedepth satisfactory for all transitions.\n"
               : "Trajectories cut short explore slowly: increase max_depth, or "
                 "reparameterize.\n");
  out << "\n";
  return good;
}

bool check_divergences(std::ostream& out, const ChainSet& chains) {
  const int column = chains.find("divergent__");
  if (column < 0)
    return true;
  out << "Checking sampler transitions for divergences.\n";
  std::size_t divergent = 0;
  for (double flag : pooled(chains.draws(column)))
    divergent += flag != 0;
  if (divergent == 0)
    out << "No divergent transitions found.\n\n";
  else
    out << share(divergent, chains.num_draws())
        << " ended with a divergence.\n"
           "The sampler may miss part of the posterior, which biases every "
           "estimate: bring\nadapt delta closer to 1; where divergences remain, "
           "reparameterize.\n\n";
  return divergent == 0;
}

bool check_energy(std::ostream& out, const ChainSet& chains,
                  const Limits& limits) {
  const int column = chains.find("energy__");
  if (column < 0)
    return true;
  out << "Checking E-BFMI - sampler transitions HMC potential energy.\n";
  const Draws draws = chains.draws(column);
  bool good = true;
  for (std::size_t c = 0; c < draws.size(); ++c) {
    const double bfmi = energy_bfmi(draws[c]);
    if (!(bfmi < limits.low_bfmi))
      continue;
    good = false;
    std::ostringstream value;
    value << std::fixed << std::setprecision(2) << bfmi;
    out << "The E-BFMI of chain " << c + 1 << ", " << value.str()
        << ", is below the nominal threshold of " << limits.low_bfmi << ".\n";
  }
  out << (good ? "E-BFMI satisfactory.\n"
               : "The sampler hardly moves between energy levels and explores "
                 "the tails slowly:\nreparameterize the model.\n");
  out << "\n";
  return good;
}

bool check_effective_sample_size(std::ostream& out, const ChainSet& chains,
                                 const Limits& limits) {
  const double least = limits.low_ess_per_draw * chains.num_draws();
  const auto low = quantities_where(chains, [&](const Draws& draws) {
    return effective_sample_size(draws) < least;
  });
  if (low.empty()) {
    out << "Effective sample size satisfactory.\n\n";
    return true;
  }
  out << "The following parameters had fewer than " << limits.low_ess_per_draw
      << " effective draws per transition:\n";
  write_names(out, low);
  out << "So few effective draws make the effective sample size itself "
         "unreliable.\n\n";
  return false;
}

bool check_rhat(std::ostream& out, const ChainSet& chains,
                const Limits& limits) {
  const auto high = quantities_where(chains, [&](const Draws& draws) {
    return split_rhat(draws) > limits.high_rhat;
  });
  if (high.empty()) {
    out << "Split R-hat values satisfactory all parameters.\n\n";
    return true;
  }
  out << "The following parameters had split R-hat greater than "
      << limits.high_rhat << ":\n";
  write_names(out, high);
  out << "The chains have not mixed and the estimates cannot be used: run "
         "longer, use more\ninformative priors, or reparameterize.\n\n";
  return false;
}

}  // namespace analysis
}  // namespace hbstan
