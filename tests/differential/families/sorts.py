"""SORT: numbers and words in lists, sets and sorted sets, with weights and fields in other keys."""

GRAMMAR = """
4 RPUSH 'so:list' sort_element ...
3 SADD 'so:set' sort_element ...
3 ZADD 'so:zset' (index sort_element) ...
2 RPUSH 'so:words' sort_word ...
2 SADD 'so:wordset' sort_word ...
3 SET sort_weight_key sort_number
1 SET sort_weight_key sort_word
3 HSET sort_hash_key 'w' sort_number 'name' sort_word
0.5 LPUSH sort_weight_key sort_word
0.5 DEL sort_weight_key
0.3 DEL sort_key
4 SORT sort_key [LIMIT limit_offset limit_count] [(ASC | DESC)]
4 SORT sort_key ALPHA [LIMIT limit_offset limit_count] [(ASC | DESC)]
3 SORT sort_key BY 'w_*' [LIMIT limit_offset limit_count] [(ASC | DESC)] [GET '#'] [GET 'w_*'] [GET 'h_*->name']
2 SORT sort_key BY 'h_*->w' [(ASC | DESC)] GET '#' GET 'h_*->name'
2 SORT sort_list BY nosort_word [LIMIT limit_offset limit_count] [GET '#'] [GET 'h_*->name'] [DESC]
2 SORT 'so:zset' BY nosort_word [LIMIT limit_offset limit_count] [(ASC | DESC)]
2 SORT sort_key [BY 'w_*'] [GET 'h_*->name'] STORE sort_dest
1 SORT sort_key ALPHA [DESC] STORE sort_dest
1 SORT sort_key BY nosort_word STORE sort_dest
2 SORT_RO sort_key [BY 'w_*'] [LIMIT limit_offset limit_count] [GET '#']
0.5 SORT_RO sort_key STORE sort_dest
1 SORT sort_key sort_junk
1 SORT sort_list GET sort_pattern [GET sort_pattern]
2 LRANGE sort_dest '0' '-1'
0.5 TYPE sort_dest
0.2 SET 'so:list' value
0.2 DEL 'so:list'
"""
