import json, ipaddress, re, collections
from stdnum import luhn, iban
c = collections.Counter(); n = collections.Counter()
for l in open('fifth.jsonl'):
    o = json.loads(l); t = o['text']; e = 0
    for p in o['spans']:
        assert p['start'] >= e and p['end'] > p['start']; e = p['end']
        v = t[p['start']:e]; assert v == v.strip() and t.count(v) == 1
        d = re.sub(r'[\s-]', '', v); L = p['label']; c[L] += 1
        if L in ('CREDIT_CARD', 'IMEI'): assert luhn.is_valid(d)
        if L == 'IBAN': assert iban.is_valid(d)
        if L == 'IPV4': ipaddress.IPv4Address(v)
        if L == 'IPV6': ipaddress.IPv6Address(v)
    if 'neg:' in o['kind']:
        n[o['kind']] += 1; assert not o['spans']
        for r in re.findall(r'\d(?:[ -]?\d){12,18}', t): assert not luhn.is_valid(re.sub(r'\D', '', r)), t
print(c, n)
print(collections.Counter(json.loads(l)['locale'] for l in open('fifth.jsonl')))
