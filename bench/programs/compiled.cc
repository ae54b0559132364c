// What cc1plus compiles for the suite: a few hundred headers of libstdc++ and some templates.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

struct record {
	std::string name;
	std::map<std::string, std::vector<int>> values;
};

std::string summary(const std::vector<record> &records, const std::string &pattern)
{
	std::unordered_map<std::string, long> sums;
	std::regex wanted(pattern);
	std::ostringstream out;

	for (const auto &r : records)
		if (std::regex_search(r.name, wanted))
			for (const auto &[key, numbers] : r.values)
				sums[key] += std::count_if(numbers.begin(), numbers.end(), [](int n) { return n > 0; });
	std::map<std::string, long> sorted(sums.begin(), sums.end());
	for (const auto &[key, sum] : sorted)
		out << key << '=' << sum << '\n';
	return out.str();
}
