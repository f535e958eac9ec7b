"""Keys and their times, whatever their type; databases; SCAN and KEYS."""

GRAMMAR = """
8 SET string value [(EX seconds | PXAT until_milliseconds)]
3 HSET hash (field value) ...
3 ZADD zset (score member) ...
1 INCR string
4 DEL key ...
2 UNLINK key ...
3 EXISTS key ...
3 TOUCH key ...
3 TYPE key
4 TTL key
4 PTTL key
2 EXPIRETIME key
2 PEXPIRETIME key
4 EXPIRE key seconds [(NX | XX | GT | LT)]
3 PEXPIRE key milliseconds [(NX | XX | GT | LT)]
4 EXPIREAT key at_seconds [(NX | XX | GT | LT)]
4 PEXPIREAT key at_milliseconds [(NX | XX | GT | LT)]
1 PEXPIREAT key at_milliseconds [NX] [XX] [GT] [LT]
1 EXPIRE key seconds junk
3 PERSIST key
4 COPY key key [DB database] [REPLACE]
1 COPY key key [REPLACE] [DB database] [REPLACE]
3 RENAME key key
3 RENAMENX key key
3 MOVE key database
2 RANDOMKEY
3 OBJECT ENCODING key
1 OBJECT REFCOUNT key
1 OBJECT IDLETIME key
1 OBJECT FREQ key
1 OBJECT HELP
1 OBJECT ('nosuch' | ENCODING | '') [key]
3 DBSIZE
2 SELECT database
1 SWAPDB database database
0.3 FLUSHDB [(ASYNC | SYNC)]
0.1 FLUSHALL [(ASYNC | SYNC | 'nosuch')]
4 SCAN cursor_zero COUNT 100000 [MATCH pattern] [TYPE type_name]
2 SCAN cursor_zero [MATCH pattern] [COUNT count] [TYPE type_name]
1 SCANLOOP [MATCH pattern] [COUNT count] [TYPE type_name]
4 KEYS pattern
0.15 LAPSE key
"""
