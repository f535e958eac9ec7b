"""Hashes, with what a redis-server 7.0 knows of them."""

GRAMMAR = """
9 HSET hash (field value) ...
0.3 HSET hash fields_values
2 HMSET hash (field value) ...
3 HSETNX hash field value
5 HGET hash field
3 HMGET hash field ...
4 HDEL hash field ...
3 HEXISTS hash field
2 HLEN hash
4 HINCRBY hash field delta
4 HINCRBYFLOAT hash field number
2 HKEYS hash
2 HVALS hash
3 HGETALL hash
2 HSTRLEN hash field
2 HSCAN hash cursor_zero COUNT 100000 [MATCH pattern]
1 HSCAN hash cursor_zero [MATCH pattern] [COUNT count]
0.5 HSCANLOOP hash [MATCH pattern] [COUNT count]
2 HRANDFIELD hash
3 HRANDFIELD hash random_count [WITHVALUES]
2 OBJECT ENCODING hash
0.6 DEL hash
1 COPY hash hash [REPLACE]
0.5 RENAME hash hash
1 SET string value
1 TYPE hash
0.5 EXPIRE hash seconds
1 TTL hash
"""
