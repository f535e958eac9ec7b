"""Bitmaps and bitfields over strings of all encodings."""

GRAMMAR = """
8 SETBIT bits bit_offset (0 | 1)
1 SETBIT bits bit_offset integer
5 GETBIT bits bit_offset
2 SET bits value
1 APPEND bits value
0.3 SETRANGE bits offset value
5 BITCOUNT bits
5 BITCOUNT bits index index [(BIT | BYTE)]
5 BITPOS bits (0 | 1) [index]
5 BITPOS bits (0 | 1) index index [(BIT | BYTE)]
1 BITPOS bits integer index
5 BITOP (AND | OR | XOR) bits bits ...
2 BITOP NOT bits bits
0.3 BITOP NOT bits bits bits
0.3 BITOP junk bits bits
6 BITFIELD bits GET bit_type bit_place SET bit_type bit_place bit_value
6 BITFIELD bits [OVERFLOW (WRAP | SAT | FAIL)] INCRBY bit_type bit_place bit_value GET bit_type bit_place
3 BITFIELD bits [OVERFLOW (WRAP | SAT | FAIL)] SET bit_type bit_place bit_value [OVERFLOW (WRAP | SAT | FAIL | junk)] INCRBY bit_type bit_place bit_value
3 BITFIELD_RO bits GET bit_type bit_place
1 BITFIELD_RO bits GET bit_type bit_place SET bit_type bit_place bit_value
0.3 BITFIELD bits
3 GET bits
1 STRLEN bits
0.5 OBJECT ENCODING bits
0.5 DEL bits
0.2 LPUSH bits value
"""
