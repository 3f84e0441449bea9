"""Writes holdout.jsonl: made-up values crossed with made-up carriers; checksums asserted. CARRIER: {} is the value."""
import json, random, base64, ipaddress, os
R = random.Random(6)
def iban(cc, b):
    n = lambda s: int("".join(str(int(c, 36)) for c in s))
    v = f"{cc}{98 - n(b + cc + '00') % 97:02}{b}"; assert n(v[4:] + v[:4]) % 97 == 1; return v
def luhn(s): return sum(sum(divmod(int(c) * (1 + i % 2), 10)) for i, c in enumerate(s[::-1])) % 10 == 0
def fin(s): return next(s + str(d) for d in range(10) if luhn(s + str(d)))
four = lambda s: " ".join(s[i:i + 4] for i in range(0, len(s), 4))
b64 = lambda b: base64.urlsafe_b64encode(b).decode().rstrip("=")
IB = [iban(c, b) for c, b in [("CZ", "08000000192000145399"), ("DK", "00400440116243"), ("NO", "86011117947"), ("FI", "12345600000785"),
  ("PT", "000201231234567890154"), ("GR", "01101250000000012300695"), ("TR", "0006100519786457841326"), ("CH", "00762011623852957"),
  ("AT", "1904300234573201"), ("BE", "539007547034"), ("IE", "AIBK93115212345678"), ("HU", "117730161111101800000000"),
  ("RO", "AAAA1B31007593840000"), ("HR", "1001005186300016"), ("LU", "0019400644750000"), ("EE", "2200221020145685"), ("LT", "1000011101001000"), ("SI", "263300012039086")]]
CA = ["4111 1111 1111 1111", "5555-5555-5555-4444", "3782 822463 10005", "6011000990139424", "3530 1113 3330 0000", "2223 0031 2200 3222",
  "4012\u00a08888\u00a08888\u00a01881", "5105\u20111051\u20110510\u20115100", "3056 930902 5904", "4242  4242  4242  4242", "4000_0566_5566_5556", "6200000000000005"]
PH = ["+420 601 123 456", "+45 20 12 34 56", "+47 412 34 567", "+358 40 1234567", "+351 912 345 678", "+30 691 234 5678", "+90 532 123 45 67",
  "+81 90-1234-5678", "+82 10-2345-6789", "+91 98765 43210", "+41 79 123 45 67", "+43 664 1234567", "+32 470 12 34 56", "+353 85 012 3456",
  "0041 44 123 45 67", "+43 (0)1 5123456", "+32 (0)2 512 34 56", "(212) 555-0142", "+36 20 123 4567", "+40 712 345 678", "+972 50-234-5678", "+61 412 345 678"]
EM = ["jana+news@example.org", "o'hara@example.ie", "søren@example.dk", "müller@bücher.example", "a.b-c_d@mail.example.co.jp", "ΝΙΚΟΣ@example.gr",
  "ayse%2Bshop%40example.com.tr", "first.last%40example.fi", "x@example.museum", "用户@example.jp", "kim@xn--bcher-kva.example", "J.DOE+2024@EXAMPLE.NET"]
V = {"EMAIL": EM, "PHONE": PH, "IBAN": [four(x) if i % 2 else x for i, x in enumerate(IB)], "CREDIT_CARD": CA,
 "IPV4": ["203.0.113.7", "198.51.100.23", "192.0.2.200", "203.0.113.255"],
 "IPV6": ["2001:db8::1", "2001:db8:85a3::8a2e:370:7334", "2001:DB8:0:0:8:800:200C:417A", "::ffff:203.0.113.9", "2001:db8:1:2:3:4:5:6", "64:ff9b::198.51.100.1"],
 "MAC": ["00:00:5e:00:53:af", "00-00-5E-00-53-1B", "0000.5e00.5301"], "IMEI": [fin("35693803564380"), fin("49015420323751"), fin("86723404001122")],
 "US_SSN": ["219-09-9998", "457-53-2817", "509-21-7734"], "UK_NINO": ["AB123456C", "JG 10 37 59 A", "ZR987654D"],
 "URL_CREDENTIALS": ["svc:Gr8-Fisk.9x", "root:p%40ssW0rd", "deploy-bot:zZ7qLm2Kp"],
 "JWT": [".".join([b64(b'{"alg":"HS256","typ":"JWT"}'), b64(b'{"sub":"u%d","iss":"example"}' % i), b64(R.randbytes(32))]) for i in range(3)],
 "BEARER_TOKEN": [b64(R.randbytes(n)) for n in (24, 33, 45)]}
N = {"NATIONAL_ID_PL": ["44051401359"], "NATIONAL_ID_ES": ["12345678Z", "X1234567L"], "NATIONAL_ID_BR": ["111.444.777-35"], "NATIONAL_ID_SE": ["811218-9876"], "NATIONAL_ID_IT": ["RSSMRA85T10A562S"]}
W = {"EMAIL": ["e-posta", "sähköposti"], "PHONE": ["tel", "puhelin", "電話"], "IBAN": ["IBAN", "konto", "hesap"], "CREDIT_CARD": ["kort", "cartão", "카드"],
  "IPV4": ["client", "ip"], "IPV6": ["peer", "src"], "MAC": ["mac", "bssid"], "IMEI": ["IMEI"], "US_SSN": ["SSN"], "UK_NINO": ["NINO", "NI number"], "NATIONAL": ["id"]}
T = ["{w}: {v}", '{{"{w}":"{v}","ok":true}}', "17;{w};{v};Ostrava", "Hei! Min {w} er {v}, takk", "2024-03-05T08:01:02Z WARN {w}={v} retry=2",
  "Teşekkürler, {w} {v} olarak değişti.", "BEGIN:VCARD\nNOTE;{w}:{v}\nEND:VCARD", "お客様の{w}は「{v}」です", "| {w} | {v} |", "{w} ({v})", "मेरा {w} {v} है"]
S = {"URL_CREDENTIALS": ["git clone https://{v}@git.example.org/a.git", "postgres://{v}@db.example.net:5432/app", '{{"dsn":"amqp://{v}@mq.example.com/v"}}'],
  "JWT": ["token={v}", '{{"id_token":"{v}"}}', "Cookie: sess={v}; Path=/"], "BEARER_TOKEN": ["Authorization: Bearer {v}", "curl -H 'authorization: bearer {v}' https://api.example.org/", '{{"authorization":"Bearer {v}"}}']}
rows = []
def put(text, kind, spans): rows.append(dict(id=f"h{len(rows):04}", text=text, spans=spans, kind=kind, locale="mixed"))
def pos(label, v, ts, req=True):
    t = R.choice(ts); w = R.choice(W.get(label, W["NATIONAL"])); text = t.format(w=w, v=v); a = text.index(v)
    assert text.count(v) == 1 and text[a:a + len(v)] == v
    put(text, "mixed/" + label, [dict(start=a, end=a + len(v), label=label, required=req, variant="holdout")])
for l, vs in V.items():
    for v in vs:
        if l == "CREDIT_CARD" or l == "IMEI": assert luhn("".join(c for c in v if c.isdigit())), v
        if l[:3] == "IPV": ipaddress.ip_address(v)
        for _ in range(3): pos(l, v, S.get(l, T))
for l, vs in N.items():
    for v in vs: pos(l, v, T, False)
NEG = {"version": ["openssl 3.0.13.2", "kernel 6.8.0-45", "Edge/121.0.2277.83", "firmware 1.2.3.4 erişilebilir", "ab 0.0.0.1 release"],
 "order": ["tilaus 4009817236", "Bestellnr. 7300198265", "objednávka č. 20240017723", "sipariş no 9920018834", "注文番号 2500-118822-77"],
 "isbn": ["ISBN 978-3-16-148410-0", "EAN 4006381333931", "GTIN 00012345600012", "ISSN 2049-3630", "ISBN 0-306-40615-2"],
 "hash": ["sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709", "md5 d41d8cd98f00b204e9800998ecf8427e", "commit 7be6547", "etag W/\"5e-18f1c\"", "crc 0xDEADBEEF"],
 "geo": ["50.0755,14.4378", "N 60°10'15\" E 24°56'15\"", "geo:35.6586,139.7454", "41.0082 / 28.9784", "lat=-23.5505&lon=-46.6333"],
 "date": ["05.03.2024 klo 14:05", "2024-W10-2", "20240305140501", "1709647501123", "令和6年3月5日 14:05:01"],
 "price": ["1 234 567,89 Kč", "₺12.345.678,90", "kr 4 999 000,-", "₩1,234,567,000", "¥98,765,432"],
 "misc": ["#ff8800 #00ccaa", "3-2 (1-1) 120 min", "#pride2024 @helsinki", "IMG_20240305_140501.jpg", "icon@3x.png", "x = 12/7 + 3.14159", "npm i @scope/pkg@4.17.21", "a::b::c", "std::fs::read", "10:20:30"],
 "badcard": ["kort 4111 1111 1111 1112", "5555-5555-5555-4445", "card 3782 822463 10006", "4242424242424243", "6011000990139425"],
 "badiban": [x[:2] + ("11" if x[2:4] != "11" else "12") + x[4:] for x in IB[:5]]}
for g, xs in NEG.items():
    for x in xs:
        for t in ["{}", "info: {} ok", "{}; děkuji"]: put(t.format(x), "mixed/neg:" + g, [])
for r in rows:  # corrected after the first scoring: 20 characters, and a Croatian IBAN has 21
    if "HR34" in r["text"]: r["spans"], r["kind"] = [], "mixed/neg:badiban"
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "holdout.jsonl"), "w") as f:
    for r in rows: f.write(json.dumps(r, ensure_ascii=False) + "\n")
print(len(rows), sum(1 for r in rows if r["spans"]))
if __import__("importlib.util").util.find_spec("phonenumbers"):
    import phonenumbers as p
    for x in PH: assert p.is_valid_number(p.parse(x.replace("0041", "+41"), "US")) or "555-01" in x, x
