//! Fields, targets and heads without their secrets.

use super::*;

#[test]
fn secrets_go_and_schemes_stay() {
    assert_eq!(value("Authorization", "Bearer sk-abc"), "Bearer [redacted, 6 bytes]");
    assert_eq!(value("x-api-key", "abc"), "[redacted, 3 bytes]");
    assert_eq!(value("X-Goog-Api-Key", "abc"), "[redacted, 3 bytes]");
    assert_eq!(value("Set-Cookie", "sid=abc; Path=/"), "sid=[redacted, 11 bytes]");
    assert_eq!(value("X-Amz-Security-Token", "abc"), "[redacted, 3 bytes]");
}

#[test]
fn ordinary_fields_stay() {
    for (n, v) in [
        ("Content-Type", "text/event-stream"),
        ("x-ratelimit-remaining-tokens", "12"),
        ("Authorization", ""),
        ("Host", "a"),
    ] {
        assert_eq!(value(n, v), v, "{n}");
    }
}

#[test]
fn targets_lose_keys_and_userinfo() {
    assert_eq!(target("/v1beta/m:stream?alt=sse&key=AIza12"), "/v1beta/m:stream?alt=sse&key=[redacted]");
    assert_eq!(target("http://u:p@h/x"), "http://[redacted]@h/x");
    assert_eq!(target("/v1/x?a=b&c"), "/v1/x?a=b&c");
    assert_eq!(
        target("/v1/x?api_key=ab&code=200&token=z&password="),
        "/v1/x?api_key=[redacted]&code=200&token=[redacted]&password="
    );
    assert_eq!(target("/p@th?x-amz-signature=ff00ff"), "/p@th?x-amz-signature=[redacted]");
    for name in ["Location", "Referer", ":path", "Content-Location"] {
        assert_eq!(value(name, "/a?token=xyzxyz"), "/a?token=[redacted]", "{name}");
        assert_eq!(value(&name.to_uppercase(), "https://me:pw@h/"), "https://[redacted]@h/", "{name}");
    }
    assert_eq!(value("Link", "</a?token=xyzxyz>; rel=next"), "</a?token=[redacted]>; rel=next");
    assert_eq!(value("X-Note", "a?token=xyzxyz"), "a?token=xyzxyz");
}

#[test]
fn every_name_that_gives_a_secret_away() {
    let whole = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-amz-security-token",
        "x-goog-iam-authorization-token",
    ];
    let parts = [
        "x-api-key",
        "API_KEY",
        "x-apikey-1",
        "aws-access-key-id",
        "access_key",
        "client-secret",
        "My-Password",
        "passwd",
    ];
    let more =
        ["x-auth-token", "x-authtoken-b", "x-credentials", "x-amz-signature", "token", "csrf_token", "x-vault-token"];
    for name in whole.iter().chain(&parts).chain(&more) {
        assert!(table::is_field(name) && table::is_field(&name.to_uppercase()), "{name}");
        assert_eq!(target(&format!("/x?{name}=1&a=b")), format!("/x?{name}=[redacted]&a=b"), "{name}: a short one too");
    }
    for name in ["key", "access_token", "id_token", "refresh_token", "auth", "sig", "code", "session", "sessionid"] {
        let by_word = name.ends_with("token");
        assert_eq!(table::is_field(name), by_word, "{name}: as a field");
        let told = |value: &str| target(&format!("/x?{name}={value}")).contains("[redacted]");
        assert_eq!((told("12345"), told("123456"), told("")), (by_word, true, false), "{name}: as a parameter");
    }
    for name in ["accept", "x-request-id", "tokens", "x-ratelimit-tokens", "keys", "max_tokens", "host"] {
        assert!(!is_secret_parameter(name), "{name}");
    }
}

#[test]
fn what_stands_around_a_secret_stays() {
    assert_eq!(value("Authorization", "sk-abc"), "[redacted, 6 bytes]");
    assert_eq!(value("Proxy-Authorization", "Basic dTpw"), "Basic [redacted, 4 bytes]");
    assert_eq!(value("Cookie", "abc"), "[redacted, 3 bytes]");
    assert_eq!(value("Cookie", "sid=abc"), "sid=[redacted, 3 bytes]");
    assert_eq!(value("x-api-key", "a=b c"), "[redacted, 5 bytes]");
    assert_eq!(value("x-api-key", "[redacted, 5 bytes]"), "[redacted, 5 bytes]");
    assert_eq!(value("Authorization", "Bearer [redacted, 5 bytes]"), "Bearer [redacted, 5 bytes]");
    assert_eq!(target("https://u:p@ss@h/a@b?c=d@e"), "https://[redacted]@h/a@b?c=d@e");
    assert_eq!(target("https://h/a?u=http://x:y@z/"), "https://h/a?u=http://x:y@z/");
    assert_eq!(target("/x?token=[redacted]&b=1"), "/x?token=[redacted]&b=1");
}

#[test]
fn equal_secrets_have_equal_marks_under_one_salt() {
    let (one, other) = (Redactor::salted(vec![1; 16]), Redactor::salted(vec![2; 16]));
    let a = one.value("Authorization", "Bearer sk-abc").into_owned();
    // printf '\0\0\0\0\0\0\0\20'; 16 bytes of 1; sk-abc | sha256sum
    assert!(a.starts_with("Bearer [redacted, 6 bytes, ") && !a.contains("sk-abc"), "{a}");
    assert_eq!(one.value("authorization", "Bearer sk-abc"), a);
    assert_ne!(one.value("Authorization", "Bearer sk-abd"), a);
    assert_ne!(other.value("Authorization", "Bearer sk-abc"), a);
    assert_eq!(other.value("Authorization", &a), a, "a placeholder stays");
    let target = one.target("/v1?key=k12345&alt=sse").into_owned();
    assert!(!target.contains(' ') && !target.contains("k1234") && target.ends_with("&alt=sse"), "{target}");
    assert_eq!(target_of(&other, &target), target);
}

fn target_of(redactor: &Redactor, target: &str) -> String {
    redactor.target(target).into_owned()
}

#[test]
fn heads_keep_every_other_byte() {
    let raw = b"GET /v1?key=abcdef HTTP/1.1\r\nHost:  h \r\nx-API-key:\tk1\r\nX-Odd: \xff\r\nAuthorization: Bearer \
            a\r\n b c\r\nZ: 1\r\n\r\n";
    let wanted = b"GET /v1?key=[redacted] HTTP/1.1\r\nHost:  h \r\nx-API-key:\t[redacted, 2 bytes]\r\nX-Odd: \
        \xff\r\nAuthorization: Bearer [redacted, 1 bytes]\r\nZ: 1\r\n\r\n";
    let have = Redactor::default().head(raw).into_owned();
    assert_eq!(String::from_utf8_lossy(&have), String::from_utf8_lossy(wanted));
    let plain = b"HTTP/1.1 200 OK\r\nServer: x: y\r\n\r\n";
    assert!(matches!(Redactor::default().head(plain), Cow::Borrowed(_)));
    let h2 = b":method: GET\r\n:path: /v1?key=abcdef\r\nx-goog-api-key: z\r\n\r\n";
    let have = Redactor::default().head(h2).into_owned();
    assert_eq!(
        String::from_utf8_lossy(&have),
        ":method: GET\r\n:path: /v1?key=[redacted]\r\nx-goog-api-key: [redacted, 1 bytes]\r\n\r\n"
    );
}

#[test]
fn names_of_parameters_are_compared_without_case() {
    for name in ["key", "token", "access_token", "id_token", "refresh_token", "auth", "sig", "code", "session"] {
        for name in [name.to_uppercase(), name[..1].to_uppercase() + &name[1..]] {
            assert_eq!(target(&format!("/x?{name}=abcdef&a=b")), format!("/x?{name}=[redacted]&a=b"));
        }
    }
}

#[test]
fn lines_of_a_head_in_each_form() {
    let folded = "A: 1\r\nAuthorization: Bearer a\r\n\tb\r\n c\r\nX: 1\r\n\t2\r\n\r\n";
    for (raw, wanted) in [
        (folded, "A: 1\r\nAuthorization: Bearer [redacted, 1 bytes]\r\nX: 1\r\n\t2\r\n\r\n"),
        ("x-api-key:abc\r\n\r\n", "x-api-key:[redacted, 3 bytes]\r\n\r\n"),
        ("x-api-key: \t abc\r\n\r\n", "x-api-key: \t [redacted, 3 bytes]\r\n\r\n"),
        ("GET /a b?key=abcdef HTTP/1.1\r\n\r\n", "GET /a b?key=[redacted] HTTP/1.1\r\n\r\n"),
        ("GET http://u:p@h/x HTTP/1.1\r\n\r\n", "GET http://[redacted]@h/x HTTP/1.1\r\n\r\n"),
        ("GET /x?token=a:b HTTP/1.1\r\n\r\n", "GET /x?token=[redacted] HTTP/1.1\r\n\r\n"),
        ("HTTP/1.1 200 token: abc\r\n\r\n", "HTTP/1.1 200 token: abc\r\n\r\n"),
    ] {
        assert_eq!(String::from_utf8_lossy(&Redactor::default().head(raw.as_bytes())), wanted);
    }
}

#[test]
fn only_a_whole_placeholder_stays() {
    for secret in ["[redacted-but-a-key", "redacted]", "[redacte]", "x[redacted]"] {
        assert_eq!(value("x-api-key", secret), format!("[redacted, {} bytes]", secret.len()));
    }
    assert_eq!(value("x-api-key", "[redacted]"), "[redacted]");
    let marked = Redactor::salted(vec![1]).value("x-api-key", "abc").into_owned();
    let digits = marked.strip_prefix("[redacted, 3 bytes, ").and_then(|m| m.strip_suffix(']')).unwrap_or_default();
    assert!(digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{marked}");
}
