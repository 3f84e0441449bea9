"""Made-up values of each label, valid by python-stdnum, phonenumbers and ipaddress; every one has a variant name."""
import base64, ipaddress, json, random, string, uuid
import phonenumbers as pn
from stdnum import iban, luhn, verhoeff
from stdnum.de import idnr
from stdnum.it import codicefiscale
R = random.Random(0)
pick = lambda xs: xs[R.randrange(len(xs))]
dig = lambda n: "".join(str(R.randrange(10)) for _ in range(n))
b64 = lambda b: base64.urlsafe_b64encode(b).decode().rstrip("=")
NB, NNB, NH = "\u00a0", "\u202f", "\u2011"
def fill(s, n): return s + dig(n - len(s) - 1)
def with_luhn(s): return s + luhn.calc_check_digit(s)
def cut(s, sizes, sep):
    out, at = [], 0
    for n in sizes: out.append(s[at:at + n]); at += n
    return sep.join(x for x in out + [s[at:]] if x)
NETS = [("visa", "4", 16), ("visa", "4", 16), ("visa19", "4", 19), ("mastercard", "51", 16), ("mastercard", "55", 16), ("mastercard2", "2221", 16), ("mastercard2", "2720", 16), ("mastercard2", "2450", 16),
  ("amex", "34", 15), ("amex", "37", 15), ("diners", "36", 14), ("diners", "305", 14), ("discover", "6011", 16), ("discover", "65", 16), ("jcb", "3528", 16), ("jcb", "3589", 16), ("maestro", "5018", 16), ("maestro", "6759", 16),
  ("unionpay", "6221", 16), ("mir", "2200", 16), ("mir", "2204", 16)]
def card():
    net, pre, n = pick(NETS); v = with_luhn(fill(pre, n))
    how, sep = pick([("plain", ""), ("plain", ""), ("space", " "), ("space", " "), ("dash", "-"), ("nbsp", NB), ("nnbsp", NNB), ("nbdash", NH)])
    sizes = (4, 6, 5) if n in (14, 15) else (4, 4, 4, 4)
    return cut(v, sizes, sep), net + "_" + how
def ibans():
    ccs = ["AT", "BE", "CH", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE", "IL", "IT", "LT", "LU", "LV", "NL", "NO", "PL", "PT", "RO", "SA", "SE", "SI", "SK", "TR", "AE", "BG", "MT", "CY"]
    from stdnum import numdb
    cc = pick(ccs); info = numdb.get("iban").info(cc + "00")[0][1]; bban = ""
    import re
    for n, _, t in re.findall(r"(\d+)(!)?([nac])", info["bban"]):
        al = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits}[t]
        bban += "".join(pick(al) for _ in range(int(n)))
    v = cc + iban.calc_check_digits(cc + "00" + bban) + bban; assert iban.validate(v, check_country=False)
    how, sep = pick([("plain", ""), ("plain", ""), ("group", " "), ("group", " "), ("nbsp", NB)])
    return cut(v, [4] * 12, sep), how
def ssn():
    a = pick([x for x in range(1, 900) if x != 666]); v = (f"{a:03}", f"{R.randrange(1, 100):02}", f"{R.randrange(1, 10000):04}")
    if "".join(v) in ("078051120", "219099999", "457555462"): return ssn()
    how, sep = pick([("dash", "-")] * 5 + [("space", " "), ("nbdash", NH), ("plain", "")]); return sep.join(v), how
def nino():
    first, second = "ABCEGHJKLMNOPRSTWXYZ", "ABCEGHJKLMNPRSTWXYZ"
    while True:
        p = pick(first) + pick(second)
        if p not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ"): break
    d, s = dig(6), pick("ABCD"); how = pick(["plain", "space", "space", "space"])
    return (p + d + s, "plain") if how == "plain" else (f"{p} {d[:2]} {d[2:4]} {d[4:]} {s}", "space")
def ipv4():
    while True:
        a = ipaddress.IPv4Address(R.getrandbits(32))
        if a.is_global and 10 < int(str(a).split(".")[0]) < 224: return str(a), "public"
def ipv6():
    a = ipaddress.IPv6Address((0x2a00 + R.randrange(0x600)) << 112 | R.getrandbits(112)); h = pick(["full", "upper", "compressed", "short", "linklocal", "v4mapped", "padded"])
    if h == "full": return a.compressed, h
    if h == "upper": return a.compressed.upper(), h
    if h == "padded": return a.exploded, h
    if h == "compressed": return str(ipaddress.IPv6Address(int(a) >> 64 << 64 | R.getrandbits(48))), h
    if h == "short": return str(ipaddress.IPv6Address(int(a) >> 80 << 80 | R.randrange(1, 4096))), h
    if h == "linklocal": return str(ipaddress.IPv6Address(0xfe80 << 112 | R.getrandbits(64))), h
    return "::ffff:" + ipv4()[0], h
def mac():
    v = f"{R.getrandbits(48) & 0xfeffffffffff:012x}"; h = pick(["colon", "colon", "upper", "dash", "dash_upper", "cisco"])
    if h == "cisco": return cut(v, [4, 4, 4], "."), h
    s = cut(v, [2] * 6, ":" if h in ("colon", "upper") else "-"); return (s.upper() if "upper" in h else s), h
def imei():
    v = with_luhn(fill(pick(["35", "86", "01", "99"]), 15)); h = pick(["plain", "plain", "dash", "space"])
    return {"plain": v, "dash": cut(v, [2, 6, 6], "-"), "space": cut(v, [2, 6, 6], " ")}[h], h
def bearer():
    n = R.randrange(20, 64); al = pick([string.ascii_letters + string.digits, string.ascii_letters + string.digits + "-_", "0123456789abcdef"])
    v = "".join(pick(al) for _ in range(n))
    return (pick(["ya29.", "gho_", "v2.local."]) + v if R.random() < .15 else v + "=" if R.random() < .15 else v), "opaque"
def jwt():
    alg, n = pick([("HS256", 32), ("RS256", 256), ("ES256", 64)])
    body = {"sub": str(uuid.UUID(int=R.getrandbits(128))), "iat": 1700000000 + R.randrange(10**7), "scope": pick(["read", "a b", "profile"])}
    return ".".join([b64(json.dumps({"alg": alg, "typ": "JWT"}, separators=(",", ":")).encode()), b64(json.dumps(body, separators=(",", ":")).encode()), b64(R.randbytes(n))]), alg
def cred(user):
    pw = "".join(pick(string.ascii_letters + string.digits + "-._~!$*") for _ in range(R.randrange(8, 18))); pw = "k" + pw + "7"
    return (":" + pw, "pass_only") if R.random() < .1 else (user + ":" + pw, "user_pass")
def phone(region, national_ok):
    while True:
        ex = pn.example_number_for_type(region, pick([pn.PhoneNumberType.MOBILE, pn.PhoneNumberType.FIXED_LINE]))
        n = str(ex.national_number); k = R.randrange(4, 7); x = pn.PhoneNumber(ex.country_code, int(n[:-k] + dig(k)), italian_leading_zero=ex.italian_leading_zero)
        if pn.is_valid_number_for_region(x, region): break
    intl = pn.format_number(x, pn.PhoneNumberFormat.INTERNATIONAL); nat = pn.format_number(x, pn.PhoneNumberFormat.NATIONAL); e = pn.format_number(x, pn.PhoneNumberFormat.E164)
    h = pick(["e164", "e164", "intl", "intl", "intl_nbsp", "intl_dash", "intl_dot", "intl_paren", "p00", "rfc"] + (["nat", "nat", "nat_plain", "nat_nbsp", "nat_dash"] if national_ok else []))
    cc = str(x.country_code); rest = intl[len(cc) + 2:]; flat = lambda s, c: s.replace(" ", c).replace("-", c)
    v = {"e164": e, "intl": intl, "intl_nbsp": intl.replace(" ", NB), "intl_dash": flat(intl, "-"), "intl_dot": flat(intl, "."), "intl_paren": f"(+{cc}) {rest}", "p00": "00" + cc + " " + rest,
      "rfc": pn.format_number(x, pn.PhoneNumberFormat.RFC3966)[4:], "nat": nat, "nat_plain": "".join(c for c in nat if c.isdigit()), "nat_nbsp": nat.replace(" ", NB), "nat_dash": nat.replace(" ", "-").replace(")-", ") ")}[h]
    return v, h
def idn(domain_word): return pick(["münchen", "köttbullar", "čokoláda", "пример", "παράδειγμα", "例え", "예시", "דוגמה", "żółw", "señor"]) + pick(["", "-shop"]) + pick([".example", ".net", ".info"])
def email(f):
    u, d = f.user_name(), pick([f.domain_name(), f.free_email_domain(), f.domain_name(2)]); h = pick(["plain"] * 7 + ["upper", "special_local", "special_local", "eai_local", "idn_unicode", "idn_punycode", "short"])
    if h == "plain": u = pick([u, u + str(R.randrange(100)), u[:1] + "." + u[1:] if len(u) > 2 else u, u + "+" + f.domain_word()[:5]])
    if h == "special_local": u = pick([u[:1] + "'" + u[1:], "_" + u + "_", u + "-x", u + "#1", u + "/dep", "{" + u + "}", u + "!x", u + "%x"][:4])
    if h == "eai_local": u = pick(["josé", "günther", "ольга", "小林", "지민", "עמית", "Νίκος", "łukasz"]) + pick([".x", "7", "_k"])
    if h == "idn_unicode": d = idn("")
    if h == "idn_punycode": d = pick(["xn--mnchen-3ya.example", "xn--e1afmkfd.net", "xn--r8jz45g.info", "xn--fsqu00a.example", "xn--kttbullar-07a.example"])
    if h == "short": u, d = pick("abcdkz"), pick("qxyz") + pick(["1", "o", "t"]) + pick([".co", ".io", ".de", ".me"])
    v = u + "@" + d; return (v.upper() if h == "upper" else v), h
def pct(v): return v.replace("%", "%25").replace("@", "%40").replace("+", "%2B").replace("'", "%27").replace("#", "%23").replace(" ", "%20")
def national():
    k = pick(["DE", "FR", "IN", "IT", "ES", "BR", "PL", "SE"])
    if k == "DE":
        while True:
            v = str(R.randrange(1, 10)) + dig(9)
            v += next((str(d) for d in range(10) if idnr.is_valid(v + str(d))), "x")
            if idnr.is_valid(v): break
        how = "steuer_id"; v = pick([v, cut(v, [2, 3, 3, 3], " ")])
    elif k == "FR":
        b = pick("12") + f"{R.randrange(40, 100):02}{R.randrange(1, 13):02}{R.randrange(1, 20):02}{R.randrange(1, 600):03}{R.randrange(1, 900):03}"; v = b + f"{97 - int(b) % 97:02}"
        how = "nir"; v = pick([v, cut(v, [1, 2, 2, 2, 3, 3, 2], " ")])
    elif k == "IN":
        b = str(R.randrange(2, 10)) + dig(10); v = b + verhoeff.calc_check_digit(b); how = "aadhaar"; v = pick([v, cut(v, [4, 4, 4], " ")])
    elif k == "IT":
        b = "".join(pick("BCDFGLMNPRSTVZ") for _ in range(6)) + f"{R.randrange(40, 99)}{pick('ABCDEHLMPRST')}{R.randrange(1, 29):02}{pick('ABCDFGHL')}{R.randrange(100, 999)}"; v = b + codicefiscale.calc_check_digit(b); how = "codice_fiscale"
    elif k == "ES":
        n = R.randrange(10**7, 10**8); v = f"{n}{'TRWAGMYFPDXBNJZSQVHLCKE'[n % 23]}"; how = "dni"
    elif k == "BR":
        from stdnum.br import cpf
        b = dig(9); v = cpf.format(b + cpf._calc_check_digits(b)); how = "cpf"
    elif k == "PL":
        from stdnum.pl import pesel
        b = f"{R.randrange(40, 99)}{R.randrange(1, 13):02}{R.randrange(1, 29):02}{dig(4)}"; v = b + pesel.calc_check_digit(b); how = "pesel"
    else:
        b = f"{R.randrange(40, 99)}{R.randrange(1, 13):02}{R.randrange(1, 29):02}{dig(3)}"; c = luhn.calc_check_digit(b); v = b[:6] + "-" + b[6:] + c; how = "personnummer"
    return "NATIONAL_ID_" + k, v, how
