#include "chain_set.hpp"

#include <algorithm>

namespace hbstan {
namespace analysis {
namespace {

void require_same_columns(const ChainFile& first, const ChainFile& other) {
  const auto& a = first.names;
  const auto& b = other.names;
  if (a.size() != b.size())
    throw FileError(other.path + ": has " + std::to_string(b.size())
                    + " columns, but " + first.path + " has "
                    + std::to_string(a.size())
                    + ": all files must come from one program and data set");
  const auto at = std::mismatch(a.begin(), a.end(), b.begin());
  if (at.first != a.end())
    throw FileError(other.path + ": has the column '" + *at.second + "' where "
                    + first.path + " has '" + *at.first
                    + "': all files must come from one program");
}

}  // namespace

ChainSet::ChainSet(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    chains_.push_back(read_chain_file(path));
    require_same_columns(chains_.front(), chains_.back());
  }
}

Draws ChainSet::draws(std::size_t column) const {
  Draws result;
  for (const ChainFile& chain : chains_) {
    const auto& all = chain.columns[column];
    result.emplace_back(all.begin() + chain.num_warmup_rows(), all.end());
  }
  return result;
}

int ChainSet::find(const std::string& name) const {
  const auto at = std::find(names().begin(), names().end(), name);
  return at == names().end() ? -1 : static_cast<int>(at - names().begin());
}

std::size_t ChainSet::num_draws() const {
  std::size_t total = 0;
  for (const ChainFile& chain : chains_)
    total += chain.num_rows() - chain.num_warmup_rows();
  return total;
}

}  // namespace analysis
}  // namespace hbstan
