"""Sorted sets, without the blocking commands."""

GRAMMAR = """
12 ZADD zset (score member) ...
4 ZADD zset [(NX | XX)] [(GT | LT)] [CH] (score member) ...
3 ZADD zset [(NX | XX)] [(GT | LT)] [CH] INCR score member
1 ZADD zset [NX] [XX] [GT] [LT] [CH] [INCR] (score member) ...
0.3 ZADD zset scores_members
4 ZINCRBY zset score member
3 ZSCORE zset member
2 ZMSCORE zset member ...
3 ZREM zset member ...
2 ZCARD zset
2 ZRANK zset member
2 ZREVRANK zset member
2 ZCOUNT zset min_score max_score
0.2 SET 'ystring' value
5 ZADD lexset (0 lex_member) ...
2 ZLEXCOUNT lexset lex lex
4 ZRANGE zset index index [REV] [WITHSCORES]
4 ZRANGE zset min_score max_score BYSCORE [LIMIT limit_offset limit_count] [WITHSCORES]
2 ZRANGE zset max_score min_score BYSCORE REV [LIMIT limit_offset limit_count] [WITHSCORES]
2 ZRANGE lexset lex lex BYLEX [REV] [LIMIT limit_offset limit_count]
1 ZRANGE lexset index index [BYSCORE] [BYLEX] [REV] [LIMIT limit_offset limit_count] [WITHSCORES]
2 ZREVRANGE zset index index [WITHSCORES]
2 ZRANGEBYSCORE zset min_score max_score [WITHSCORES] [LIMIT limit_offset limit_count]
2 ZREVRANGEBYSCORE zset max_score min_score [LIMIT limit_offset limit_count] [WITHSCORES]
2 ZRANGEBYLEX lexset lex lex [LIMIT limit_offset limit_count]
2 ZREVRANGEBYLEX lexset lex lex [LIMIT limit_offset limit_count]
2 ZRANGESTORE zset zset index index [REV]
2 ZRANGESTORE zset zset min_score max_score BYSCORE [LIMIT limit_offset limit_count]
1 ZRANGESTORE zset lexset lex lex BYLEX [REV] [LIMIT limit_offset limit_count]
1 ZRANGESTORE zset lexset max_score min_score [BYSCORE] [BYLEX] [REV] [LIMIT limit_offset limit_count] [WITHSCORES]
0.6 ZREMRANGEBYRANK zset index index
0.6 ZREMRANGEBYSCORE zset min_score max_score
0.6 ZREMRANGEBYLEX lexset lex lex
2 ZPOPMIN zset [count]
2 ZPOPMAX zset [count]
0.5 BZPOPMIN 'z0' 'z1' '0.001'
0.5 BZMPOP '0.001' counted_zsets (MIN | MAX) [COUNT count]
0.3 BZPOPMAX zset bad_timeout
0.3 BZMPOP bad_timeout counted_zsets MIN
2 ZMPOP counted_zsets (MIN | MAX) [COUNT count]
3 ZUNION counted_zsets [weights] [AGGREGATE (SUM | MIN | MAX)] [WITHSCORES]
3 ZINTER counted_zsets [weights] [AGGREGATE (SUM | MIN | MAX)] [WITHSCORES]
2 ZINTER counted_two [weights] [AGGREGATE (SUM | MIN | MAX)] [WITHSCORES]
3 ZDIFF counted_zsets [WITHSCORES]
2 ZUNIONSTORE zset counted_zsets [weights] [AGGREGATE (SUM | MIN | MAX)]
2 ZINTERSTORE zset counted_two [weights] [AGGREGATE (SUM | MIN | MAX)]
2 ZDIFFSTORE zset counted_zsets
2 ZINTERCARD counted_two [LIMIT count]
2 ZRANDMEMBER zset
2 ZRANDMEMBER zset random_count [WITHSCORES]
2 ZSCAN zset cursor_zero COUNT 100000 [MATCH pattern]
1 ZSCAN zset cursor_zero [MATCH pattern] [COUNT count]
0.5 ZSCANLOOP zset [MATCH pattern] [COUNT count]
2 OBJECT ENCODING zset
0.4 DEL zset
1 TYPE zset
0.5 COPY zset zset [REPLACE]
0.5 EXPIRE zset seconds
1 TTL zset
1 SET string value
"""
