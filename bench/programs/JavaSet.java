import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.LongSupplier;

/** Small programs on Java's own library, each timed in batches: NAME and nanoseconds, then `result: NUMBER`. */
class JavaSet {
	static final int BATCHES = 7;
	static long result;

	static void measure(String name, LongSupplier program) {
		StringBuilder line = new StringBuilder(name);
		for (int i = 0; i < 6; i++)
			result = result * 31 + program.getAsLong();
		for (int b = 0; b < BATCHES; b++) {
			long start = System.nanoTime();
			program.getAsLong();
			line.append(' ').append(System.nanoTime() - start);
		}
		System.out.println(line);
	}

	static long maps() {
		Map<String, Integer> counts = new HashMap<>();
		for (int i = 0; i < 200000; i++)
			counts.merge("key " + i % 5003, i, Integer::sum);
		return counts.values().stream().mapToLong(Integer::longValue).sum();
	}

	static long sorting() {
		long[] numbers = new long[300000];
		for (int i = 0; i < numbers.length; i++)
			numbers[i] = i * 2654435761L % 1000003;
		Arrays.sort(numbers);
		return numbers[1000];
	}

	static long garbage() {
		List<byte[]> kept = new ArrayList<>();
		for (int i = 0; i < 100000; i++) {
			byte[] piece = new byte[200 + i % 100];
			if (i % 50 == 0)
				kept.add(piece);
		}
		return kept.size();
	}

	static long threads() {
		ExecutorService pool = Executors.newFixedThreadPool(2);
		List<Future<Long>> parts = new ArrayList<>();
		for (int i = 0; i < 200; i++) {
			int part = i;
			parts.add(pool.submit(() -> {
				long sum = 0;
				for (int k = 0; k < 50000; k++)
					sum += k ^ part;
				return sum;
			}));
		}
		long sum = 0;
		try {
			for (Future<Long> part : parts)
				sum += part.get();
		} catch (Exception e) {
			throw new RuntimeException(e);
		}
		pool.shutdown();
		return sum;
	}

	static long smallFiles() {
		long size = 0;
		try {
			Path d = Files.createTempDirectory("set");
			for (int i = 0; i < 200; i++)
				Files.writeString(d.resolve("f" + i), "text ".repeat(i));
			for (int i = 0; i < 200; i++) {
				size += Files.readString(d.resolve("f" + i)).length();
				Files.delete(d.resolve("f" + i));
			}
			Files.delete(d);
		} catch (java.io.IOException e) {
			throw new RuntimeException(e);
		}
		return size;
	}

	public static void main(String[] args) {
		measure("maps", JavaSet::maps);
		measure("sorting", JavaSet::sorting);
		measure("garbage", JavaSet::garbage);
		measure("threads", JavaSet::threads);
		measure("small_files", JavaSet::smallFiles);
		System.out.println("result: " + result);
	}
}
