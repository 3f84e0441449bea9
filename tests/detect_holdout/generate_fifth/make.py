import json, re, random, collections, sys
import vals as V
R = V.R
LOC = '''sw_KE|Nipigie kwa {P} au niandikie {E}
is_IS|Hringdu í síma {P} eða sendu póst á {E}
et_EE|Palun helista {P} või kirjuta {E}
lv_LV|Lūdzu, zvaniet {P} vai rakstiet uz {E}
lt_LT|Skambinkite tel. {P} arba rašykite {E}
ka_GE|დამირეკეთ ნომერზე {P} ან მომწერეთ {E}
hy_AM|Զանգահարեք {P} կամ գրեք {E}
el_GR|Καλέστε με στο {P} ή γράψτε στο {E}
he_IL|הטלפון שלי {P} והמייל {E}
ar_AE|رقم هاتفي {P} وبريدي {E}
fa_IR|شماره تلفن من {P} و ایمیلم {E}
ur_PK|میرا فون نمبر {P} ہے اور ای میل {E}
hi_IN|मेरा फ़ोन नंबर {P} है और ईमेल {E}
bn_BD|আমার ফোন নম্বর {P} এবং ইমেইল {E}
ta_LK|என் தொலைபேசி எண் {P}, மின்னஞ்சல் {E}
th_TH|โทรศัพท์ {P} อีเมล {E}
vi_VN|Số điện thoại của tôi là {P}, email {E}
id_ID|Nomor telepon saya {P}, email {E}
ms_MY|Nombor telefon saya {P}, e-mel {E}
tl_PH|Ang telepono ko ay {P} at ang email ko ay {E}
ko_KR|전화번호는 {P}, 이메일은 {E} 입니다
ja_JP|電話番号は {P}、メールは {E} です
zh_TW|我的電話是 {P}，信箱 {E}
uk_UA|Мій телефон {P}, пошта {E}
bg_BG|Телефонът ми е {P}, имейл {E}
sr_RS|Мој телефон је {P}, а мејл {E}
mk_MK|Мојот телефон е {P}, е-пошта {E}
kk_KZ|Телефон нөмірім {P}, поштам {E}
mn_MN|Миний утас {P}, имэйл {E}
hr_HR|Moj telefon je {P}, a e-mail {E}
sl_SI|Moj telefon je {P}, e-naslov {E}
sk_SK|Môj telefón je {P}, e-mail {E}
cs_CZ|Můj telefon je {P}, e-mail {E}
hu_HU|A telefonszámom {P}, az e-mail címem {E}
ro_RO|Telefonul meu este {P}, e-mail {E}
sq_AL|Telefoni im është {P}, e-mail {E}
fi_FI|Puhelinnumeroni on {P}, sähköposti {E}
nb_NO|Telefonnummeret mitt er {P}, e-post {E}
tr_TR|Telefonum {P}, e-postam {E}
az_AZ|Telefonum {P}, e-poçtum {E}'''.split('\n')
LOC = [x.split('|', 1) for x in LOC]
MK = dict(E=('EMAIL',V.email),C=('CREDIT_CARD',V.card),I=('IBAN',V.iban),S=('US_SSN',V.ssn),N=('UK_NINO',V.nino),F=('IPV4',V.ipv4),X=('IPV6',V.ipv6),M=('MAC',V.mac),G=('IMEI',V.imei),U=('URL_CREDENTIALS',V.cred),B=('BEARER_TOKEN',V.bearer),J=('JWT',V.jwt))
from stdnum.pl import pesel
from stdnum.br import cpf
def nid(mod, n, f):
    while True:
        v = V.D(n)
        if mod.is_valid(v): return f(v)
MK['Y'] = ('NATIONAL_ID_PL', lambda: nid(pesel, 11, lambda v: (v, 'plain')))
MK['Z'] = ('NATIONAL_ID_BR', lambda: nid(cpf, 11, lambda v: (cpf.format(v), 'dots')))
T = {'C':['csv|name;card;exp\nLind;{C};11/29','transcript|[00:41] caller: the card number is {C}','xml|<pay><cardNumber>{C}</cardNumber></pay>','sql|INSERT INTO pay(card) VALUES (\'{C}\');'],
'I':['invoice|Invoice due in 14 days\nIBAN: {I}','yaml|payee:\n  iban: "{I}"','table|Payee | IBAN\nTove | {I}'],
'S':['fixed|EMPLOYEE      SSN\nOrtiz, M      {S}','ini|[w2]\nssn={S}','email|> What is your SSN?\n{S}'],
'N':['form|National Insurance number: {N}','email|> Which NI number do you have?\nIt is {N}.','xml|<NINO>{N}</NINO>'],
'F':['http|X-Forwarded-For: {F}','terminal|$ ping -c1 {F}','logfmt|level=warn client_ip={F} msg="rate limited"'],
'X':['yaml|listen:\n  addr: "{X}"','http|GET / HTTP/1.1\nHost: [{X}]:8443','logfmt|peer={X} state=down'],
'M':['terminal|link/ether {M} brd','table|port\tmac\n7\t{M}','xml|<dev mac="{M}"/>'],
'G':['ticket|Lost handset, IMEI {G}, please block it','csv|model,imei\nA54,{G}','md|| IMEI |\n|---|\n| {G} |'],
'U':['ini|url = postgres://{U}@db.example.net/app','terminal|git clone https://{U}@git.example.org/x.git','yaml|broker: amqp://{U}@mq.example.com:5672'],
'B':['http|GET /v2/me HTTP/1.1\nAuthorization: Bearer {B}','code|curl -H "Authorization: Bearer {B}" https://api.example.com','yaml|headers:\n  Authorization: Bearer {B}'],
'J':['json|{"id_token":"{J}"}','logfmt|event=refresh jwt={J}','code|const t = "{J}";']}
out = []; seen = set()
def add(c, t, loc, neg=None):
    s = ''; sp = []; i = 0
    for m in re.finditer(r'\{([A-Z])\}', t):
        s += t[i:m.start()]; i = m.end(); k = m[1]
        lab, (v, var) = ('PHONE', V.phone(loc[-2:])) if k == 'P' else (MK[k][0], MK[k][1]())
        sp.append(dict(start=len(s), end=len(s)+len(v), label=lab, required=not lab.startswith('NATIONAL'), variant=var)); s += v
    s += t[i:]
    if s in seen or any(s.count(s[p['start']:p['end']]) > 1 for p in sp): return False
    assert bool(sp) != bool(neg)
    seen.add(s); ls = [p['label'] for p in sp]
    out.append(dict(id='f%05d' % (len(out)+1), text=s, spans=sp, kind=c + '/' + ('neg:'+neg if neg else ls[0] if len(set(ls)) == 1 else 'multi'), locale=loc)); return True
n4 = lambda: R.randint(2, 9999)
NEG = dict(css=lambda: '.b%d{margin:%dpx;color:#%06x}' % (n4(), n4()%90, R.randrange(1<<24)), version=lambda: 'upgraded to v%d.%d.%d-rc%d' % (n4()%30, n4()%30, n4()%30, n4()%9),
 retina=lambda: 'logo%d@2x.png' % n4(), npm=lambda: 'npm i @acme/kit@%d.%d.%d' % (n4()%20, n4()%20, n4()%20), price=lambda: 'total € %d,%02d' % (n4(), n4()%100),
 date=lambda: 'due %04d-%02d-%02d' % (2000+n4()%30, 1+n4()%12, 1+n4()%28), hash=lambda: 'commit ' + V.tok(40,'0123456789abcdef'), coords=lambda: 'lat=%d.%04d lon=%d.%04d' % (n4()%80, n4(), n4()%80, n4()),
 sport=lambda: 'Final score: %d:%d (%d:%d)' % (n4()%40, n4()%40, n4()%20, n4()%20), chess=lambda: '%d. Nf3 d5 %d. g3 c5' % (n4()%40, n4()%40), measure=lambda: '%d x %d mm, %d kg' % (n4(), n4(), n4()%90),
 handle=lambda: 'follow @kite_%d for news' % n4(), recipe=lambda: '%d g flour, %d eggs, %d min at 180 °C' % (n4()%900, n4()%9+1, n4()%60), sensor=lambda: 't=%d.%d h=%d.%d' % (n4()%40, n4()%10, n4()%90, n4()%10),
 maths=lambda: '%d + %d = x' % (n4(), n4()), git=lambda: '%d files changed, %d insertions(+)' % (n4()%90, n4()), order=lambda: 'order no. A-%d shipped' % n4(), legal=lambda: '§ %d (%d) lit. b applies' % (n4()%300, n4()%9+1))
def many(n, f):
    k = 0
    for _ in range(n*40):
        if k == n: return
        k += bool(f())
    raise SystemExit('too few')
for loc, t in LOC:
    many(5, lambda: add('chat', t, loc))
for k, ts in T.items():
    many(56, lambda: add(*R.choice(ts).split('|', 1), R.choice(['en_GB'] if k == 'N' else ['en_US'] if k == 'S' else ['en_IE','en_NZ','en_ZA','en_SG'])))
many(25, lambda: add('form', 'PESEL: {Y}', 'pl_PL'))
many(25, lambda: add('form', 'Meu CPF é {Z}', 'pt_BR'))
for g, f in NEG.items(): many(24, lambda: add('text', f(), 'en_IE', g))
open('fifth.jsonl', 'w').write(''.join(json.dumps(o, ensure_ascii=False) + '\n' for o in out))
c = collections.Counter(p['label'] for o in out for p in o['spans']); print(len(out), c, len({o['locale'] for o in out}))
