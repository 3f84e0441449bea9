"""Writes second.jsonl, third.jsonl and fourth.jsonl: `python make.py DIRECTORY` (needs faker 40, phonenumbers 9, python-stdnum 2)."""
import json, random, re, sys
from faker import Faker
from faker.config import AVAILABLE_LOCALES
from stdnum import luhn
from values import *
import values, people, machines
COUNT = {"EMAIL": 150, "PHONE": 260, "CREDIT_CARD": 130, "IBAN": 80, "US_SSN": 70, "UK_NINO": 60, "IPV4": 70, "IPV6": 80, "MAC": 70, "IMEI": 60, "URL_CREDENTIALS": 55, "BEARER_TOKEN": 55, "JWT": 50, "NATIONAL": 120, "multi": 60}
NEG_EACH = 26
MULTI = ["{EMAIL} logged in from {IPV4}", "{name}: {PHONE}, {EMAIL}", "{CREDIT_CARD} for {EMAIL} from {IPV6}", "{MAC} -> {IPV4}", "{IBAN} / {EMAIL}", "device {IMEI} at {IPV6}"]
class Set:
    def __init__(s, name, langs, seed):
        s.name, s.langs, s.rows, s.prefix = name, langs, [], {"second": "a", "third": "b", "fourth": "c"}[name]
        values.R.seed(seed); s.fakers = {}
        for l in langs: Faker.seed(seed); s.fakers[l] = Faker([l if l in AVAILABLE_LOCALES else "en_GB"]); s.fakers[l].seed_instance(seed + len(s.fakers))
        s.latin = Faker(["en_US"]); s.latin.seed_instance(seed)
    def fillers(s, l):
        f = s.fakers[l]; hexa = lambda n: f"{R.getrandbits(4 * n):0{n}x}"; one = lambda x: re.sub(r"\s+", " ", x)
        d = {f"d{n}": (str(R.randrange(1, 10)) + dig(n - 1)) for n in range(1, 15)}
        d |= {f"hex{n}": hexa(n) for n in (8, 16, 32, 40, 64)}
        return d | dict(name=one(f.name()), city=one(f.city()), company=one(f.company()), sentence=f.sentence(), num=str(R.randrange(100, 99999)), o=no_luhn(R.randrange(8, 13)), user=s.latin.user_name(), h=s.latin.domain_name(2),
            nz=str(R.randrange(1, 10)), lat=f"{R.uniform(-80, 80):.5f}", lon=f"{R.uniform(-170, 170):.5f}", b64=b64(R.randbytes(24)), hexpairs=cut(hexa(32), [2] * 15, ":"), hexdump=cut(hexa(16), [4] * 3, " "),
            d13x="4" + dig(12), badcard=bad_card(), badiban=bad_iban())
    def put(s, t, fill, vals, kind, loc):
        """t has {names}; vals maps a name to (label, value, variant, required)."""
        out, spans = "", []
        for lit, field in parse(t):
            out += lit
            if field is None: continue
            if field in vals:
                label, v, how, req = vals[field]; spans.append(dict(start=len(out), end=len(out) + len(v), label=label, required=req, variant=how)); out += v
            else: out += fill[field]
        if any(out.count(out[x["start"]:x["end"]]) != 1 for x in spans) or not clean_outside(out, spans): return False
        s.rows.append(dict(id=f"{s.prefix}{len(s.rows):05}", text=out, spans=spans, kind=kind, locale=loc)); return True
    def value(s, label, l, national_ok=True):
        f = s.fakers[l]
        if label == "EMAIL": v, h = email(pick([s.latin, f]))
        elif label == "PHONE": v, h = phone(s.langs[l][0], national_ok)
        elif label == "URL_CREDENTIALS": v, h = cred(s.latin.user_name())
        elif label == "NATIONAL": k, v, h = national(); return k, v, h, False
        else: v, h = {"CREDIT_CARD": card, "IBAN": ibans, "US_SSN": ssn, "UK_NINO": nino, "IPV4": ipv4, "IPV6": ipv6, "MAC": mac, "IMEI": imei, "BEARER_TOKEN": bearer, "JWT": jwt}[label]()
        return label, v, h, True
    def one(s, label):
        l = pick(list(s.langs)); fill = s.fillers(l); say = s.langs[l]
        if label == "multi":
            t = pick(MULTI); vals = {x: s.value(x, l, False) for x in re.findall(r"\{([A-Z0-9_]+)\}", t)}; return s.put(t, fill, vals, "mixed/multi", l)
        if label in machines.SPECIAL[s.name]:
            return s.put(pick(machines.SPECIAL[s.name][label]), fill, {"v": s.value(label, l)}, "special/" + label, l)
        chat = {"PHONE": say[1], "CREDIT_CARD": say[2], "EMAIL": say[3], "IBAN": say[4]}.get(label)
        if chat and R.random() < .4: return s.put(pick(chat), fill, {"v": s.value(label, l)}, "chat/" + label, l)
        k = pick(machines.KEYS[s.name][label]); fill["k"] = k
        if label in ("EMAIL", "PHONE", "IPV4", "IPV6") and R.random() < .15:
            a = s.value(label, l, False); esc = pct(a[1]) if label in ("EMAIL", "PHONE") else a[1].replace(":", "%3A")
            if label == "IPV6": esc = a[1]
            how = a[2] if esc == a[1] else "pct_" + a[2]
            if " " in esc or NB in esc: return False
            return s.put(pick(machines.URLS[s.name]), fill, {"vv": (a[0], esc, how, True)}, "url/" + label, l)
        c = pick(list(machines.CARRIERS[s.name])); t = pick(machines.CARRIERS[s.name][c]); v = s.value(label, l, "{k}" in t)
        if "{k}" not in t and (label in ("IMEI",) and False or label == "US_SSN" and v[2] == "plain"): return False
        if "," in v[1] or "{k}/{v}/" in t and "/" in v[1]: return False
        return s.put(t, fill, {"v": v}, c + "/" + (v[0]), l)
    def make(s):
        for label, n in COUNT.items():
            want = len(s.rows) + n
            while len(s.rows) < want: s.one(label)
        for g, ts in machines.NEG[s.name].items():
            want = len(s.rows) + (NEG_EACH if g not in ("version", "phone_like", "plain", "order") else NEG_EACH * 2)
            while len(s.rows) < want:
                l = pick(list(s.langs)); t = pick(ts or s.langs[l][5]); s.put(t, s.fillers(l), {}, "any/neg:" + g, l)
def no_luhn(n):
    while True:
        v = str(R.randrange(1, 10)) + dig(n - 1)
        if not luhn.is_valid(v): return v
def bad_card():
    v = card()[0]; i = max(j for j, c in enumerate(v) if c.isdigit()); return v[:i] + str((int(v[i]) + R.randrange(1, 10)) % 10) + v[i + 1:]
def bad_iban():
    while True:
        v, _ = ibans(); w = v[:2] + dig(2) + v[4:]
        if not iban.is_valid(w): return w
FIELD = re.compile(r"\{\{|\}\}|\{([A-Za-z0-9_]+)\}")
def parse(t):
    at, lit = 0, ""
    for m in FIELD.finditer(t):
        lit += t[at:m.start()]; at = m.end()
        if m.group(1): yield lit, m.group(1); lit = ""
        else: lit += m.group()[0]
    yield lit + t[at:], None
IINS = re.compile(r"4|5[0-8]|2[2-7]|3[0-9]|6")
def clean_outside(text, spans):
    """No valid card, SSN, NINO or IBAN outside the spans."""
    t = list(text)
    for x in spans: t[x["start"]:x["end"]] = "\0" * (x["end"] - x["start"])
    t = "".join(t)
    for m in re.finditer(r"\d(?:[ \-.\u00a0\u202f\u2011']?\d){12,18}", t):
        d = re.sub(r"\D", "", m.group())
        for n in range(13, len(d) + 1):
            for i in range(len(d) - n + 1):
                if luhn.is_valid(d[i:i + n]) and IINS.match(d[i:i + n]): return False
    if re.search(r"(?<!\d)(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?!\d)", t): return False
    for m in re.finditer(r"[A-Z]{2}\d\d(?:[ \u00a0]?[A-Z0-9]){11,30}", t):
        if iban.is_valid(m.group().replace(NB, " ")): return False
    return not re.search(r"\b(?!BG|GB|KN|NK|NT|TN|ZZ)[ABCEGHJ-PRSTW-Z][ABCEGHJ-NPRSTW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]\b", t)
if __name__ == "__main__":
    for name, langs, seed in (("second", people.SECOND, 2026), ("third", people.THIRD, 1122), ("fourth", people.FOURTH, 4040)):
        s = Set(name, langs, seed); s.make()
        with open(f"{sys.argv[1]}/{name}.jsonl", "w", encoding="utf-8") as h:
            for r in s.rows: h.write(json.dumps(r, ensure_ascii=False) + "\n")
        print(name, len(s.rows))
