# make run    build what running a model needs, and write a text with the default model
# make        build everything: build/onebit and build/onebit-train
# make test   build everything and run the tests
# make bench  kernel and end-to-end benchmarks
# make format clang-format over the tree

PRESET ?= release
BUILD := build
RUN_BUILD := build-run

RUN_PACKAGES := g++ cmake ninja-build pkg-config libcli11-dev libboost-json1.81-dev libpcre2-dev
TRAIN_PACKAGES := libtorch-dev libgloo-dev libopenblas0-pthread
TEST_PACKAGES := libgtest-dev
BENCH_PACKAGES := libbenchmark-dev
FORMAT_PACKAGES := clang-format

.PHONY: all run test bench format clean default-model

all:
	@tools/install-deps.sh $(RUN_PACKAGES) $(TRAIN_PACKAGES) $(TEST_PACKAGES)
	@cmake --preset $(PRESET) >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@cmake --build $(BUILD)

run:
	@tools/install-deps.sh $(RUN_PACKAGES)
	@cmake --preset run >$(RUN_BUILD).log 2>&1 || { cat $(RUN_BUILD).log; exit 1; }
	@cmake --build $(RUN_BUILD)
	$(RUN_BUILD)/onebit run -p "Once upon a time" -n 200 --seed 1

test: all
	ctest --test-dir $(BUILD) --output-on-failure

bench:
	@tools/install-deps.sh $(RUN_PACKAGES) $(BENCH_PACKAGES)
	@cmake --preset bench >build-bench.log 2>&1 || { cat build-bench.log; exit 1; }
	@cmake --build build-bench
	build-bench/kernels_bench
	build-bench/onebit bench
	build-bench/onebit bench --shape 1b --type ternary
	build-bench/onebit bench --shape 1b --type binary

format:
	@tools/install-deps.sh $(FORMAT_PACKAGES)
	git ls-files '*.cpp' '*.h' '*.inl' | xargs clang-format -i

# The recipe of models/default.gguf (models/README.md).
default-model: all
	$(BUILD)/onebit train --preset books --text data/books/*.txt --out run/default
	cp run/default/model.gguf models/default.gguf

clean:
	rm -rf build build-*
