#!/usr/bin/env python3
"""What Presidio's pattern recognisers find, without a language model: presidio.py SCORER CORPUS.jsonl...
Installs presidio-analyzer into target/tmp/presidio, and names what is missing where it cannot. SCORER is score_pii.py of the labelled corpus."""
import json, os, subprocess, sys, tempfile
VENV = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../target/tmp/presidio")
PYTHON = os.path.join(VENV, "bin/python")
CHOSEN = ["EmailRecognizer", "PhoneRecognizer", "CreditCardRecognizer", "IbanRecognizer", "UsSsnRecognizer", "IpRecognizer", "UkNinoRecognizer", "MacAddressRecognizer"]

def install():
    if not os.path.exists(PYTHON):
        import venv
        venv.create(VENV, with_pip=True)
    if subprocess.run([PYTHON, "-c", "import presidio_analyzer"], capture_output=True).returncode:
        if subprocess.run([PYTHON, "-m", "pip", "-q", "install", "presidio-analyzer"]).returncode:
            sys.exit("skipped: presidio-analyzer cannot be installed (no network?)")

def recognisers():
    from presidio_analyzer import predefined_recognizers as known
    missing = [name for name in CHOSEN if not hasattr(known, name)]
    if missing:
        print("this Presidio has no", ", ".join(missing), file=sys.stderr)
    return [getattr(known, name)() for name in CHOSEN if hasattr(known, name)]

def redact(text, found):
    for start, end in sorted(found, reverse=True):
        text = text[:start] + "[x]" + text[end:]
    return text

def spans(text, all_of_them):
    """What is found, overlaps joined."""
    joined = []
    for start, end in sorted((r.start, r.end) for one in all_of_them for r in one.analyze(text, one.supported_entities, None) or []):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined

def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    if os.path.abspath(sys.prefix) != os.path.abspath(VENV) and not os.environ.get("PRESIDIO_HERE"):
        install()
        sys.exit(subprocess.run([PYTHON, os.path.abspath(__file__)] + sys.argv[1:]).returncode)
    scorer, corpora = sys.argv[1], sys.argv[2:]
    all_of_them = recognisers()
    for corpus in corpora:
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as out:
            for line in open(corpus, encoding="utf-8"):
                row = json.loads(line)
                print(json.dumps({"id": row["id"], "text": redact(row["text"], spans(row["text"], all_of_them))}, ensure_ascii=False), file=out)
            out.flush()
            scored = subprocess.run([sys.executable, scorer, corpus, out.name], capture_output=True, text=True)
        if scored.returncode:
            sys.exit(scored.stderr)
        s = json.loads(scored.stdout.splitlines()[-1])
        print(f"{os.path.basename(corpus)}: clean {s['clean_recall']} / {s['macro_clean']} %, tokens lost {s['tokens_lost_pct']} %, negatives changed {s['neg_changed_pct']} %", flush=True)

main()
