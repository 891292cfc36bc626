#ifndef HBSTAN_ANALYSIS_CHAIN_SET_HPP
#define HBSTAN_ANALYSIS_CHAIN_SET_HPP

#include "chain_file.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace hbstan {
namespace analysis {

/** The draws of one quantity after the warmup, one vector a chain. */
using Draws = std::vector<std::vector<double>>;

/** Chains of one model: files whose columns agree. */
class ChainSet {
 public:
  /** @throws FileError when a file is unreadable or the columns differ */
  explicit ChainSet(const std::vector<std::string>& paths);

  const std::vector<ChainFile>& chains() const { return chains_; }
  const std::vector<std::string>& names() const {
    return chains_.front().names;
  }
  /** Draws of the column with this index, without the warmup. */
  Draws draws(std::size_t column) const;
  /** Index of the column with this name, or -1 where there is none. */
  int find(const std::string& name) const;
  /** Draws after the warmup, over all chains. */
  std::size_t num_draws() const;

 private:
  std::vector<ChainFile> chains_;
};

}  // namespace analysis
}  // namespace hbstan

#endif
