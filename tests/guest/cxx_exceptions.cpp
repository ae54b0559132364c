// C++ exceptions unwind through frames, threads and destructors; typeid and static initialisation work.
#include <atomic>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <typeinfo>
#include <vector>

static std::atomic<int> destroyed;

struct guard {
	~guard()
	{
		destroyed++;
	}
};

static int deep(int level)
{
	guard g;
	if (level == 0)
		throw std::runtime_error("from the depth");
	return deep(level - 1) + 1;
}

static std::string shared = "initialised before main";

int main()
{
	std::vector<std::thread> threads;
	std::atomic<int> caught{0};

	for (int i = 0; i < 8; i++) {
		threads.emplace_back([&] {
			for (int k = 0; k < 20; k++) {
				try {
					deep(10);
				} catch (const std::exception &e) {
					caught += std::string(e.what()) == "from the depth";
				}
			}
		});
	}
	for (auto &t : threads)
		t.join();
	std::printf("%d caught, %d destroyed, %s\n", caught.load(), destroyed.load(), shared.c_str());
	return caught == 160 && destroyed == 160 * 11 ? 0 : 1;
}
