#ifndef HBSTAN_ANALYSIS_SUMMARY_HPP
#define HBSTAN_ANALYSIS_SUMMARY_HPP

#include "chain_set.hpp"

#include <ostream>
#include <string>
#include <vector>

namespace hbstan {
namespace analysis {

/** Statistics of the chosen quantities: one row each, columns as headed. */
struct Summary {
  std::vector<std::string> headings;
  std::vector<std::string> names;
  std::vector<std::vector<double>> rows;
};

/**
 * Indices of the columns to report: all where `wanted` is empty, else those
 * named, by element (`theta[2]`) or by container (`theta`).
 *
 * @throws UsageError for a name that no column has
 */
std::vector<std::size_t> select_columns(const ChainSet& chains,
                                        const std::vector<std::string>& wanted);

/**
 * Mean, its Monte Carlo standard error sd / sqrt(N_Eff), standard deviation,
 * percentiles, effective sample size, the same per second of sampling, and
 * split R-hat of each of the given columns.
 *
 * @param percentiles numbers as text, which also head their columns
 */
Summary summarize(const ChainSet& chains,
                  const std::vector<std::size_t>& columns,
                  const std::vector<std::string>& percentiles);

/** What was run: model, chains, iterations, times. Each line gets a prefix. */
void write_run(std::ostream& out, const ChainSet& chains,
               const std::string& prefix);

/** How the draws were made and what N_Eff and R_hat mean. */
void write_footer(std::ostream& out, const ChainSet& chains,
                  const std::string& prefix);

/** The summary as an aligned table. */
void write_table(std::ostream& out, const Summary& summary, int sig_figs);

/** The summary as CSV, names quoted. */
void write_csv(std::ostream& out, const Summary& summary, int sig_figs);

/** Autocorrelations of one chain: a row a lag, a column a quantity. */
void write_autocorrelation(std::ostream& out, const ChainSet& chains,
                           const std::vector<std::size_t>& columns,
                           std::size_t chain);

}  // namespace analysis
}  // namespace hbstan

#endif
