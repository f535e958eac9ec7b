"""Strings and counters."""

GRAMMAR = """
8 SET string value
6 SET string value [(NX | XX)] [GET] [(EX seconds | PX milliseconds | EXAT until_seconds | PXAT until_milliseconds | KEEPTTL)]
1 SET string value [NX] [XX] [GET] [EX seconds] [PX milliseconds] [KEEPTTL] [PXAT until_milliseconds]
6 GET string
3 INCR string
3 DECR string
4 INCRBY string delta
4 DECRBY string delta
5 INCRBYFLOAT string number
3 APPEND string value
3 GETRANGE string index index
1 SUBSTR string index index
3 SETRANGE string offset value
2 STRLEN string
3 MGET string ...
2 MSET (string value) ...
2 MSETNX (fresh value) ...
2 SETNX fresh value
2 SETEX string seconds value
2 PSETEX string milliseconds value
2 GETSET string value
2 GETDEL string
4 GETEX string [(EX seconds | PX milliseconds | EXAT at_seconds | PXAT at_milliseconds | PERSIST)]
1 GETEX string [EX seconds] [PERSIST] [PX milliseconds]
4 LCS string string
4 LCS string string [LEN] [IDX] [MINMATCHLEN count] [WITHMATCHLEN]
3 OBJECT ENCODING string
1 TTL string
1 PTTL string
1 DEL string
1 TYPE string
1 HSET hash field value
1 ZADD zset score member
1 PERSIST string
1 EXPIRETIME string
"""
