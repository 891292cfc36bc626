#ifndef HBSTAN_ANALYSIS_CHECKS_HPP
#define HBSTAN_ANALYSIS_CHECKS_HPP

#include "chain_set.hpp"

#include <ostream>

namespace hbstan {
namespace analysis {

/**
 * The limits beyond which `diagnose` warns; CmdStan's values. hbstan's own
 * checks are stricter and use rank-normalized statistics.
 */
struct Limits {
  double low_bfmi = 0.3;
  double low_ess_per_draw = 0.001;
  double high_rhat = 1.05;
};

/**
 * Each check writes what it found. It returns true where nothing is wrong,
 * which includes chains without the columns that the check looks at: those of
 * samplers other than NUTS.
 */
bool check_treedepth(std::ostream& out, const ChainSet& chains);
bool check_divergences(std::ostream& out, const ChainSet& chains);
bool check_energy(std::ostream& out, const ChainSet& chains,
                  const Limits& limits);
bool check_effective_sample_size(std::ostream& out, const ChainSet& chains,
                                 const Limits& limits);
bool check_rhat(std::ostream& out, const ChainSet& chains,
                const Limits& limits);

}  // namespace analysis
}  // namespace hbstan

#endif
