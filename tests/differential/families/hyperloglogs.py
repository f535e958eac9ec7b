"""HyperLogLogs; GET shows their registers, which must be the reference's."""

GRAMMAR = """
10 PFADD hll element ...
6 PFADD hll set_member ...
3 PFADD hll many_set_members
2 PFADD hll many_integers
0.3 PFADD hll
6 PFCOUNT hll
4 PFCOUNT hll hll ...
5 PFMERGE hll hll ...
0.5 PFMERGE hll
5 GET hll
1 STRLEN hll
1 PFDEBUG DECODE hll
1 PFDEBUG ENCODING hll
0.3 PFDEBUG TODENSE hll
0.02 PFDEBUG GETREG hll
0.1 PFDEBUG junk hll
1 COPY hll hll REPLACE
0.7 DEL hll
0.2 SET hll value
0.1 SET hll 'HYLL'
0.003 PFSELFTEST
0.5 OBJECT ENCODING hll
"""
