#include "chain_file.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace hbstan {
namespace analysis {
namespace {

std::string trim(const std::string& text) {
  const char* blanks = " \t\r";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string::npos)
    return "";
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);)
    parts.push_back(part);
  if (!text.empty() && text.back() == separator)
    parts.emplace_back();
  return parts;
}

bool ends_with(const std::string& text, const std::string& tail) {
  return text.size() >= tail.size()
         && text.compare(text.size() - tail.size(), tail.size(), tail) == 0;
}

/** Fills a ChainFile line by line; remembers where it is for messages. */
class Reader {
 public:
  explicit Reader(ChainFile& chain) : chain_(chain) {}

  void line(const std::string& raw) {
    ++line_number_;
    const std::string text = trim(raw);
    if (text.empty())
      return;
    if (text[0] == '#')
      comment(trim(text.substr(1)));
    else if (chain_.names.empty())
      header(text);
    else
      row(text);
  }

  void finish() const {
    if (chain_.names.empty())
      throw FileError(chain_.path + ": no header line: not a Stan CSV file");
    if (chain_.num_rows() == 0)
      throw FileError(chain_.path + ": holds no draws");
    if (chain_.num_rows() <= chain_.num_warmup_rows())
      throw FileError(chain_.path + ": holds no draws after the warmup");
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw FileError(chain_.path + ", line " + std::to_string(line_number_)
                    + ": " + what);
  }

  template <typename Number>
  void number(const std::string& name, const std::string& value, Number& to) {
    std::stringstream stream(value);
    if (!(stream >> to))
      fail("'" + name + "' should be a number, found '" + value + "'");
  }

  void comment(const std::string& text) {
    if (text.find(" seconds (") != std::string::npos)
      return timing(text);
    const auto equal = text.find('=');
    if (equal == std::string::npos)
      return;
    const std::string name = trim(text.substr(0, equal));
    std::string value = trim(text.substr(equal + 1));
    const std::string marker = "(Default)";
    if (ends_with(value, marker))
      value = trim(value.substr(0, value.size() - marker.size()));
    setting(name, value);
  }

  void setting(const std::string& name, const std::string& value) {
    RunInfo& info = chain_.info;
    if (name == "model")
      info.model = value;
    else if (name == "algorithm")
      info.algorithm = value;
    else if (name == "engine")
      info.engine = value;
    else if (name == "num_samples")
      number(name, value, info.num_samples);
    else if (name == "num_warmup")
      number(name, value, info.num_warmup);
    else if (name == "thin")
      number(name, value, info.thin);
    else if (name == "max_depth")
      number(name, value, info.max_depth);
    else if (name == "save_warmup")
      info.save_warmup = value == "1" || value == "true";
  }

  /** `Elapsed Time: 0.1 seconds (Warm-up)` and the line that follows it. */
  void timing(const std::string& text) {
    const auto colon = text.find(':');
    const std::string rest
        = colon == std::string::npos ? text : text.substr(colon + 1);
    double seconds = 0;
    if (ends_with(text, "(Warm-up)")) {
      number("Elapsed Time", rest, seconds);
      chain_.info.warmup_seconds += seconds;
    } else if (ends_with(text, "(Sampling)")) {
      number("Elapsed Time", rest, seconds);
      chain_.info.sampling_seconds += seconds;
    }
  }

  void header(const std::string& text) {
    for (const std::string& column : split(text, ',')) {
      if (trim(column).empty())
        fail("empty column name in the header");
      chain_.names.push_back(display_name(trim(column)));
    }
    chain_.columns.resize(chain_.names.size());
  }

  void row(const std::string& text) {
    const char* at = text.c_str();
    for (std::size_t i = 0; i < chain_.columns.size(); ++i) {
      char* end = nullptr;
      const double value = std::strtod(at, &end);
      if (end == at)
        fail("column '" + chain_.names[i] + "' holds no number");
      chain_.columns[i].push_back(value);
      const bool last = i + 1 == chain_.columns.size();
      if (*end != (last ? '\0' : ','))
        fail("expected " + std::to_string(chain_.columns.size())
             + " comma-separated numbers; the row breaks at column "
             + std::to_string(i + 1) + ", '" + chain_.names[i] + "'");
      at = end + 1;
    }
  }

  ChainFile& chain_;
  std::size_t line_number_ = 0;
};

}  // namespace

std::size_t ChainFile::num_warmup_rows() const {
  // A sampler with fixed parameters has no warmup, whatever was asked for.
  if (!info.save_warmup || info.algorithm == "fixed_param")
    return 0;
  const std::size_t thin = std::max<std::size_t>(1, info.thin);
  return (info.num_warmup + thin - 1) / thin;
}

std::string display_name(const std::string& column) {
  std::string name;
  for (std::string part : split(column, ':')) {
    const auto dot = part.find('.');
    if (dot != std::string::npos && dot > 0) {
      std::replace(part.begin(), part.end(), '.', ',');
      part[dot] = '[';
      part += ']';
    }
    name += (name.empty() ? "" : ".") + part;
  }
  return name;
}

ChainFile read_chain_file(const std::string& path) {
  std::ifstream stream(path);
  if (!stream)
    throw FileError(path + ": cannot open the file for reading");
  ChainFile chain;
  chain.path = path;
  Reader reader(chain);
  for (std::string line; std::getline(stream, line);)
    reader.line(line);
  if (stream.bad())
    throw FileError(path + ": reading failed");
  reader.finish();
  return chain;
}

}  // namespace analysis
}  // namespace hbstan
