// Defines the function that external.stan declares. It is in the global
// namespace, because the program's own is named after its file.
#include <ostream>

inline double twice(double x, std::ostream*) { return 2 * x; }
