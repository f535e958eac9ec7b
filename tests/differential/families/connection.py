"""The connection and the server's own commands, unknown commands and subcommands."""

GRAMMAR = """
4 PING [value]
3 ECHO value
2 SELECT database
1 HELLO
1 HELLO (2 | 3) [SETNAME value]
1 HELLO (1 | 4 | 'abc' | '' | -1 | 99999999999999999999) [SETNAME value]
1 HELLO (2 | 3) [junk] [AUTH value value] [junk]
1 HELLO 3 AUTH 'default' value
1 RESET
2 CLIENT SETNAME value
3 CLIENT GETNAME
1 CLIENT ID
1 CLIENT INFO
1 CLIENT LIST
1 CLIENT LIST TYPE ('normal' | 'pubsub' | 'nosuch')
1 CLIENT LIST ID (999999 | 0 | -1 | 'abc') ...
1 CLIENT KILL ID (999999999 | 0 | -1 | 'abc')
1 CLIENT KILL (127.0.0.1:1 | 'abc' | ID | TYPE | '')
1 CLIENT KILL (ID | TYPE | USER | ADDR | LADDR | 'nosuch') ('nosuch' | 127.0.0.1:1)
1 CLIENT UNBLOCK (999999 | 'abc' | -1) [(TIMEOUT | ERROR | 'nosuch')]
1 CLIENT NO-EVICT (ON | OFF | 'on' | 'nosuch')
1 CLIENT REPLY (ON | 'nosuch')
1 CLIENT PAUSE ('abc' | -1 | '' | 0) [(WRITE | ALL | 'nosuch')]
1 CLIENT UNPAUSE
2 CLIENT ('nosuch' | '' | GETNAME | SETNAME | ID | INFO | KILL) [junk] [junk]
2 AUTH value [value]
3 COMMAND GETKEYS (GET | SET | MGET | ZADD | DEL | HSET | ZUNION | MSET | ZUNIONSTORE | ZMPOP | LCS | COPY) junk ...
1 COMMAND GETKEYS ZUNION counted_zsets
1 COMMAND GETKEYS ZINTERCARD counted_zsets LIMIT 1
1 COMMAND GETKEYS ZDIFFSTORE zset counted_zsets
1 COMMAND GETKEYS (PING | ECHO | 'nosuch' | SCAN | CONFIG | FLUSHALL | DBSIZE) [junk]
1 COMMAND GETKEYSANDFLAGS (GET | SET | SET string value GET | COPY | RENAME | GETDEL | ZRANGESTORE | HSET) string string junk ...
1 COMMAND GETKEYSANDFLAGS ('nosuch' | PING | MGET | DEL | MSET) [string] [value]
1 COMMAND INFO ('nosuch' | '' | 'config|nosuch')
1 COMMAND DOCS 'nosuch'
1 COMMAND LIST FILTERBY PATTERN ('get' | 'zrange*by*' | 'hset*n' | 'psub*' | 'nosuch')
1 COMMAND LIST FILTERBY (ACLCAT | 'nosuch') 'nosuch'
1 COMMAND LIST FILTERBY MODULE 'nosuch'
1 COMMAND LIST ('nosuch' | FILTERBY) [junk]
2 COMMAND ('nosuch' | '' | COUNT | GETKEYS) [junk]
2 CONFIG GET ('port2' | 'hash-max-listpack-*' | 'zset-max-listpack-value' | 'timeout' | 'maxclients' | 'requirepass' | 'proto-max-bulk-len')
1 CONFIG GET ('timeout' | 'TIMEOUT' | 'hash-max-listpack-entries' | 'nosuch*') ...
1 CONFIG SET ('nosuch' | 'port' | 'timeout' | 'maxclients') ('abc' | '' | -1)
1 CONFIG SET 'timeout' 0 'timeout' 0
1 CONFIG SET ('slowlog-max-len' 'abc' | 'timeout') ...
1 CONFIG SET ('timeout' 0 | 'hash-max-listpack-entries' 512)
2 CONFIG SET 'client-output-buffer-limit' ('normal 0 0 0' | 'pubsub 32mb 8mb 60' | 'PUBSUB 1gb 1g 60 replica 1k 1kb 1' | 'normal 0 0 0 slave 5 6 7')
1 CONFIG SET 'client-output-buffer-limit' ('nosuch 1 2 3' | 'normal 0 0' | 'normal 0 0 -1' | 'normal -1 0 0' | 'normal x 0 0' | 'normal' | '' | 'master 1 2 3')
1 CONFIG GET 'client-output-buffer-limit'
1 CONFIG SET 'notify-keyspace-events' ('KEA' | '' | 'Eg' | 'xK' | 'KEq' | 'gA' | 'mKE')
1 CONFIG GET 'notify-keyspace-events'
2 CONFIG ('nosuch' | '' | GET | SET | RESETSTAT | REWRITE) [junk]
1 SLOWLOG (LEN | GET | RESET | 'nosuch' | '') [(0 | -2 | 'abc')]
1 TIME
1 DBSIZE [junk]
1 SWAPDB (0 | 'abc' | 16 | -1) (0 | 'abc' | 16)
1 LOLWUT VERSION 'abc'
1 MEMORY (PURGE | 'nosuch' | '') [junk]
1 PUBLISH value value
1 PUBSUB (CHANNELS | NUMSUB | NUMPAT | SHARDCHANNELS | SHARDNUMSUB | 'nosuch' | '') [value] [value]
4 unknown [junk] [junk] [junk]
1 (GET | SET | PING | ECHO | HELLO | CLIENT | COMMAND | CONFIG | OBJECT | PUBSUB | SELECT | TIME | QUIT2) [junk] [junk] [junk]
1 (CLIENT | COMMAND | CONFIG | OBJECT | PUBSUB | SLOWLOG) HELP [junk]
"""
