#include "io/file_names.hpp"

#include "errors.hpp"

#include <fstream>
#include <sstream>

namespace hbstan {
namespace {

void require_count(const std::vector<std::string>& names, std::size_t chains,
                   const std::string& list) {
  if (names.size() != chains)
    throw input_error(
        "Error: number of filenames does not match number of chains: got '"
        + list + "' with " + std::to_string(names.size())
        + " name(s), expected " + std::to_string(chains)
        + ". Give one name for each chain, or a single name.");
}

std::string with_id(const std::string& name, const std::string& suffix,
                    std::size_t id) {
  const split_name parts(name);
  return parts.stem + "_" + std::to_string(id)
         + (parts.suffix.empty() ? suffix : parts.suffix);
}

}  // namespace

split_name::split_name(const std::string& path) {
  const auto slash = path.find_last_of("/\\");
  const auto start = slash == std::string::npos ? 0 : slash + 1;
  const auto dot = path.rfind('.');
  const bool has_suffix = dot != std::string::npos && dot > start;
  stem = has_suffix ? path.substr(0, dot) : path;
  suffix = has_suffix ? path.substr(dot) : "";
}

std::string sibling(const std::string& path, const std::string& tag,
                    const std::string& suffix) {
  return split_name(path).stem + tag + suffix;
}

std::vector<std::string> split_list(const std::string& names) {
  std::vector<std::string> list;
  std::istringstream text(names);
  for (std::string name; std::getline(text, name, ',');)
    if (!name.empty())
      list.push_back(name);
  return list;
}

std::vector<std::string> chain_outputs(const std::string& name,
                                       const std::string& standard_suffix,
                                       std::size_t chains, int first_id) {
  auto names = split_list(name);
  if (names.size() > 1 || chains == 1) {
    require_count(names, chains, name);
    return names;
  }
  names.assign(chains, name);
  for (std::size_t i = 0; i < chains; ++i)
    names[i] = with_id(name, standard_suffix, first_id + i);
  return names;
}

std::vector<std::string> chain_inputs(const std::string& name,
                                      std::size_t chains, int first_id) {
  auto names = split_list(name);
  if (names.size() > 1 || chains == 1) {
    require_count(names, chains, name);
    return names;
  }
  names.assign(chains, name);
  if (std::ifstream(with_id(name, "", first_id)).good())
    for (std::size_t i = 0; i < chains; ++i)
      names[i] = with_id(name, "", first_id + i);
  return names;
}

}  // namespace hbstan
