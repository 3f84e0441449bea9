//! `privet inspect` as people and programs use it. `UPDATE=1 cargo test --test cli_inspect` writes the pages anew.

#[path = "kit/mod.rs"]
mod kit;

use kit::process::privet;
use std::io::{BufRead, BufReader, Write};

/// The example of the GPP text.
const TC: &str = "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA";

/// Made for the shared vectors (tcf-0010): restrictions, disclosed vendors and a publisher segment.
const WHOLE: &str = "CP1vwsAP1vwsAH-AAwELZLF0AP_gAEPgAAAAA0AAAAAAAAAAAAAAAAAEPcYDAAuwCZgHWAQuAlIB44F-gMVAcuA6GB00DqQH8QQuAnKBQwC0oFwINpQbng43B3yD1sHuIAJMAFA1EDVoG1gbi.ICHD8_z__8_-__v_-_f_vv9vr______f__vv7_3__e_47__fw.YksNKsA4AI";

fn answers(args: &[&str], input: &str) -> Vec<String> {
    let (code, out, said) = privet(args, input.as_bytes());
    assert_eq!((code, said.as_str()), (0, ""), "{args:?}");
    String::from_utf8(out).expect("answers are UTF-8").lines().map(str::to_owned).collect()
}

/// What a person sees of these strings is the page in `tests/inspect`.
#[track_caller]
fn page(name: &str, kind: &str, strings: &[&str]) {
    let (code, out, said) = privet(&[&["inspect", "--format", "text", kind], strings].concat(), b"");
    assert_eq!((code, said.as_str()), (0, ""));
    let out = String::from_utf8(out).expect("a page is UTF-8");
    let file = kit::package_root().join("tests/inspect").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &out).expect("the page can be written");
    }
    assert_eq!(out, std::fs::read_to_string(&file).expect("the page is there"), "{name}");
}

#[test]
fn a_person_sees_a_page() {
    page("tcf.txt", "tcf", &[WHOLE, TC, "CPXx"]);
    page("gpp.txt", "gpp", &["DBACLY~CGmAlhIZgApI~BSBQGhmk.QA", &format!("DBACNYA~{TC}~1YNN"), "DBABTA~1ynn"]);
    page("gpp-other-sections.txt", "gpp", &["DBABEY~CVVQ", "DBABGA~BAAAAAAA"]);
    page("usp.txt", "usp", &["1YNN", "1NYN", "1---", "YYNN"]);
    page("gcd.txt", "gcd", &["13r3v3p3q5", "13l3l3l3l1l1", "13a3t3t3t5", "G111"]);
}

#[test]
fn every_line_has_one_answer_in_its_order() {
    let long = "C".repeat(200_000);
    let input = format!("1YNN\n\n1YNN\r\n{long}\n1NYN");
    let lines = answers(&["inspect", "usp", "1---", "-", "2YNN"], &input);
    let heads: Vec<&str> = lines.iter().map(|line| &line[..line.find(',').expect("two members")]).collect();
    let (read, broken) = (r#"{"ok":true"#, r#"{"ok":false"#);
    assert_eq!(heads, [read, read, broken, broken, broken, read, broken]);
    assert_eq!(answers(&["inspect", "usp", "-"], ""), Vec::<String>::new(), "no line, no answer");
    assert_eq!(answers(&["inspect", "tcf", "-"], &long), [r#"{"ok":false,"error":"longer than 64 KiB"}"#]);
}

#[test]
fn whoever_waits_for_an_answer_gets_it() {
    let mut command = std::process::Command::new(kit::process::PRIVET);
    command.args(["inspect", "usp", "-"]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().expect("privet starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut input = child.stdin.take().expect("a pipe");
    for _ in 0..3 {
        input.write_all(b"1YNN\n").expect("the command reads");
        let answer = lines.next().expect("an answer before the next line").expect("text");
        assert!(answer.starts_with(r#"{"ok":true"#), "{answer}");
    }
    drop(input);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn bytes_that_are_no_text_are_a_string_like_any_other() {
    let (code, out, said) = privet(&["inspect", "tcf", "-"], b"C\xff\xfe\n\0\n");
    assert_eq!((code, said.as_str()), (0, ""));
    let broken = "{\"ok\":false,\"error\":\"a character outside the base64url alphabet\"}\n";
    assert_eq!(String::from_utf8_lossy(&out), broken.repeat(2));
}

#[test]
fn options_stand_anywhere_and_strings_with_a_dash_behind_two() {
    assert_eq!(answers(&["inspect", "usp", "1YNN", "--format", "json"], "").len(), 1);
    assert_eq!(answers(&["inspect", "usp", "--", "----"], ""), [r#"{"ok":false,"error":"a version that is not read"}"#]);
    for args in
        [&["inspect", "gpp", "--decide", "-"][..], &["inspect", "tcf"], &["inspect", "ac", "x"], &["inspect", "usp", "-x"]]
    {
        let (code, out, said) = privet(args, b"");
        assert_eq!((code, out.as_slice()), (2, &b""[..]), "{args:?}");
        assert!(!said.is_empty(), "{args:?}");
    }
}

#[test]
fn a_question_that_cannot_be_read_is_not_allowed() {
    let gvl = r#"{"consentPurposes":[2],"liPurposes":[7],"flexiblePurposes":[]}"#;
    let questions = [
        r#""no object""#.to_owned(),
        "{".into(),
        format!(r#"{{"tc":"{TC}","purpose":2,"gvl":{gvl}}}"#),
        format!(r#"{{"tc":"{TC}","vendor":65536,"purpose":2,"gvl":{gvl}}}"#),
        format!(r#"{{"tc":"{TC}","vendor":1,"vendor":2,"purpose":2,"gvl":{gvl}}}"#),
        format!(r#"{{"tc":"{WHOLE}","vendor":104,"gvl":{gvl}}}"#),
        format!(r#"{{"tc":"{WHOLE}","vendor":104,"purpose":2,"specialFeature":2,"gvl":{gvl}}}"#),
        format!(r#"{{"tc":"{TC}=","vendor":104,"purpose":2,"gvl":{gvl}}}"#),
        format!(r#"{{"tc":"{WHOLE}","vendor":104,"purpose":2}}"#),
        format!(r#"{{"tc":"{WHOLE}","vendor":104,"purpose":2,"gvl":null}}"#),
        format!(r#"{{"tc":"{WHOLE}","vendor":0,"purpose":2,"gvl":{gvl}}}"#),
    ];
    let lines = answers(&["inspect", "tcf", "--decide", "-"], &(questions.join("\n") + "\n"));
    assert_eq!(lines.len(), questions.len());
    for (question, line) in questions.iter().zip(&lines) {
        assert!(line.starts_with(r#"{"allowed":false,"reason":""#), "{question}: {line}");
        assert!(!line.contains(TC), "nothing of the string is said: {line}");
    }
    let asked = format!(r#"{{"tc":"{WHOLE}","vendor":104,"purpose":2,"gvl":{gvl}}}"#);
    assert_eq!(
        answers(&["inspect", "tcf", "--decide", &asked], ""),
        [r#"{"allowed":true,"reason":"consent","basis":"consent"}"#]
    );
}
