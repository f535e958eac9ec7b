# atrium: see README.md for `make run` and `make test`.

BUILD   ?= build
CC      ?= cc
OPT     ?= -O2 -g
SAN     ?=
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wvla -Wmissing-prototypes -Werror
CFLAGS  := -std=gnu11 -D_GNU_SOURCE $(OPT) $(WARN) $(SAN) -Iengine -I. -MMD -MP -pthread -fno-common
LDLIBS  := -lmicrohttpd -lwebsockets -lcjson -lxxhash -lssl -lcrypto -lz -lm -pthread
ifeq ($(SAN),)
CFLAGS  += -DATRIUM_JEMALLOC
LDLIBS  := -ljemalloc $(LDLIBS)
endif

ENGINE_SRC := $(sort $(wildcard engine/*.c engine/*/*.c))
DOOR_SRC   := $(sort $(wildcard http/*.c http/*/*.c ws/*.c))
OBJ        := $(patsubst %.c,$(BUILD)/%.o,$(ENGINE_SRC) $(DOOR_SRC))
UNIT_SRC   := $(sort $(wildcard tests/unit/*.c tests/unit/*/*.c))

all: $(BUILD)/atrium

$(BUILD)/atrium: $(BUILD)/atrium.o $(OBJ)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/unit: $(patsubst %.c,$(BUILD)/%.o,$(UNIT_SRC)) $(OBJ)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS) -lcheck -lsubunit -lrt -lm

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

unit: $(BUILD)/unit
	$(BUILD)/unit

clean:
	rm -rf $(BUILD)

.PHONY: all unit clean
-include $(patsubst %.c,$(BUILD)/%.d,atrium.c $(ENGINE_SRC) $(DOOR_SRC) $(UNIT_SRC))
