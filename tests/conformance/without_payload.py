#!/usr/bin/env python3
"""Lets the leak oracle judge a policy that has no rule for `$.payload`: that one member is taken out, all else stays.

    without_payload.py manifest CHECKER MANIFEST OUT      expectations without what lies below `payload`
    without_payload.py results CHECKER COMMAND...         runs COMMAND and cuts the member `payload` out of each released value

What was inside `payload` only is thereby not judged; the same secret word anywhere else in the output still is.
"""
import base64
import gzip
import json
import subprocess
import sys
import threading


def adapt(checker, source, target):
    def below(path):
        return bool(path) and isinstance(path[0], str) and is_payload(checker, path[0])

    with gzip.open(source, "rt", encoding="utf-8") as lines, open(target, "w", encoding="utf-8") as out:
        for record in map(json.loads, lines):
            for name in ("must_keep", "allow_keep", "one_of"):
                record[name] = [pair for pair in record.get(name, []) if not below(pair[0])]
            for name in ("must_absent", "mask_at", "hash_at"):
                if name in record or name == "must_absent":
                    record[name] = [path for path in record.get(name, []) if not below(path)]
            record["may_change"] = record.get("may_change", []) + [["payload"]]
            # A record that must come out byte for byte is compared member by member instead, where it has the member.
            if record.get("identical") and b"payload" in base64.b64decode(record["b64"]):
                record["identical"] = False
            out.write(json.dumps(record) + "\n")


def is_payload(checker, name):
    folded = checker.norm(name)
    return folded == "payload" or folded.startswith(("payload.", "/payload"))


def cut(checker, value):
    """The value without the members called `payload` of the root object, or of the objects in a root array."""
    try:
        root = checker.spans(value)
    except (ValueError, RecursionError):
        return value  # not JSON: the oracle's business
    objects = [root] if root.k == "o" else [child for child in root.c if child.k == "o"] if root.k == "a" else []
    for node in reversed(objects):
        kept = []
        previous = node.s + 1
        for raw, name, member in node.c:
            start = value.index(raw, previous)
            if not is_payload(checker, name):
                kept.append(value[start:member.e])
            previous = member.e
        if len(kept) != len(node.c):
            value = value[:node.s] + b"{" + b",".join(kept) + b"}" + value[node.e:]
    return value


def results(checker, command):
    run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    for line in run.stdout.splitlines():
        try:
            result = json.loads(line)
            if result.get("value_base64") is not None:
                value = base64.b64decode(result["value_base64"], validate=True)
                result["value_base64"] = base64.b64encode(cut(checker, value)).decode()
            print(json.dumps(result))
        except (ValueError, AttributeError):
            sys.stdout.write(line.decode("utf-8", "replace") + "\n")
    return run.returncode


def main():
    sys.dont_write_bytecode = True
    sys.path.insert(0, sys.argv[2])
    import check_bypass as checker

    if sys.argv[1] == "manifest":
        return adapt(checker, sys.argv[3], sys.argv[4])
    return results(checker, sys.argv[3:])


if __name__ == "__main__":
    # As in the oracle: some records are thousands of containers deep.
    sys.setrecursionlimit(30000)
    threading.stack_size(512 << 20)
    code = []
    thread = threading.Thread(target=lambda: code.append(main()))
    thread.start()
    thread.join()
    sys.exit(code[0] if code else 2)
