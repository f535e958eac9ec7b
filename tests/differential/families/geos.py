"""Places in sorted sets, some near each other, some near the poles and the date line."""

GRAMMAR = """
12 GEOADD geo (lon lat geo_member) ...
2 GEOADD geo [(NX | XX)] [CH] (lon lat geo_member) ...
0.5 GEOADD geo [NX] [XX] [CH] lon lat geo_member
5 GEODIST geo geo_member geo_member [geo_unit]
4 GEOHASH geo geo_member ...
5 GEOPOS geo geo_member ...
1 ZREM geo geo_member
1 ZADD geo (offset geo_member)
1 ZSCORE geo geo_member
8 GEOSEARCH geo FROMMEMBER geo_member BYRADIUS radius geo_unit [(ASC | DESC)] [COUNT count] [WITHCOORD] [WITHDIST] [WITHHASH]
8 GEOSEARCH geo FROMLONLAT lon lat BYRADIUS radius geo_unit [(ASC | DESC)] [COUNT count [ANY]] [WITHDIST]
8 GEOSEARCH geo FROMLONLAT lon lat BYBOX radius radius geo_unit [(ASC | DESC)] [COUNT count] [WITHCOORD] [WITHHASH]
2 GEOSEARCH geo BYBOX radius radius geo_unit FROMMEMBER geo_member WITHDIST
0.5 GEOSEARCH geo FROMMEMBER geo_member FROMLONLAT lon lat BYRADIUS radius geo_unit
0.5 GEOSEARCH geo FROMMEMBER geo_member BYRADIUS radius geo_unit BYBOX radius radius geo_unit
0.5 GEOSEARCH geo FROMMEMBER geo_member WITHDIST WITHCOORD WITHHASH ANY
4 GEOSEARCHSTORE geo geo FROMLONLAT lon lat BYRADIUS radius geo_unit [(ASC | DESC)] [COUNT count] [STOREDIST]
1 GEOSEARCHSTORE geo geo FROMMEMBER geo_member BYBOX radius radius geo_unit [STOREDIST] [WITHDIST]
4 GEORADIUS geo lon lat radius geo_unit [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [(ASC | DESC)]
2 GEORADIUS geo lon lat radius geo_unit [WITHDIST] (STORE | STOREDIST) geo
0.5 GEORADIUS geo lon lat radius geo_unit STORE geo STOREDIST geo
3 GEORADIUSBYMEMBER geo geo_member radius geo_unit [WITHCOORD] [WITHDIST] [COUNT count] [(ASC | DESC)]
1 GEORADIUSBYMEMBER geo geo_member radius geo_unit [ASC] STORE geo
1 GEORADIUS_RO geo lon lat radius geo_unit [WITHDIST]
1 GEORADIUSBYMEMBER_RO geo geo_member radius geo_unit [(STORE | STOREDIST)] [geo]
2 ZRANGE geo '0' '-1' WITHSCORES
0.5 DEL geo
0.2 SET geo value
"""
