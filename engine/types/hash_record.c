#include "types/hash_record.h"

#include "types/hash_fields.h"

uint8_t record_flags(size_t field_n, size_t value_n, uint64_t expire_at_ms)
{
    uint8_t flags = 0;
    if (field_n > UINT8_MAX || value_n > UINT8_MAX)
        flags |= RECORD_WIDE;
    if (expire_at_ms != 0)
        flags |= RECORD_DEADLINE;
    if (field_n + value_n > HASH_FIELD_INLINE_MAX)
        flags |= RECORD_OUTSIDE;
    return flags;
}

size_t record_bytes_for(uint8_t flags, size_t field_n, size_t value_n)
{
    return record_head_bytes(flags) + record_deadline_bytes(flags) +
           (flags & RECORD_OUTSIDE ? sizeof(char *) : field_n + value_n);
}

size_t record_bytes(const uint8_t *r)
{
    return record_bytes_for(r[0], record_length(r, 0), record_length(r, 1));
}

size_t record_outside_bytes(const uint8_t *r)
{
    return r[0] & RECORD_OUTSIDE ? (size_t)record_length(r, 0) + record_length(r, 1) : 0;
}

static void write_length(uint8_t *r, unsigned which, size_t n)
{
    uint32_t wide = (uint32_t)n;
    if (r[0] & RECORD_WIDE)
        memcpy(r + 1 + 4 * which, &wide, sizeof wide);
    else
        r[1 + which] = (uint8_t)n;
}

void record_write(uint8_t *r, uint8_t flags, struct bytes field, struct bytes value,
                  uint64_t expire_at_ms, char *outside)
{
    r[0] = flags;
    write_length(r, 0, field.n);
    write_length(r, 1, value.n);
    if (flags & RECORD_DEADLINE)
        record_set_deadline(r, expire_at_ms);
    uint8_t *p = r + record_head_bytes(flags) + record_deadline_bytes(flags);
    if (flags & RECORD_OUTSIDE) {
        memcpy(p, &outside, sizeof outside);
        p = (uint8_t *)outside;
    }
    if (field.n > 0)
        memcpy(p, field.p, field.n);
    if (value.n > 0)
        memcpy(p + field.n, value.p, value.n);
}

void record_overwrite(uint8_t *r, struct bytes value)
{
    write_length(r, 1, value.n);
    if (value.n > 0)
        memcpy((char *)record_value(r).p, value.p, value.n);
}
