//! Passwords among the arguments: other users of the machine can read those of every process (proc(5), `cmdline`).

/// Overwrites the value of this option in what the system shows of this process's arguments, both as `--NAME VALUE` and
/// as `--NAME=VALUE`. What the program has read of them stays as it is. Best effort: systems but Linux, and those
/// without `/proc`, go on showing it.
#[cfg(target_os = "linux")]
pub(in crate::cli) fn hide(name: &str) {
    let Some((start, end)) = std::fs::read_to_string("/proc/self/stat").ok().and_then(|stat| range(&stat)) else {
        return;
    };
    let Ok(shown) = std::fs::read("/proc/self/cmdline") else { return };
    if shown.len() != end - start {
        return;
    }
    for (from, to) in values(&shown, name) {
        for at in from..to {
            // SAFETY: the kernel says that the arguments are at `start..end` of this process's stack, whose pages are
            // writable and stay until it ends; `at` is below their length. Rust has its own copies of them, and no
            // other thread of this program reads these.
            unsafe { ((start + at) as *mut u8).write_volatile(b'x') };
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(in crate::cli) fn hide(_: &str) {}

/// First address of the arguments and the one after the last: fields 48 and 49 of `/proc/self/stat` (proc(5)).
fn range(stat: &str) -> Option<(usize, usize)> {
    // The second field, the program's name in brackets, may hold spaces and brackets.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let (start, end) = (fields.get(45)?.parse().ok()?, fields.get(46)?.parse().ok()?);
    (start > 0 && end > start).then_some((start, end))
}

/// Where the values of the option are in arguments that each end in a zero byte: first position and the one after the
/// last.
fn values(arguments: &[u8], name: &str) -> Vec<(usize, usize)> {
    let (mut found, mut at, mut next) = (Vec::new(), 0, false);
    for argument in arguments.split(|&b| b == 0) {
        let joined = argument.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
        match joined {
            _ if next => found.push((at, at + argument.len())),
            Some(value) => found.push((at + argument.len() - value.len(), at + argument.len())),
            None => {}
        }
        // After `--` stand the words of another program.
        if argument == b"--" && !next {
            break;
        }
        next = !next && argument == name.as_bytes();
        at += argument.len() + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_an_option() {
        for (arguments, wanted) in [
            ("sniff\0proxy\0--auth\0me:secret\0--quiet\0", vec!["me:secret"]),
            ("sniff\0proxy\0--auth=me:secret\0", vec!["me:secret"]),
            ("sniff\0run\0--auth=a:b\0--\0curl\0--auth\0c:d\0", vec!["a:b"]),
            ("sniff\0proxy\0--auth\0", vec![""]),
            ("sniff\0proxy\0--authority\0x\0", vec![]),
        ] {
            let text = |(from, to): (usize, usize)| &arguments[from..to];
            assert_eq!(values(arguments.as_bytes(), "--auth").into_iter().map(text).collect::<Vec<_>>(), wanted);
        }
    }

    #[test]
    fn the_fields_of_a_process_with_an_odd_name() {
        let stat = format!("1 (a) b (c)) R {}", (4..=52).map(|n| n.to_string()).collect::<Vec<_>>().join(" "));
        assert_eq!(range(&stat), Some((48, 49)));
        assert_eq!(range("1 (a) R 0"), None);
    }
}
