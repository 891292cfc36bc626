#include "summary.hpp"

#include "options.hpp"
#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <iomanip>
#include <sstream>

namespace hbstan {
namespace analysis {
namespace {

/** A value for people: fixed notation unless that would need many zeros. */
std::string readable(double value, int sig_figs) {
  const double size = std::fabs(value);
  const bool fixed = size == 0 || (size >= 1e-3 && size < 1e7);
  std::ostringstream text;
  if (!std::isfinite(value) || !fixed) {
    text << std::scientific << std::setprecision(sig_figs - 1) << value;
  } else {
    const int digits
        = size == 0 ? 1 : static_cast<int>(std::floor(std::log10(size))) + 1;
    text << std::fixed << std::setprecision(std::max(0, sig_figs - digits))
         << value;
  }
  return text.str();
}

std::string listed(const ChainSet& chains,
                   const std::function<double(const ChainFile&)>& get) {
  std::ostringstream text;
  text << std::setprecision(2);
  for (std::size_t i = 0; i < chains.chains().size(); ++i) {
    const double value = get(chains.chains()[i]);
    text << (i ? "," : "");
    if (value == std::floor(value))
      text << static_cast<long long>(value);
    else
      text << value;
  }
  return "(" + text.str() + ")";
}

void write_seconds(std::ostream& out, const ChainSet& chains,
                   const std::string& label,
                   const std::function<double(const ChainFile&)>& get) {
  double total = 0;
  for (const ChainFile& chain : chains.chains())
    total += get(chain);
  out << label << " took " << listed(chains, get) << " seconds, "
      << readable(total, 2) << " seconds total\n";
}

double sampling_seconds(const ChainSet& chains) {
  double total = 0;
  for (const ChainFile& chain : chains.chains())
    total += chain.info.sampling_seconds;
  return total;
}

}  // namespace

std::vector<std::size_t> select_columns(
    const ChainSet& chains, const std::vector<std::string>& wanted) {
  const auto& names = chains.names();
  std::vector<bool> chosen(names.size(), wanted.empty());
  for (const std::string& want : wanted) {
    bool found = false;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == want || names[i].compare(0, want.size() + 1, want + "[") == 0)
        found = chosen[i] = true;
    }
    if (!found)
      throw UsageError("option --include_param: no parameter '" + want
                       + "' in " + chains.chains().front().path);
  }
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (chosen[i])
      columns.push_back(i);
  return columns;
}

Summary summarize(const ChainSet& chains,
                  const std::vector<std::size_t>& columns,
                  const std::vector<std::string>& percentiles) {
  Summary summary;
  summary.headings = {"Mean", "MCSE", "StdDev"};
  std::vector<double> probabilities;
  for (const std::string& percentile : percentiles) {
    summary.headings.push_back(percentile + "%");
    probabilities.push_back(std::strtod(percentile.c_str(), nullptr) / 100);
  }
  for (const char* heading : {"N_Eff", "N_Eff/s", "R_hat"})
    summary.headings.push_back(heading);
  const double seconds = sampling_seconds(chains);
  for (std::size_t column : columns) {
    const Draws draws = chains.draws(column);
    const std::vector<double> all = pooled(draws);
    const double sd = standard_deviation(all);
    const double ess = effective_sample_size(draws);
    std::vector<double> row = {mean(all), sd / std::sqrt(ess), sd};
    for (double value : quantiles(all, probabilities))
      row.push_back(value);
    row.insert(row.end(), {ess, ess / seconds, split_rhat(draws)});
    summary.names.push_back(chains.names()[column]);
    summary.rows.push_back(row);
  }
  return summary;
}

void write_run(std::ostream& out, const ChainSet& chains,
               const std::string& prefix) {
  const RunInfo& info = chains.chains().front().info;
  const std::size_t count = chains.chains().size();
  out << prefix << "Inference for Stan model: " << info.model << "\n"
      << prefix << count << " chain" << (count > 1 ? "s: each" : ":")
      << " with iter="
      << listed(chains, [](const ChainFile& c) { return c.info.num_samples; })
      << "; warmup="
      << listed(chains, [](const ChainFile& c) { return c.info.num_warmup; })
      << "; thin="
      << listed(chains, [](const ChainFile& c) { return c.info.thin; }) << "; "
      << chains.num_draws() << " iterations saved.\n"
      << prefix << "\n"
      << prefix;
  write_seconds(out, chains, "Warmup",
                [](const ChainFile& c) { return c.info.warmup_seconds; });
  out << prefix;
  write_seconds(out, chains, "Sampling",
                [](const ChainFile& c) { return c.info.sampling_seconds; });
}

void write_footer(std::ostream& out, const ChainSet& chains,
                  const std::string& prefix) {
  const RunInfo& info = chains.chains().front().info;
  if (!info.algorithm.empty())
    out << prefix << "Samples were drawn using " << info.algorithm
        << (info.engine.empty() ? "" : " with " + info.engine) << ".\n";
  out << prefix << "N_Eff estimates how many independent draws would give the "
      << "mean as precisely;\n"
      << prefix << "R_hat compares the two halves of all chains and tends to 1 "
      << "as they converge.\n";
}

void write_table(std::ostream& out, const Summary& summary, int sig_figs) {
  std::size_t name_width = 0;
  for (const std::string& name : summary.names)
    name_width = std::max(name_width, name.size());
  std::vector<std::vector<std::string>> cells;
  std::vector<std::size_t> widths;
  for (const std::string& heading : summary.headings)
    widths.push_back(heading.size());
  for (const auto& row : summary.rows) {
    cells.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      cells.back().push_back(readable(row[i], sig_figs));
      widths[i] = std::max(widths[i], cells.back().back().size());
    }
  }
  const auto write = [&](const std::string& name,
                         const std::vector<std::string>& row) {
    out << std::left << std::setw(name_width) << name << std::right;
    for (std::size_t i = 0; i < row.size(); ++i)
      out << "  " << std::setw(widths[i]) << row[i];
    out << "\n";
  };
  write("", summary.headings);
  out << "\n";
  for (std::size_t i = 0; i < cells.size(); ++i)
    write(summary.names[i], cells[i]);
}

void write_csv(std::ostream& out, const Summary& summary, int sig_figs) {
  out << "name";
  for (const std::string& heading : summary.headings)
    out << "," << heading;
  out << "\n" << std::setprecision(sig_figs);
  for (std::size_t i = 0; i < summary.rows.size(); ++i) {
    out << '"' << summary.names[i] << '"';
    for (double value : summary.rows[i])
      out << "," << value;
    out << "\n";
  }
}

void write_autocorrelation(std::ostream& out, const ChainSet& chains,
                           const std::vector<std::size_t>& columns,
                           std::size_t chain) {
  std::vector<std::vector<double>> values;
  out << "Autocorrelations of chain " << chain + 1 << "\n\n" << std::setw(6)
      << "Lag";
  std::vector<int> widths;
  for (std::size_t column : columns) {
    const std::string& name = chains.names()[column];
    widths.push_back(std::max<int>(8, name.size()));
    out << "  " << std::setw(widths.back()) << name;
    values.push_back(autocorrelation(chains.draws(column)[chain]));
  }
  out << "\n";
  for (std::size_t lag = 0; lag < values.front().size(); ++lag) {
    out << std::setw(6) << lag;
    for (std::size_t i = 0; i < values.size(); ++i)
      out << "  " << std::setw(widths[i]) << std::fixed << std::setprecision(4)
          << values[i][lag];
    out << "\n";
  }
}

}  // namespace analysis
}  // namespace hbstan
