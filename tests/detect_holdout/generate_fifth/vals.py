import random, ipaddress, base64, json
import phonenumbers as P
from stdnum import luhn, iban as IB
R = random.Random(20261123)
D = lambda n: ''.join(R.choice('0123456789') for _ in range(n))
AN = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
tok = lambda n, a=AN: ''.join(R.choice(a) for _ in range(n))
def email():
    u = R.choice(['tove.brandt','r_okafor','j-p.lemaire','mwangi','anneli+rsvp','k.tanaka','zeynep','o.halloran','B.Nowak','info.desk','iveta','dmitri.v']) + R.choice(['', D(2), '.' + tok(3).lower()])
    v = u + '@' + R.choice(['example.org','example.net','mail.example.com','post.example.org'])
    return v, 'plain'
def phone(region):
    ex = P.example_number_for_type(region, R.choice([P.PhoneNumberType.MOBILE, P.PhoneNumberType.FIXED_LINE]))
    for _ in range(500):
        s = str(ex.national_number); c = P.PhoneNumber(country_code=ex.country_code, italian_leading_zero=ex.italian_leading_zero, national_number=int(s[:-4] + D(4)))
        if P.is_valid_number_for_region(c, region): break
    else: c = ex
    assert P.is_valid_number_for_region(c, region)
    f = R.choice(['INTERNATIONAL','E164','NATIONAL','INTERNATIONAL'])
    s = P.format_number(c, getattr(P.PhoneNumberFormat, f)); var = {'INTERNATIONAL':'intl','E164':'e164','NATIONAL':'national'}[f]
    if f == 'INTERNATIONAL' and R.random() < .3: s = s.replace(' ', '\u00a0'); var += '_nbsp'
    return s, var
def card():
    p, n = R.choice([('4',16),('51',16),('55',16),('34',15),('37',15),('6011',16)])
    b = p + D(n - 1 - len(p)); b += luhn.calc_check_digit(b); assert luhn.is_valid(b)
    g = [4,6,5] if n == 15 else [4]*4; o = []; i = 0
    for k in g: o.append(b[i:i+k]); i += k
    s, v = R.choice([('','plain'),(' ','space'),('-','dash'),('\u00a0','nbsp')])
    return s.join(o), v
LEN = {'DE':18,'AT':16,'NL':None,'PL':24,'DK':14,'CH':17,'GE':None,'LT':16,'SA':20,'AE':19,'LU':16}
def iban():
    while True:
        c = R.choice([k for k in LEN if LEN[k]]); b = D(LEN[c])
        v = c + '%02d' % (98 - int(''.join(str(int(x, 36)) for x in b + c + '00')) % 97) + b
        if IB.is_valid(v): break
    s, n = R.choice([('','plain'),(' ','space'),('\u00a0','nbsp')])
    return s.join(v[i:i+4] for i in range(0, len(v), 4)), n
def ssn():
    a = R.choice([x for x in range(1, 772) if x != 666])
    return '%03d-%02d-%04d' % (a, R.randint(1, 99), R.randint(1000, 9999)), 'dash'
def nino():
    while True:
        p = R.choice('ABCEGHJKLMNOPRSTWXYZ') + R.choice('ABCEGHJKLMNPRSTWXYZ')
        if p not in ('BG','GB','NK','KN','TN','NT','ZZ'): break
    d = D(6); s = R.choice('ABCD')
    return R.choice([(p+d+s,'plain'),(' '.join([p,d[:2],d[2:4],d[4:],s]),'space')])
def ipv4():
    v = R.choice(['192.0.2.','198.51.100.','203.0.113.']) + str(R.randint(1, 254)); ipaddress.IPv4Address(v); return v, 'public'
def ipv6():
    v = '2001:db8:' + ':'.join('%x' % R.randint(4096, 65535) for _ in range(R.choice([2,3]))) + '::' + '%x' % R.randint(1, 65535)
    ipaddress.IPv6Address(v); return R.choice([(v,'compressed'),(v.upper(),'upper'),(ipaddress.IPv6Address(v).exploded,'full')])
def mac():
    h = ['00','00','5e','00','53','%02x' % R.randint(1, 255)]; s, n = R.choice([(':','colon'),('-','dash')]); v = s.join(h)
    return (v.upper(), n + '_upper') if R.random() < .4 else (v, n)
def imei():
    b = R.choice(['35','86','01']) + D(12); v = b + luhn.calc_check_digit(b); assert luhn.is_valid(v)
    return R.choice([(v,'plain'),('-'.join([v[:2],v[2:8],v[8:14],v[14]]),'dash'),(' '.join([v[:2],v[2:8],v[8:14],v[14]]),'space')])
def cred(): return R.choice(['svc_','deploy','etl-']) + tok(3).lower() + ':' + tok(R.randint(8,14)), 'userpass'
def bearer(): return tok(R.randint(28,44)), 'opaque'
def jwt():
    e = lambda o: base64.urlsafe_b64encode(json.dumps(o).encode()).decode().rstrip('=')
    return e({'alg':'HS256','typ':'JWT'}) + '.' + e({'sub':D(6),'exp':int('18'+D(8))}) + '.' + tok(43), 'jwt'
