"""The meta commands of memcached: cases and makers of requests for memcached.py.

Not compared, and why:
- cas uniques: a count there, the value's digest here. So `ms ... C I` with a unique that is not the value's stores
  here whether that is older or newer, as digests have no order.
- a value that is said to be stale again by `md ... I`: another unique there, the same one here.
- t of a deadline that has passed at once (T-1, N-1): memcached shows a wrapped number, atrium a 0 or no key.
- k with b of a key that was stored without b: memcached's mg answers the key as it was stored, atrium as it was asked.
- q with `ma N` that makes the key: memcached answers HD for all that.
- an opaque of more than 31 bytes: memcached's ma has counted before it refuses, atrium has not.
- h, X, Z after incr and ma: memcached keeps them or not by whether an answer with the old value is still to be sent.
- ma with T while an answer with the old value is still to be sent: memcached gives the time to the old item.
- numbers beyond 32 bits (F) or 64: memcached cuts them, atrium refuses.
- me: its figures are the server's own. stats: the same.
- slabs, lru, lru_crawler, watch, stats detail on: atrium has nothing that they could act on, they are unknown to it."""


def case(text):
    """Lines as they go over the wire, with a space-saving / for their ends."""
    return text.replace("/", "\r\n").encode()


CASES = [
    case("set a 5 0 1/1/mg a s v t f c h l k Oq/mg a h v/get a/mg a h l/mg a l h t u/"),
    case("mg nokey Oabc k v/mg nokey q/mn/"),
    case("mg nokey N30 v s t k Oz f h/mg nokey v N30 t/mg nokey t f v/mg nokey h/"),
    case("mg viv N30/mg viv N30/"),
    case("set a 5 0 1/1/md a I T30/mg a v t c f/mg a v/ms a 2 F7 T60/ab/mg a v t f/"),
    case("set a 5 30 1/1/mg a R100 t/mg a R100 t v/mg a R10/"),
    case("ms b 1 T10/x/mg b t R5/mg b t R20/mg b t R20/"),
    case("ms c 1 c/x/ms c 1 c k Oo b/x/ms Yw== 1 k b/x/ms Yw== 1 b c s f t/x/"),
    case("ms d 1 MA/x/ms d 1 Ma/x/ms d 1 MS/x/ms d 1 ME/x/ms d 1 MP/y/ms d 1 MR/z/ms d2 1 MR/z/ms d 1 M/z/ms d 1 MX/z/mg d v/"),
    case("ms e 1 C5/x/ms e 1/x/ms e 1 C1/x/ms e 1 C0/x/ms e 1 C1 I/x/mg e v c/"),
    case("ms e 1 I/x/mg e v/"),
    case("ms q 1 q/x/ms q 1 q MA k Oz/x/ms q 1 ME q k Oz/x/mn/"),
    case("ms e abc/mn/"),
    case("ms e -1/mn/"),
    case("ms e 1 Z/x/mn/"),
    case("ms e 1 T/x/mn/"),
    case("ms e 1 T1x/x/mn/"),
    case("ms e 2/xyz/mn/"),
    case("ms e 2 q/xyz/mn/"),
    case("ms e S1/1/mn/"),
    case("ms e/mn/"),
    case("ms/mn/"),
    case("ms e 1 O0123456789012345678901234567890123456789/x/mn/"),
    case("ms e 1 O01234567890123456789012345678901/x/mn/"),
    case("ms e 1 k k/x/mn/"),
    case("set a 5 0 1/1/md a/md a/md a q/md a q Ox k/md a Ox k/set a 0 0 1/1/md a q/set a 0 0 1/1/md a k Ox b/md a k Ox t v s f c/mn/"),
    case("set a 0 0 1/1/md a C1/md a C1 q/md a Cx/md a I/mg a v c/mg a v/md a I T30/mg a t v/md a T20/mg a/"),
    case("md/md a M/md a MA/md a N/md a F5/md a J5 D7/md a D/md a J/mn/"),
    case("md a b/md YQ== b/md YQ= b/md YQ b/md Y b/md !!!! b/md YWJj b k/md IAo= b k/ms IAo= 1 b/1/mg IAo= b k v/mg IAo= k b/md IAo= b k/"),
    case("set n 0 0 1/1/ma n/ma n v/ma n v t c/ma n k Oq/ma n q/ma n D10 v/ma n MD v/ma n M- D5 v/ma n MI v/ma n M+ v/ma n Mi v/ma n Md v/ma n MX v/ma n M v/ma n MDD v/get n/"),
    case("ma nn/ma nn q/ma nn k Oz/ma nn N0 v/ma nn N0 v/ma nn2 N30 J13 v t/ma nn2 N30 J13 v t/ma nn3 v/ma nn4 J5/ma nn4 N0 Jx/ma nn4 N0 Dx/ma nn4 Nx/ma nn4 N/mn/"),
    case("set w 0 0 2/ab/ma w/ma w q/set w 0 0 20/18446744073709551615/ma w v/ma w v MD D100/set w 0 0 2/10/ma w MD v/get w/ma w C1/ma w C1 v q/ma w T30 t v/ma w t T40/ma w T0 t/ma w s f h l/"),
    case("ma w N30 C5 v/ma wx N30 C5 v/ma/ma w E5/ma w 5/ma w I v/ma w F5 v/ma w b/ma dw== b v k/"),
    case("me nokey/me/me a b/me a v/me YQ== b/mn/"),
    case("mn x/mn q/mnx/MN/mg/mg /mx a/"),
    case("mg a s s/mg a !/mg a 1/mg a M/mg a MX/mg a F5/mg a Fx/mg a C5 v/mg a Cx v/mg a J5/mg a D5/mg a I v/mg a I/mg a x/mg a P/mg a L/mg a Px Lx k/mg a S5/mg a E/mg a Z/mg a W/mg a X/"),
    case("set n 5 0 1/1/mg n v q/mg n q/mg n q k/mg n k q s v/mg n O q/mg n O/mg n sxx/mg n vxx qx kx/mg n t1/"),
    case("set n 0 0 1/1/mg n T0 t/mg n T2592000 t/mg n R-1 t/mg n Tx/mg n T/mg n T5x t/mg n R/mg n Rx/mg n N/mg n u h l/mg n u h l/mg n/mg n u h l/"),
    case("mg a a b c d e f g h i j k l m n o p q r s t u v w x y z A B C D E F G H I J K L M N O P Q R S T U V W X Y Z/"),
    case("mg a b s t v f c h l k q u/mg a s t v f c h l k q u O1 T9 N9 R9 Px Lx I C5 F5 J5 D5 M1/mg n s t v f c h l k q u O1 T9 N9 R9 Px Lx I C5 F5 J5 D5 M1/"),
    case("ms a 1 s/1/ms a 1 t v/1/ms a 1 h l/1/ms a 1 N5/1/ms a 1 R5/1/ms a 1 u/1/ms a 1 D5 J5/1/ms a 1 x/1/ms a 1 S5/1/mn/"),
    case("ms a 1 b/1/ms YQ 1 b/1/mn/"),
    case("ms a 01/1/ms a +1/1/ms a 1x/1/mn/mn/"),
    case("ms a 1 F/1/ms a 1 F-1/1/ms a 1 F5x/1/mg a f/ms a 1 C/1/ms a 1 C-1/1/ms a 1 T-1/1/mg a/mn/"),
    case("ms a 0//mg a v s/ms a 0 MP//ms z 2 MA/ab/ms z 2 MA N30/ab/mg z v t/ms z2 2 MP N30/ab/mg z2 v t f/"),
    case("ms z 1 MS C5/1/ms z 1 ME C5/1/ms z 1 MA C5/1/ms z 1 MR C5/1/ms noz 1 MR C5/1/ms noz 1 MA C5/1/ms noz 1 ME C5/1/mg noz v/"),
    case("set e 0 0 1/1/ms e 1 ME c k Oz/1/ms e 1 C1 c k Oz/1/ms nf 1 MA c k Oz/1/ms nf 1 MR C5 c k Oz/1/ms e 1 Oz k c/2/md e C1 Oz k/ma e C1 Oz k c t/ma e v Oz k c t/ma e t v/"),
    case("ma cr N30 T60 t v/ma cr2 T60 N30 t v/ma cr3 N0 t/"),
    case("cache_memlimit/cache_memlimit x/cache_memlimit 64 noreply/cache_memlimit 64 1/cache_memlimit 64 1 2/cache_memlimit 7/cache_memlimit 800/mn/"),
    case("shutdown/shutdown graceful/shutdown x/shutdown a b/mn/"),
    case("verbosity/verbosity 1/verbosity x/verbosity 1 noreply/verbosity noreply/verbosity 1 2/verbosity 1 2 3/verbosity 0/mn/"),
    case("refresh_certs/refresh_certs x/extstore x y/extstore/misbehave/debugtime p/debugtime/mn/"),
    case("stats detail/stats detail x/mn/"),
    case("stats sizes/stats extstore/stats nothing/stats reset/stats reset x/stats cachedump/stats cachedump 1/stats cachedump 99 1/stats cachedump 2 0/stats cachedump x y/stats proxy/mn/"),
    case("set x 0 0 1/1/ma x D-1/ma x D18446744073709551616/ma x D18446744073709551615 v/ma x J-1/ma x N30 v/ma x T v/ma x Tx/ma x C/ma x C18446744073709551616/"),
    case("set x 0 0 1/1/ma x  v/mg  x  v / mg x v/mg x v\n"),
    case("ms  y  1  T0 /1/ms y 1  /1/ms y 1\n1/ms y 1 T0/1\nmn/"),
    case("mset a 1/mgx a/MG a/meta a/mg\ta/m a/m/mnn/mn1/"),
    case("set a 0 5 1/1/mg a R6/mg a R6/touch a 100/mg a R6 t/ms a 1 T5/1/mg a R6/mg a R0/"),
    case("set a 0 0 1/1/md a I T30/mg a R100 N50 v t/mg a R100 N50 v t/md a I/mg a T99 t/mg a t T88/mg a t q/"),
    case("set a 0 0 1/1/md a I/get a/incr a 1/mg a v/set a 0 0 1/1/mg a v/md a I/mg a v/md a I/mg a v/ma a v/ma a D100 v/mg a v/md a I/append a 0 0 1/1/mg a v/touch a 10/md a I/touch a 10/mg a/mg a/"),
    case("mg zz N30 u h/mg zz u h/mg zz h/mg zz h/"),
    case("set a 0 0 1/1/touch a 10/mg a u h/add a 0 0 1/1/mg a u h/"),
    case("set a 0 0 1/1/get a/incr a 1/mg a h/incr a 10/mg a h/append a 0 0 1/1/mg a u h/touch a 10/mg a u h/set a 0 0 1/1/mg a u h/gat 10 a/mg a u h/"),
    case("set a 3 100 1/1/ms a 1 MA F9 T5/1/mg a v t f/ms a 1 MP F9 T5 c/1/ms a 1 MR/1/mg a v t f/"),
    case("set a 0 0 1/1/ms a 1 ME C1/1/ms a 1 MA C0/1/ms a 1 MR C0/1/ms a 1 C0/1/mg a v/"),
    case("mg a s t v f c h l k q u O1 T9 N9 R9 P L I/mg a s t v f c h l k q u O1 T9 N9 R9 P L I C5/mn/"),
    case("ms a 1 s t v f c h l k q u O1 T9 N9 R9 P L I/1/ms a 1 s t v f c h l k q u O1 T9 N9 R9 P L/1/mn/"),
    case("md a s t v f c h l k q u O1 T9 N9 R9 P L I C5/mn/ma a s t v f c h l k q u O1 T9 N9 R9 P L I C5/mn/"),
    case("mg {0} v/md {0}/ma {0}/me {0}/mg {0} s s/mg {1} v/mn/".format("k" * 251, "k" * 250)),
    case("ms {0} 1/1/ms {0} 1 Z/1/ms {0} x/mn/".format("k" * 251)),
    case("mg {0} b k/mg {1} b k/md {1} b k/ms {1} 1 b k/1/mn/".format("eHh4" * 62, "eHh4" * 63)),
    case("set a 0 0 1/1/mg a O1234567890123456789012345678901/mg a O12345678901234567890123456789012/md a O12345678901234567890123456789012/mg a/"),
    case("set big 0 0 1/1/ms big 2000000/") + b"x" * 2000000 + case("/mn/get big/"),
    case("set big 0 0 1/1/ms big 2000000 q/") + b"x" * 2000000 + case("/mn/get big/"),
    case("set big 0 0 1/1/ms big 2000000 Z/") + b"x" * 2000000 + case("/mn/get big/"),
]  # fmt: skip


class MetaRequests:
    """Makers that Requests (memcached.py) has besides its own; keys and values are its."""

    def opaque(self):
        return self.rng.choice((b"", b"", b" O%d" % self.rng.randrange(100), b" k", b" k Oq"))

    def flags(self, pool):
        words = [w for w in pool if self.rng.random() < 0.3]
        self.rng.shuffle(words)
        return b"".join(b" " + w for w in words)

    def text_key(self):
        return b"t%d" % self.rng.randrange(6)

    def number_key(self):
        return b"n%d" % self.rng.randrange(6)

    def mg(self):
        if self.rng.random() < 0.2:
            return b"mg %s%s%s\r\n" % (self.number_key(), self.flags((b"t", b"f", b"q", b"T500")), self.opaque())
        pool = (b"v", b"v", b"s", b"t", b"f", b"c", b"h", b"q", b"u", b"N500", b"R30", b"R600", b"T900")
        return b"mg %s%s%s\r\n" % (self.text_key(), self.flags(pool[self.rng.randrange(2):]), self.opaque())

    def ms(self):
        if self.rng.random() < 0.3:
            key, data, modes = self.number_key(), self.number(), (b"", b"", b" MS", b" ME", b" MR")
        else:
            key, data, modes = self.text_key(), self.text(), (b"", b"", b" MS", b" ME", b" MR", b" MA", b" MP")
        back = self.rng.choice((None, None, None, 0, 1, 2)) if key[:1] == b"t" else None
        rest = self.flags((b"F7", b"T500", b"c", b"q", b"I")) + self.rng.choice(modes) + self.opaque()

        def request(seen):
            known = seen.get(key, [])
            unique = b"" if back is None else b" C" + (known[-1 - back] if len(known) > back else b"1")
            calm = rest.replace(b" I", b"") if unique else rest
            return b"ms %s %d%s%s\r\n%s\r\n" % (key, len(data), calm, unique, data)

        return request

    def md(self):
        if self.rng.random() < 0.2:
            return b"md %s%s%s\r\n" % (self.number_key(), self.flags((b"q",)), self.opaque())
        key, flags, opaque = self.text_key(), self.flags((b"I", b"q", b"T600", b"C1")[self.rng.randrange(2):]), self.opaque()

        def request(seen):
            if b" I" in flags:  # what is said to be stale twice is one value here, two in memcached
                seen.pop(key, None)
                seen.setdefault("stale", set()).add(key)
            return b"md %s%s%s\r\n" % (key, flags, opaque)

        return request

    def ma(self):
        pool = (b"v", b"t", b"c", b"q", b"MD", b"D3") if self.rng.random() < 0.6 else (b"v", b"N500", b"J7", b"MI", b"D0")
        return b"ma %s%s%s\r\n" % (self.number_key(), self.flags(pool), self.opaque())

    def broken_meta(self):
        key = self.text_key()
        return self.rng.choice((b"mg %s v v\r\n" % key, b"mg %s !\r\n" % key, b"ms %s 2 Z\r\nab\r\n" % key, b"ms %s x\r\n" % key, b"md %s Cx\r\n" % key,
                                b"ma %s MX\r\n" % key, b"ms %s 2 MX\r\nab\r\n" % key, b"ms %s 3\r\nabcde\r\n" % key, b"mg\r\n", b"mn\r\n", b"me\r\n", b"mg %s b\r\n" % key))  # fmt: skip
