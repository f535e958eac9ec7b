"""Streams. Ids are given, since the servers' clocks differ; waiting.py has the commands that wait."""

GRAMMAR = """
24 XADD stream new_id parts
6 XADD stream [NOMKSTREAM] [(MAXLEN | MINID) [(= | ~)] max_length [LIMIT count]] new_id parts
2 XADD stream [NOMKSTREAM] MINID [(= | ~)] id [LIMIT count] new_id parts
0.5 XADD stream MAXLEN max_length MINID id new_id parts
0.5 XADD stream LIMIT count new_id parts
1 XADD stream new_id value ...
2 XLEN stream
4 XRANGE stream low_id high_id [COUNT count]
4 XREVRANGE stream high_id low_id [COUNT count]
0.5 XRANGE stream low_id high_id COUNT count COUNT count
2 XRANGE stream '-' '+'
3 XDEL stream id ...
1.5 XTRIM stream (MAXLEN | MINID) [(= | ~)] max_length [LIMIT count]
0.5 XTRIM stream MINID [(= | ~)] id [LIMIT count]
0.2 XTRIM stream LIMIT count MAXLEN '~' max_length
0.3 XSETID stream late_id [ENTRIESADDED count] [MAXDELETEDID id]
4 XREAD [COUNT count] STREAMS read_streams
0.5 XREAD COUNT count [BLOCK '1'] STREAMS read_streams
0.3 XREAD BLOCK bad_timeout STREAMS read_streams
0.2 XREAD [NOACK] [GROUP group consumer] [COUNT count] STREAMS new_of_streams
0.2 XREAD COUNT count stream id
3 XGROUP CREATE stream group (id | '$' | '0') [MKSTREAM] [ENTRIESREAD count]
1 XGROUP SETID stream group (id | '$' | '0') [ENTRIESREAD count]
0.3 XGROUP DESTROY stream group
1 XGROUP CREATECONSUMER stream group consumer
0.7 XGROUP DELCONSUMER stream group consumer
0.1 XGROUP junk stream group
8 XREADGROUP GROUP group consumer [COUNT count] [NOACK] STREAMS new_of_streams
4 XREADGROUP GROUP group consumer [COUNT count] STREAMS stream '>'
3 XREADGROUP GROUP group consumer [COUNT count] [NOACK] STREAMS pending_of_streams
0.5 XREADGROUP COUNT count GROUP group consumer BLOCK '1' STREAMS new_of_streams
0.3 XREADGROUP [NOACK] [COUNT count] STREAMS new_of_streams
5 XACK stream group id ...
3 XPENDING stream group
4 XPENDING stream group [IDLE no_idle] low_id high_id count [consumer]
0.3 XPENDING stream group low_id high_id
3 XCLAIM stream group consumer no_idle id ... [IDLE last_time] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID id]
0.5 XCLAIM stream group consumer no_idle id TIME last_time
0.3 XCLAIM stream group consumer no_idle id ... junk
3 XAUTOCLAIM stream group consumer no_idle low_id [COUNT count] [JUSTID]
2 XINFO STREAM stream
3 XINFO STREAM stream FULL [COUNT count]
2 XINFO GROUPS stream
2 XINFO CONSUMERS stream group
0.2 XINFO junk stream
1 OBJECT ENCODING stream
0.3 DEL stream
1 TYPE stream
0.5 COPY stream stream [REPLACE]
0.3 RENAME stream stream
0.3 EXPIRE stream seconds
0.2 SET stream value
"""
