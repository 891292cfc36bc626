#ifndef HBSTAN_ANALYSIS_STATISTICS_HPP
#define HBSTAN_ANALYSIS_STATISTICS_HPP

#include "chain_set.hpp"

#include <vector>

namespace hbstan {
namespace analysis {

/** All chains of a quantity, one after the other. */
std::vector<double> pooled(const Draws& draws);

double mean(const std::vector<double>& x);

/** Sample standard deviation, with n - 1 in the denominator. */
double standard_deviation(const std::vector<double>& x);

/**
 * Order statistics at the given probabilities, without interpolation: the
 * ceil(n p)-th smallest value below the median, the ceil(n (1 - p))-th largest
 * from the median upwards, as `stan::mcmc::chains` has it.
 *
 * @param probabilities each strictly between 0 and 1
 */
std::vector<double> quantiles(std::vector<double> x,
                              const std::vector<double>& probabilities);

/** Stan's effective sample size of the mean over all chains; NaN if constant. */
double effective_sample_size(const Draws& draws);

/** Stan's split R-hat; NaN for constant chains. */
double split_rhat(const Draws& draws);

/**
 * Autocorrelations at lags 0, 1, ..., n - 1 of one chain, each a mean over the
 * n - lag products there are.
 */
std::vector<double> autocorrelation(const std::vector<double>& x);

/**
 * E-BFMI of one chain: the mean squared change of the energy from one
 * transition to the next over the energy's variance (Betancourt 2016,
 * arXiv:1604.00695).
 */
double energy_bfmi(const std::vector<double>& energy);

}  // namespace analysis
}  // namespace hbstan

#endif
