"""Sets. SPOP takes all members here, since what it takes at random would part the two sides."""

GRAMMAR = """
12 SADD set set_member ...
2 SADD set many_integers
2 SADD set many_set_members
6 SREM set set_member ...
0.5 SREM set many_integers
3 SCARD set
4 SISMEMBER set set_member
3 SMISMEMBER set set_member ...
5 SMEMBERS set
5 SMOVE set set set_member
4 SINTER set set
2 SINTER set ...
3 SINTERSTORE set set set
4 SUNION set ...
3 SUNIONSTORE set set ...
4 SDIFF set set
3 SDIFF set set set
3 SDIFFSTORE set set ...
3 SINTERCARD counted_sets [LIMIT count]
0.5 SINTERCARD counted_sets [LIMIT count] [LIMIT count] [junk]
2 SSCAN set cursor_zero COUNT 100000 [MATCH pattern]
1 SSCAN set cursor_zero [MATCH pattern] [COUNT count]
0.5 SSCANLOOP set [MATCH pattern] [COUNT count]
1 SPOP set '100000'
0.5 SPOP set '0'
2 SRANDMEMBER set
2 SRANDMEMBER set random_count
2 ZUNIONSTORE zset '2' set zset
2 ZINTER '2' zset set WITHSCORES
1 ZUNION '3' set zset set WITHSCORES
1 ZDIFF '2' zset set WITHSCORES
1 ZINTERCARD '2' zset set
2 ZADD zset (score set_member) ...
0.5 COPY set set [REPLACE]
2 OBJECT ENCODING set
0.5 DEL set
1 TYPE set
0.5 EXPIRE set seconds
0.3 SET set value
"""
