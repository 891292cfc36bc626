#include "guard.hpp"

#include "options.hpp"

#include <exception>
#include <iostream>

namespace hbstan {
namespace analysis {

int guarded(
    int argc, const char* argv[],
    const std::function<void(const std::vector<std::string>&)>& program) {
  const std::string name = argc > 0 ? argv[0] : "program";
  const auto report = [&](const std::string& what, int code) {
    std::cerr << name << ": " << what << std::endl;
    return code;
  };
  try {
    program(std::vector<std::string>(argv + (argc > 0), argv + argc));
    std::cout.flush();
    if (!std::cout)
      return report("writing to standard output failed", kFailed);
    return kOk;
  } catch (const UsageError& error) {
    return report(error.what(), kUsage);
  } catch (const std::exception& error) {
    return report(error.what(), kFailed);
  }
}

}  // namespace analysis
}  // namespace hbstan
