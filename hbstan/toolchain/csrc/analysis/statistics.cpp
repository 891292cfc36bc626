// The only file here that includes Stan: its headers take most of the build.
#include <stan/analyze/mcmc/autocovariance.hpp>
#include <stan/analyze/mcmc/compute_effective_sample_size.hpp>
#include <stan/analyze/mcmc/compute_potential_scale_reduction.hpp>

#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace hbstan {
namespace analysis {
namespace {

/** Stan's functions take chains as pointers and lengths. */
struct Pointers {
  explicit Pointers(const Draws& draws) {
    for (const auto& chain : draws) {
      starts.push_back(chain.data());
      sizes.push_back(chain.size());
    }
  }
  std::vector<const double*> starts;
  std::vector<std::size_t> sizes;
};

}  // namespace

std::vector<double> pooled(const Draws& draws) {
  std::vector<double> all;
  for (const auto& chain : draws)
    all.insert(all.end(), chain.begin(), chain.end());
  return all;
}

double mean(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / x.size();
}

double standard_deviation(const std::vector<double>& x) {
  const double center = mean(x);
  double squares = 0;
  for (double value : x)
    squares += (value - center) * (value - center);
  return std::sqrt(squares / (x.size() - 1.0));
}

std::vector<double> quantiles(std::vector<double> x,
                              const std::vector<double>& probabilities) {
  const auto is_nan = [](double value) { return std::isnan(value); };
  // NaN has no place in an order; one makes all order statistics unknown.
  if (std::any_of(x.begin(), x.end(), is_nan))
    return std::vector<double>(probabilities.size(),
                               std::numeric_limits<double>::quiet_NaN());
  std::sort(x.begin(), x.end());
  std::vector<double> result;
  for (double p : probabilities) {
    const bool lower = p < 0.5;
    const double tail = lower ? p : 1 - p;
    const auto order = static_cast<std::size_t>(std::ceil(x.size() * tail));
    const std::size_t rank = std::min(std::max<std::size_t>(order, 1), x.size());
    result.push_back(lower ? x[rank - 1] : x[x.size() - rank]);
  }
  return result;
}

double effective_sample_size(const Draws& draws) {
  const Pointers chains(draws);
  return stan::analyze::compute_effective_sample_size(chains.starts,
                                                      chains.sizes);
}

double split_rhat(const Draws& draws) {
  const Pointers chains(draws);
  return stan::analyze::compute_split_potential_scale_reduction(chains.starts,
                                                                chains.sizes);
}

std::vector<double> autocorrelation(const std::vector<double>& x) {
  std::vector<double> result;
  stan::math::autocorrelation(x, result);
  return result;
}

double energy_bfmi(const std::vector<double>& energy) {
  const double center = mean(energy);
  double jumps = 0;
  double spread = 0;
  for (std::size_t i = 0; i < energy.size(); ++i) {
    spread += (energy[i] - center) * (energy[i] - center);
    if (i > 0)
      jumps += (energy[i] - energy[i - 1]) * (energy[i] - energy[i - 1]);
  }
  return jumps / spread;
}

}  // namespace analysis
}  // namespace hbstan
