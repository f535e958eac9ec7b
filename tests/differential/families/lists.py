"""Lists, without the blocking commands (waiting.py has those)."""

GRAMMAR = """
10 RPUSH list element ...
10 LPUSH list element ...
2 RPUSH list many_elements
1 LPUSH list many_elements
2 LPUSHX list element ...
2 RPUSHX list element ...
4 LPOP list
4 RPOP list
3 LPOP list count
3 RPOP list count
3 LLEN list
5 LINDEX list index
8 LRANGE list index index
3 LRANGE list '0' '-1'
2 LTRIM list index index
1 LTRIM list '0' '-2'
5 LREM list index element
5 LSET list index element
6 LINSERT list (BEFORE | AFTER) element element
5 LPOS list element [RANK index] [COUNT count] [MAXLEN count]
1 LPOS list element [COUNT count] [COUNT count] [RANK index]
5 LMOVE list list (LEFT | RIGHT) (LEFT | RIGHT)
3 RPOPLPUSH list list
3 LMPOP counted_lists (LEFT | RIGHT) [COUNT count]
0.5 BLPOP 'l0' 'l1' '0.001'
0.5 BRPOP 'l0' '0.001'
0.5 BLMOVE 'l0' 'l1' (LEFT | RIGHT) (LEFT | RIGHT) '0.001'
0.5 BLMPOP '0.001' counted_lists (LEFT | RIGHT) [COUNT count]
0.5 BRPOPLPUSH 'l0' 'l1' '0.001'
0.3 BLPOP list bad_timeout
0.3 BLMOVE list list LEFT (RIGHT | NOWHERE) bad_timeout
0.3 BLMPOP bad_timeout counted_lists LEFT
0.5 COPY list list [REPLACE]
0.5 RENAME list list
1 OBJECT ENCODING list
0.4 DEL list
1 TYPE list
0.5 EXPIRE list seconds
0.3 SET list value
"""
