# atrium. The two commands: `make run` and `make test`.
#
#   make            build/atrium, optimised
#   make run        installs what is missing, builds, starts it (ARGS="--port 7000" adds flags)
#   make test       everything: units, clients, differential, doors, browser; plain, ASan+UBSan and TSan
#   make unit       the unit tests alone          make bench    beside the peers that are installed
#   make bench-vectors  the vector graph beside hnswlib
#   make bench-channels  WebSocket fan-out beside nchan
#   make example-vectors  the colours of X11, searched by likeness
#   make fuzz       the fuzz targets, FUZZ_SECONDS (1800) each, findings in build/fuzz/findings
#   make lint       clang-tidy, cppcheck, include directions
#   make format     clang-format over all sources make install  binary, man page, unit, atrium.conf (PREFIX, DESTDIR)
#
# BUILD names the folder of the objects, SAN adds sanitizer flags: build/asan and build/tsan are made so.

BUILD  ?= build
CC     ?= cc
OPT    ?= -O2 -g
SAN    ?=
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
ARGS   ?=

WARN   := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wvla -Wmissing-prototypes -Werror
CFLAGS := -std=gnu11 -D_GNU_SOURCE $(OPT) $(WARN) $(SAN) -Iengine -I. -MMD -MP -pthread -fno-common
LDLIBS := -lmicrohttpd -lwebsockets -lev -lcjson -lxxhash -llzf -lssl -lcrypto -lz -lm -pthread
ifeq ($(SAN),)
CFLAGS += -DATRIUM_JEMALLOC
LDLIBS := -ljemalloc $(LDLIBS)
endif

# What building needs, and what the tests need on top.
RUN_PACKAGES  := gcc libc6-dev pkg-config libmicrohttpd-dev libwebsockets-dev libwebsockets-evlib-ev libev-dev libcjson-dev libjemalloc-dev \
                 libxxhash-dev liblzf-dev libssl-dev zlib1g-dev libcap-dev libyaml-dev
TEST_PACKAGES := check libsubunit-dev python3 python3-redis python3-pymemcache python3-yaml redis-server \
                 redis-tools memcached libmemcached-tools libsasl2-modules prometheus curl chromium x11-common clang-14 libclang-rt-14-dev
NODE_PACKAGES := $(if $(shell command -v npm),,nodejs npm)
LINT_PACKAGES := clang-tidy clang-format cppcheck

ENGINE_SRC := $(sort $(wildcard engine/*.c engine/*/*.c))
DOOR_SRC   := $(sort $(wildcard http/*.c http/*/*.c ws/*.c))
UNIT_SRC   := $(sort $(wildcard tests/unit/*.c tests/unit/*/*.c))
FUZZ_SRC   := $(sort $(wildcard tests/fuzz/fuzz_*.c))
LINEAR_SRC := $(sort $(wildcard tests/linear/*.c))
OBJ        := $(patsubst %.c,$(BUILD)/%.o,$(ENGINE_SRC) $(DOOR_SRC))

all: $(BUILD)/atrium

$(BUILD)/atrium: $(BUILD)/atrium.o $(OBJ)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/unit: $(patsubst %.c,$(BUILD)/%.o,$(UNIT_SRC)) $(OBJ)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS) -lcheck -lsubunit -lrt -lm

$(BUILD)/linear: $(patsubst %.c,$(BUILD)/%.o,$(LINEAR_SRC)) $(OBJ)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

# The bench's own loads and peers, each of one file.
$(BUILD)/bench_%: $(BUILD)/tests/bench/%.o
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/bench_fanout: $(BUILD)/tests/bench/fanout.o $(OBJ)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

# Beside hnswlib, which is a header of C++.
CXX ?= c++
$(BUILD)/bench_vectors: $(BUILD)/tests/bench/vectors.o $(BUILD)/tests/bench/vectors_resp.o $(BUILD)/hnswlib_peer.o $(OBJ)
	$(CXX) -o $@ $^ $(LDLIBS)

$(BUILD)/bench_vectors_threads: $(BUILD)/tests/bench/vectors_threads.o $(OBJ)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/hnswlib_peer.o: tests/bench/hnswlib_peer.cpp
	@mkdir -p $(@D)
	$(CXX) -std=c++11 -O3 -march=native -DNDEBUG -c -o $@ $<

$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/served.o $(BUILD)/tests/fuzz/drawn.o $(OBJ)
	$(CC) $(CFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

# What http/pages.c takes into the program: files of the tree, and what is made of them.
MADE      := $(BUILD)/documents
DOCUMENTS := openapi/openapi.yaml openapi/asyncapi.yaml $(MADE)/openapi.json $(MADE)/asyncapi.json \
             http/pages/chat.html http/pages/atrium.js http/pages/vectors.html http/pages/docs.html $(MADE)/viewer.js $(MADE)/viewer.css
$(BUILD)/http/pages.o: $(DOCUMENTS)
$(BUILD)/http/pages.o: CFLAGS += -Wa,-I$(MADE)

$(MADE)/%.json: openapi/%.yaml $(MADE)/to_json
	$(MADE)/to_json $< >$@.part && mv $@.part $@

$(MADE)/viewer.js $(MADE)/viewer.css &: http/pages/viewer.sh http/pages/package-lock.json
	@mkdir -p $(@D)
	@http/pages/viewer.sh $(MADE)

$(MADE)/to_json: openapi/to_json.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O1 $(WARN) -o $@ $< -lyaml

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

run:
	@tests/packages.sh make $(RUN_PACKAGES)
	@$(MAKE) -s $(BUILD)/atrium
	@exec $(BUILD)/atrium $(ARGS)

unit: $(BUILD)/unit
	$(BUILD)/unit

# ---- tests ------------------------------------------------------------------------------------------------

ASAN := BUILD=build/asan OPT="-O1 -g" SAN="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
TSAN := BUILD=build/tsan OPT="-O1 -g" SAN="-fsanitize=thread"

FUZZ := BUILD=build/fuzz CC=clang-14 OPT="-O1 -g" \
        SAN="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"

test-setup:
	@tests/packages.sh make $(RUN_PACKAGES) $(TEST_PACKAGES) $(NODE_PACKAGES)
	@cd tests && npm ci --silent --no-audit --no-fund

test: test-setup
	@$(MAKE) -s -j2 $(BUILD)/atrium $(BUILD)/unit $(BUILD)/linear
	@$(MAKE) -s -j2 $(ASAN) build/asan/atrium build/asan/unit
	@$(MAKE) -s -j2 $(TSAN) build/tsan/atrium build/tsan/unit
	@$(MAKE) -s -j2 $(FUZZ) fuzz-targets
	@tests/run.py

fuzz-targets: $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(FUZZ_SRC))

FUZZ_SECONDS ?= 1800
fuzz:
	@tests/packages.sh clang-14 libclang-rt-14-dev
	@$(MAKE) -s -j2 $(FUZZ) fuzz-targets
	@tests/fuzz/run.py --seconds $(FUZZ_SECONDS)

# ---- the rest ----------------------------------------------------------------------------------------------

bench: all $(BUILD)/bench_load $(BUILD)/bench_bare_http
	@tests/packages.sh redis-server redis-tools memcached webdis wrk
	@tests/bench/run.py

bench-vectors:
	@tests/packages.sh make $(RUN_PACKAGES) g++ libhnswlib-dev redis-tools python3
	@$(MAKE) -s $(BUILD)/atrium $(BUILD)/bench_vectors $(BUILD)/bench_vectors_threads
	@tests/bench/vectors.py

bench-channels:
	@tests/packages.sh make $(RUN_PACKAGES) nginx-light libnginx-mod-nchan python3
	@$(MAKE) -s $(BUILD)/atrium $(BUILD)/bench_fanout
	@tests/bench/channels.py

example-vectors:
	@tests/packages.sh make $(RUN_PACKAGES) python3 x11-common
	@$(MAKE) -s $(BUILD)/atrium
	@tests/examples/colours.py --start $(BUILD)/atrium

lint:
	@tests/packages.sh $(LINT_PACKAGES)
	@tests/lint/includes.py
	@cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --suppressions-list=.cppcheck \
	    -Iengine -I. engine http ws atrium.c
	@echo $(ENGINE_SRC) $(DOOR_SRC) atrium.c | xargs -n4 -P2 sh -c \
	    'clang-tidy --quiet "$$@" -- -std=gnu11 -D_GNU_SOURCE -DATRIUM_JEMALLOC -Iengine -I. 2>/dev/null' tidy

format:
	@tests/packages.sh clang-format
	clang-format -i atrium.c $(ENGINE_SRC) $(DOOR_SRC) $(UNIT_SRC) $(wildcard engine/*.h engine/*/*.h http/*.h ws/*.h tests/unit/*.h)

# The man page takes its list of directives from the program; an edited configuration file is left as it is.
$(BUILD)/atrium.1: .dist/atrium.1 $(BUILD)/atrium
	@$(BUILD)/atrium --help | sed -n 's/^  --\([^ ]*\)  *\(.*\)/.TP\n.B \\-\\-\1\n\2/p' > $@.directives
	@sed -e '/@DIRECTIVES@$$/{/^\.\\"/!{r $@.directives' -e 'd}}' \
	    -e "s/@VERSION@/$$($(BUILD)/atrium --version | cut -d' ' -f2)/" $< > $@

install: $(BUILD)/atrium $(BUILD)/atrium.1
	install -Dm755 $(BUILD)/atrium $(DESTDIR)$(PREFIX)/bin/atrium
	install -Dm644 $(BUILD)/atrium.1 $(DESTDIR)$(PREFIX)/share/man/man1/atrium.1
	install -Dm644 .dist/atrium.service $(DESTDIR)$(PREFIX)/lib/systemd/system/atrium.service
	sed -i -e 's|@PREFIX@|$(PREFIX)|' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|' \
	    $(DESTDIR)$(PREFIX)/lib/systemd/system/atrium.service
	test -e $(DESTDIR)$(SYSCONFDIR)/atrium.conf || install -Dm640 atrium.conf $(DESTDIR)$(SYSCONFDIR)/atrium.conf

clean:
	rm -rf $(BUILD)

.PHONY: all run unit test test-setup fuzz fuzz-targets bench bench-vectors bench-channels example-vectors lint format install clean
-include $(patsubst %.c,$(BUILD)/%.d,atrium.c $(ENGINE_SRC) $(DOOR_SRC) $(UNIT_SRC) $(FUZZ_SRC) tests/fuzz/served.c $(LINEAR_SRC))
