#include "run/header.hpp"

#include "cli/display.hpp"
#include "io/file_names.hpp"
#include "io/json_file.hpp"

#include <stan/version.hpp>

#include <cstdlib>
#include <ctime>

namespace hbstan {
namespace {

void write_node(const argument& node, json_writer& json);

// A chosen alternative becomes {"value": name, name: {its arguments}}.
void write_choice(const argument& node, json_writer& json) {
  json.begin_record(node.name);
  json.write("value", node.value);
  const argument& alternative = *node.child(node.value);
  if (!alternative.children.empty())
    write_node(alternative, json);
  json.end_record();
}

void write_node(const argument& node, json_writer& json) {
  switch (node.type) {
    case kind::group:
      json.begin_record(node.name);
      for (const auto& child : node.children)
        write_node(child, json);
      json.end_record();
      break;
    case kind::choice:
      write_choice(node, json);
      break;
    case kind::boolean:
      json.write(node.name, node.value == "true");
      break;
    case kind::integer:
      json.write(node.name, std::strtoll(node.value.c_str(), nullptr, 10));
      break;
    case kind::real:
      json.write(node.name, std::strtod(node.value.c_str(), nullptr));
      break;
    case kind::text:
      json.write(node.name, node.value);
      break;
  }
}

const char* yes_no(bool value) { return value ? "true" : "false"; }

#ifdef STAN_THREADS
constexpr bool with_threads = true;
#else
constexpr bool with_threads = false;
#endif
#ifdef STAN_NO_RANGE_CHECKS
constexpr bool without_range_checks = true;
#else
constexpr bool without_range_checks = false;
#endif

}  // namespace

std::vector<std::string> header_lines(const session& run,
                                      header_extent extent) {
  std::vector<std::string> lines{
      "stan_version_major = " + stan::MAJOR_VERSION,
      "stan_version_minor = " + stan::MINOR_VERSION,
      "stan_version_patch = " + stan::PATCH_VERSION,
      "model = " + run.model.model_name()};
  const bool full = extent == header_extent::full;
  if (full)
    lines.push_back("start_datetime = " + run.start_time);
  for (auto& line : configuration_lines(run.args.root()))
    lines.push_back(std::move(line));
  if (full)
    for (auto& line : run.model.model_compile_info())
      lines.push_back(std::move(line));
  return lines;
}

void write_config(const session& run) {
  const auto name = split_list(run.args.text("output.file")).front();
  json_file file(sibling(name, "_config", ".json"), -1);
  auto& json = file.writer();
  json.begin_record();
  json.write("stan_major_version", stan::MAJOR_VERSION);
  json.write("stan_minor_version", stan::MINOR_VERSION);
  json.write("stan_patch_version", stan::PATCH_VERSION);
  json.write("model_name", run.model.model_name());
  json.write("start_datetime", run.start_time);
  for (const auto& child : run.args.root().children)
    write_node(child, json);
  json.write("mpi_enabled", false);
  for (const auto& line : run.model.model_compile_info()) {
    const auto equals = line.find(" = ");
    if (equals != std::string::npos)
      json.write(line.substr(0, equals), line.substr(equals + 3));
  }
  json.end_record();
  file.close();
}

std::string build_info() {
  return "stan_version_major = " + stan::MAJOR_VERSION
         + "\nstan_version_minor = " + stan::MINOR_VERSION
         + "\nstan_version_patch = " + stan::PATCH_VERSION
         + "\nSTAN_THREADS=" + yes_no(with_threads)
         + "\nSTAN_MPI=false\nSTAN_OPENCL=false\nSTAN_NO_RANGE_CHECKS="
         + yes_no(without_range_checks) + "\nSTAN_CPP_OPTIMS=false\n";
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm calendar{};
  gmtime_r(&now, &calendar);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &calendar);
  return text;
}

}  // namespace hbstan
