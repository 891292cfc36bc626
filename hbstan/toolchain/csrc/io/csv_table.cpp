#include "io/csv_table.hpp"

#include "errors.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace hbstan {
namespace {

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream text(line);
  for (std::string cell; std::getline(text, cell, ',');)
    cells.push_back(cell);
  return cells;
}

std::vector<double> numbers(const std::string& line, const csv_table& table,
                            const std::string& path) {
  const auto where = [&] {
    return " in row " + std::to_string(table.rows.size() + 1) + " of '" + path
           + "'";
  };
  std::vector<double> row;
  for (const auto& cell : split(line)) {
    char* end = nullptr;
    row.push_back(std::strtod(cell.c_str(), &end));
    if (end == cell.c_str() || *end != '\0')
      throw input_error("Error: '" + cell + "' is no number," + where() + ".");
  }
  if (row.size() != table.names.size())
    throw input_error("Error: found " + std::to_string(row.size())
                      + " values, expected "
                      + std::to_string(table.names.size()) + "," + where()
                      + ". The file may be truncated.");
  return row;
}

}  // namespace

csv_table read_csv(const std::string& path) {
  std::ifstream in(path);
  if (!in)
    throw input_error("Error: cannot open CSV file '" + path
                      + "'. Check the path and its permissions.");
  csv_table table;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r')
      line.pop_back();
    if (line.empty() || line[0] == '#')
      continue;
    if (table.names.empty()) {
      table.names = split(line);
    } else {
      table.rows.push_back(numbers(line, table, path));
    }
  }
  if (table.rows.empty())
    throw input_error("Error: no draws in CSV file '" + path + "'.");
  return table;
}

std::vector<std::vector<double>> csv_table::select(
    const std::vector<std::string>& wanted, const std::string& path) const {
  std::vector<std::size_t> columns;
  for (const auto& name : wanted) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end())
      throw input_error("Error: no column '" + name + "' in CSV file '" + path
                        + "'. It must come from the same model.");
    columns.push_back(found - names.begin());
  }
  std::vector<std::vector<double>> selected;
  selected.reserve(rows.size());
  for (const auto& row : rows) {
    auto& chosen = selected.emplace_back();
    chosen.reserve(columns.size());
    for (const auto column : columns)
      chosen.push_back(row[column]);
  }
  return selected;
}

}  // namespace hbstan
