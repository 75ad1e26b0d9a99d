//! Secrets at every known place, and values that look like secrets but are not.

use super::*;

fn masked(text: &str, size: usize) -> String {
    let (mut mask, mut out) = (TextMask::default(), Vec::new());
    for part in text.as_bytes().chunks(size) {
        let mut part = part.to_vec();
        mask.apply(&mut part, &Redactor::default(), &mut Vec::new());
        out.extend(part);
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn members_with_such_names_are_overwritten_in_place() {
    let sent = r#"{"model":"m","tools":[{"type":"mcp","headers":{"Authorization":"Bearer sk-0123456789abcdef"},"authorization_token":"tok-0123456789"}],"messages":[{"content":"my \"api_key\": \"stays, it is text\""}],"eos_token":"</s></s></s>","api_key" : "a\"b0123456789","password":{"type":"string"}}"#;
    let have = masked(sent, usize::MAX);
    let wanted = r#"{"model":"m","tools":[{"type":"mcp","headers":{"Authorization":"Bearer [redacted]*********"},"authorization_token":"[redacted]****"}],"messages":[{"content":"my \"api_key\": \"stays, it is text\""}],"eos_token":"</s></s></s>","api_key" : "[redacted]****","password":{"type":"string"}}"#;
    assert_eq!(have, wanted);
    for size in [1, 3, 16] {
        let cut = masked(sent, size);
        assert_eq!(cut.len(), sent.len());
        for secret in ["0123456789abcdef", "tok-", "b0123"] {
            assert!(!cut.contains(secret), "pieces of {size}: {cut}");
        }
        assert!(cut.contains("stays, it is text") && cut.contains("</s></s></s>"), "pieces of {size}: {cut}");
    }
}

#[test]
fn forms_too() {
    let sent = "grant_type=refresh_token&refresh_token=0123456789abc&client_id=me&client_secret=s3cr3t-s3cr3t";
    let wanted = "grant_type=refresh_token&refresh_token=[redacted]***&client_id=me&client_secret=[redacted]***";
    let have = masked(sent, usize::MAX);
    // The last secret may continue in a delivery that never came: it is reported without a mark.
    assert_eq!(have[..have.len() - 13], wanted[..wanted.len() - 13]);
    assert!(have.ends_with("client_secret=*************"), "{have}");
}

#[test]
fn other_bodies_are_left_alone() {
    let long = format!("{}=0123456789", "password".repeat(9));
    for sent in [
        "\u{1}\u{2}api_key=0123456789",
        "plain text with api_key: \"0123456789\"",
        "--boundary\r\npassword=0123456789",
        "-\npassword=0123456789",
        &long,
    ] {
        assert_eq!(masked(sent, usize::MAX), sent);
    }
}

#[test]
fn short_ones_are_secrets_too() {
    assert_eq!(
        masked(r#"{"password":"abc","api_key":"","secret":"x"}"#, usize::MAX),
        r#"{"password":"***","api_key":"","secret":"*"}"#
    );
    assert_eq!(masked("client_secret=ab&x=cd", usize::MAX), "client_secret=**&x=cd");
}

#[test]
fn fields_of_multipart_bodies() {
    let part = |name: &str, more: &str, value: &str| {
        format!("--x7\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
    };
    let file = "; filename=\"password.txt\"\r\nContent-Type: text/plain";
    let sent = [
        part("model", "", "whisper-1"),
        part("api_key", "", "line one\r\n--x6 two"),
        part("file", file, "a\r\n-- stays"),
        part("Client-Secret", "", "s3"),
        "--x7--\r\n".into(),
    ]
    .concat();
    let wanted = [
        part("model", "", "whisper-1"),
        part("api_key", "", "[redacted]********"),
        part("file", file, "a\r\n-- stays"),
        part("Client-Secret", "", "**"),
        "--x7--\r\n".into(),
    ]
    .concat();
    assert_eq!(masked(&sent, usize::MAX), wanted);
    for size in [1, 2, 3, 5, 16] {
        let cut = masked(&sent, size);
        assert_eq!(cut.len(), sent.len());
        assert!(["line", "one", "two", "s3"].iter().all(|word| !cut.contains(word)), "pieces of {size}: {cut}");
        assert!(
            cut.contains("whisper-1") && cut.contains("a\r\n-- stays\r\n--x7") && cut.ends_with("\r\n--x7--\r\n"),
            "pieces of {size}: {cut}"
        );
    }
}

#[test]
fn members_that_hold_a_secret_deeper_inside() {
    let sent = r#"{"id":"sess_1","client_secret":{"value":"abcdefghijkl","expires_at":1,"note":"stays"},"value":"stays","secrets":["one","two",{"a":"stays"}],"last":"stays"}"#;
    let wanted = r#"{"id":"sess_1","client_secret":{"value":"[redacted]**","expires_at":1,"note":"stays"},"value":"stays","secrets":["***","***",{"a":"stays"}],"last":"stays"}"#;
    assert_eq!(masked(sent, usize::MAX), wanted);
}

#[test]
fn strings_that_begin_as_keys_do() {
    let sent =
        r#"{"value":"ek_0123456789abcdef","a":["b","c"],"text":"sk-learn is a library","k":"AIzaSy0123456789ab"}"#;
    let wanted =
        r#"{"value":"ek_[redacted]******","a":["b","c"],"text":"sk-learn is a library","k":"AIzaSy[redacted]**"}"#;
    assert_eq!(masked(sent, usize::MAX), wanted);
    for size in [1, 2, 3, 4, 7] {
        assert!(!masked(sent, size).contains("cdef"), "pieces of {size}");
    }
}

/// What is found in these deliveries, with the text that is left.
fn found(deliveries: &[&str]) -> (String, Vec<String>) {
    let (mut mask, mut out, mut found) = (TextMask::default(), Vec::new(), Vec::new());
    for delivery in deliveries {
        let mut bytes = delivery.as_bytes().to_vec();
        mask.apply(&mut bytes, &Redactor::default(), &mut found);
        out.extend(bytes);
    }
    mask.finish(&mut found);
    (String::from_utf8_lossy(&out).into_owned(), found)
}

#[test]
fn every_prefix_that_only_keys_have() {
    for begin in ["ek_", "sk-proj-", "sk-ant-", "sk-or-", "sk-svcacct-", "gsk_", "ghp_", "github_pat_", "AIzaSy"] {
        let sent = format!(r#"{{"k":"{begin}0123456789ab"}}"#);
        assert_eq!(masked(&sent, usize::MAX), format!(r#"{{"k":"{begin}[redacted]**"}}"#));
        let sent = format!(r#"{{"k":"x{begin}0123456789ab","{begin}0123456789ab":1}}"#);
        assert_eq!(masked(&sent, usize::MAX), sent, "only at the beginning of a value");
    }
}

#[test]
fn every_name_of_a_member_that_gives_a_secret_away() {
    let parts = ["apikey", "api_key", "x-api-key-2", "access_key", "access-key-id", "client_secret", "mypassword"];
    let more = ["passwd", "credentials", "my_access_token", "x-refresh-token", "id_token", "x_auth_token"];
    let ends = ["session_token", "bearer_token", "authorization_token", "proxy-authorization", "Authorization"];
    let whole = ["cookie", "jwt", "private_key", "client_assertion", "assertion"];
    for name in parts.iter().chain(&more).chain(&ends).chain(&whole) {
        for name in [(*name).to_owned(), name.to_uppercase()] {
            let sent = format!(r#"{{"{name}":"abc","b":"stays"}}"#);
            assert_eq!(masked(&sent, usize::MAX), format!(r#"{{"{name}":"***","b":"stays"}}"#));
            assert_eq!(masked(&format!("a=1&{name}=abc&b=stays"), usize::MAX), format!("a=1&{name}=***&b=stays"));
        }
    }
    for name in ["access_token_type", "token", "eos_token", "cookies", "jwt_alg", "a_cookie", "keys", "tokens"] {
        let sent = format!(r#"{{"{name}":"abc"}}"#);
        assert_eq!(masked(&sent, usize::MAX), sent);
    }
}

#[test]
fn the_scheme_of_a_credential_stays() {
    for (value, kept) in [
        ("Bearer 0123456789ab", "Bearer [redacted]**"),
        ("Basic 0123456789ab", "Basic [redacted]**"),
        ("Other 0123456789", "[redacted]******"),
        ("Bearer ", "Bearer "),
    ] {
        let sent = format!(r#"{{"authorization":"{value}"}}"#);
        let (text, found) = found(&[&sent]);
        assert_eq!(text, format!(r#"{{"authorization":"{kept}"}}"#));
        let secret = value.strip_prefix("Bearer ").or(value.strip_prefix("Basic ")).unwrap_or(value);
        assert_eq!(found, [secret]);
    }
}

#[test]
fn names_of_form_fields_have_signs_and_may_lack_a_value() {
    for (sent, wanted) in [
        ("a&password=abc&b=1", "a&password=***&b=1"),
        ("a&&password=abc&b", "a&&password=***&b"),
        ("a=1&password&api_key=abc&b=1", "a=1&password&api_key=***&b=1"),
        ("user[password]=abc&b=1", "user[password]=***&b=1"),
        ("a+b=1&my+password=abc&b=1", "a+b=1&my+password=***&b=1"),
        ("x.y=1&my.password=abc&b=1", "x.y=1&my.password=***&b=1"),
        ("x-y_z=1&%70password=abc&b=1", "x-y_z=1&%70password=***&b=1"),
        ("password=abc=d&b=1", "password=*****&b=1"),
    ] {
        assert_eq!(masked(sent, usize::MAX), wanted);
        assert_eq!(masked(sent, 1), wanted, "byte by byte");
    }
}

#[test]
fn a_field_stays_secret_after_more_lines_of_its_head() {
    let part = |lines: &str, value: &str| format!("--x7\r\n{lines}\r\n\r\n{value}\r\n");
    let name = "Content-Disposition: form-data; name=\"password\"";
    let kind = "Content-Type: text/plain";
    let other = "Content-Disposition: form-data; name=\"model\"";
    for (lines, hidden) in [
        (name.to_owned(), true),
        (format!("{name}\r\n{kind}"), true),
        (format!("{kind}\r\n{name}"), true),
        (format!("{kind}\r\n{name}\r\n{kind}"), true),
        (format!("{other}\r\n{kind}"), false),
    ] {
        let sent = [part(&lines, "abc"), part(other, "stays"), "--x7--\r\n".into()].concat();
        let shown = if hidden { "***" } else { "abc" };
        let wanted = [part(&lines, shown), part(other, "stays"), "--x7--\r\n".into()].concat();
        assert_eq!(masked(&sent, usize::MAX), wanted, "{lines}");
    }
}

#[test]
fn a_value_in_several_deliveries_is_blank_in_each_and_found_as_one() {
    for (deliveries, left) in [
        (&[r#"{"api_key":"0123"#, r#"456789abcdef","b":1}"#][..], r#"{"api_key":"****************","b":1}"#),
        (&[r#"{"api_key":""#, r#"0123456789abcdef"}"#], r#"{"api_key":"****************"}"#),
        (&[r#"{"api_key":"0123456789abcdef"#, r#""}"#], r#"{"api_key":"****************"}"#),
        (&["api_key=0123", "456789abc", "def&b=1"], "api_key=****************&b=1"),
        (&["api_key=0123456789abcd", "ef"], "api_key=****************"),
    ] {
        let (text, found) = found(deliveries);
        assert_eq!((text.as_str(), found), (left, vec!["0123456789abcdef".to_owned()]));
    }
    // A placeholder stays, unless a part of a secret only begins like one.
    for (deliveries, left) in [
        (&[r#"{"api_key":"[redacted]"}"#][..], r#"{"api_key":"[redacted]"}"#),
        (&[r#"{"api_key":"[redacted, but a ke"#, r#"y"}"#], r#"{"api_key":"********************"}"#),
        (&[r#"{"api_key":"0123"#, r#"[redacted no"}"#], r#"{"api_key":"****************"}"#),
    ] {
        assert_eq!(found(deliveries).0, left);
    }
}

#[test]
fn an_object_of_a_secret_ends_with_its_own_brace() {
    let sent = r#"{"client_secret":{"a":{"b":1},"c":[{}],"value":"abc"},"value":"stays"}"#;
    assert_eq!(masked(sent, usize::MAX), sent.replace("abc", "***"));
    let sent = r#"{"secrets":[{"a":"stays"},["stays"],"abc"],"b":["stays"]}"#;
    assert_eq!(masked(sent, usize::MAX), sent.replace("abc", "***"));
    assert_eq!(masked(r#" [{"password":"abc"}]"#, usize::MAX), r#" [{"password":"***"}]"#);
}

#[test]
fn boundaries_and_names_in_each_form() {
    let body = |boundary: &str, name: &str, value: &str| {
        let part = "Content-Disposition: form-data; name=";
        format!(
            "--{boundary}\r\n{part}{name}\r\n\r\n{value}\r\n--{boundary}\r\n{part}model\r\n\r\nstays\r\n--{boundary}--\r\n"
        )
    };
    // RFC 2046 section 5.1.1: up to 70 characters.
    for boundary in ["b", "-----------------------------97671", &"b".repeat(70)] {
        for name in ["access_token", "\"access_token\"", "\"cookie\"", "jwt; filename=\"a\""] {
            for (value, hidden) in [("abc", "***"), ("abc\r", "****"), ("\r\n--", "****"), ("a\r\n\r\n", "*****")] {
                let sent = body(boundary, name, value);
                assert_eq!(masked(&sent, usize::MAX), body(boundary, name, hidden), "{boundary} {name} {value:?}");
            }
        }
    }
    let long = body(&"b".repeat(80), "password", "abc");
    assert_eq!(masked(&long, usize::MAX), long, "no boundary is so long");
}
