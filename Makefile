# make run      build onebit and write a text with the default model
# make          build/onebit and build/onebit-train
# make test     everything, and the tests
# make test-server  clients of all kinds against the server that is built: OpenAI's own, and many that
#               are slow, gone or hostile (less than a minute; needs npm's registry once)
# make bench    kernel and end-to-end benchmarks
# make fuzz     every parser against inputs made up to break it, FUZZ_SECONDS=10 each
# make test-aarch64  kernels on three kinds of CPU, and the logits of every golden model, of a cross
#               build under qemu
# make page     web/dist, the page of the server, from web/ (needs node 18 and npm)
# make format   clang-format over the tree
#
# Missing Debian packages are installed first, each target its own.

# PRESET=ci: warnings are errors
PRESET ?= release
BUILD := build

RUN_PACKAGES := g++ cmake ninja-build libcli11-dev libboost1.81-dev libboost-json1.81-dev libssl-dev
TRAIN_PACKAGES := libtorch-dev libgloo-dev libopenblas-pthread-dev
TEST_PACKAGES := libgtest-dev procps curl pkg-config libpcre2-dev
# Debian's npm is large, and at odds with a node from elsewhere, which brings its own.
SERVER_TEST_PACKAGES := $(if $(shell command -v npm),,nodejs npm) nginx-light strace
BENCH_PACKAGES := libbenchmark-dev
FUZZ_PACKAGES := clang-16 libclang-rt-16-dev
AARCH64_PACKAGES := g++-aarch64-linux-gnu qemu-user
FORMAT_PACKAGES := clang-format
FUZZ_SECONDS ?= 10

# configure OPTIONS: quiet unless it fails
configure = cmake --preset $(PRESET) $(1) >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }

.PHONY: packages packages-asan packages-aarch64 all run test test-server test-aarch64 fuzz bench page format clean default-model

# What the sanitised build needs (preset asan); all that `make test` does; for test-aarch64.
packages-asan:
	@tools/install-deps.sh $(RUN_PACKAGES) $(TEST_PACKAGES) $(FUZZ_PACKAGES)
packages:
	@tools/install-deps.sh $(RUN_PACKAGES) $(TRAIN_PACKAGES) $(TEST_PACKAGES) $(SERVER_TEST_PACKAGES)
packages-aarch64:
	@tools/install-deps.sh $(RUN_PACKAGES) $(AARCH64_PACKAGES)
	@tools/aarch64-sysroot.sh build-aarch64/sysroot

all:
	@tools/install-deps.sh $(RUN_PACKAGES) $(TRAIN_PACKAGES)
	@$(call configure,-DONEBIT_TRAIN=ON -DONEBIT_TESTS=OFF -DONEBIT_BENCH=OFF)
	@cmake --build $(BUILD)

run:
	@tools/install-deps.sh $(RUN_PACKAGES)
	@$(call configure,-DONEBIT_TRAIN=OFF -DONEBIT_TESTS=OFF -DONEBIT_BENCH=OFF)
	@cmake --build $(BUILD) --target onebit
	$(BUILD)/onebit run -p "Once upon a time" -n 200 --seed 1

test:
	@tools/install-deps.sh $(RUN_PACKAGES) $(TRAIN_PACKAGES) $(TEST_PACKAGES)
	@$(call configure,-DONEBIT_TRAIN=ON -DONEBIT_TESTS=ON -DONEBIT_BENCH=OFF)
	@cmake --build $(BUILD)
	ctest --test-dir $(BUILD) --output-on-failure -j2

test-server:
	@tools/install-deps.sh $(SERVER_TEST_PACKAGES)
	tests/server/run.sh $(BUILD)/onebit --ci

# The fuzz targets, each FUZZ_SECONDS long
fuzz:
	@tools/install-deps.sh $(RUN_PACKAGES) $(TEST_PACKAGES) $(FUZZ_PACKAGES)
	@cmake --preset asan >build-asan.log 2>&1 || { cat build-asan.log; exit 1; }
	@cmake --build --preset fuzz
	tests/fuzz/run.sh $(FUZZ_SECONDS)

# The whole suite takes longer: ninja -C build-aarch64 && ctest --preset aarch64; and so does
# tests/aarch64_test.sh build build-aarch64 . (the program's text and logits against this machine's)
test-aarch64: packages-aarch64
	@cmake --preset aarch64 >build-aarch64.log 2>&1 || { cat build-aarch64.log; exit 1; }
	@cmake --build build-aarch64 --target kernels_test models_golden_test
	{ echo "env GTEST_FILTER=*CommittedBits* ctest --preset aarch64 -R ^models_golden$$"; \
	  for cpu in max neoverse-n1 cortex-a53; do \
	    echo "qemu-aarch64 -cpu $$cpu -L /usr/aarch64-linux-gnu \
	      build-aarch64/tests/kernels_test --gtest_brief=1"; \
	  done; } | xargs -P2 -d '\n' -n1 sh -c 'exec $$0'

bench:
	@tools/install-deps.sh $(RUN_PACKAGES) $(BENCH_PACKAGES)
	@$(call configure,-DONEBIT_TRAIN=OFF -DONEBIT_TESTS=OFF -DONEBIT_BENCH=ON)
	@cmake --build $(BUILD)
	$(BUILD)/bench/kernels_bench
	$(BUILD)/onebit bench
	$(BUILD)/onebit bench --shape 1b --type ternary
	$(BUILD)/onebit bench --shape 1b --type binary

# Committed, so that nobody else needs node. tests/page_test.sh tries it in Chromium.
page:
	npm --prefix web ci
	npm --prefix web run build

format:
	@tools/install-deps.sh $(FORMAT_PACKAGES)
	find src tests bench -name '*.cpp' -o -name '*.h' -o -name '*.inl' | xargs clang-format -i

# The recipe of models/default.gguf (models/README.md).
default-model: all
	$(BUILD)/onebit train --preset books --text data/books/*.txt --out run/default
	cp run/default/model.gguf models/default.gguf

clean:
	rm -rf build build-*
