// The program that every compiled model becomes: CmdStan 2.35's command line
// in front of the Stan services.

#include "errors.hpp"
#include "run/command.hpp"

#include <exception>
#include <iostream>

namespace {

// The one place where exceptions end: message on stderr, and a failure.
int report(const std::string& message) {
  std::cout.flush();
  std::cerr << message << std::endl;
  return hbstan::failure;
}

}  // namespace

int main(int argc, char* argv[]) {
  try {
    return hbstan::run_command({argv, argv + argc});
  } catch (const std::exception& e) {
    return report(e.what());
  } catch (...) {
    return report("Error: unknown exception. Please report this as a bug.");
  }
}
