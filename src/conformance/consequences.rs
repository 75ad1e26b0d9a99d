//! What follows from what. One fault often breaks several rules; the advice of the others would mend a symptom. So a
//! finding that follows from another one has its own message, and the advice to mend the cause.

use super::{Finding, Level};

/// A cause, and the rules that break because of it.
pub(super) struct Root {
    /// Code of the cause's rule.
    pub(super) cause: &'static str,
    /// The advice of the consequences.
    fix: &'static str,
    /// Codes of the rules that it breaks too.
    pub(super) breaks: &'static [&'static str],
}

macro_rules! root {
    ($cause:literal => $($breaks:literal),+) => {
        Root {
            cause: $cause,
            fix: concat!("It follows from ", $cause, ": mend that first."),
            breaks: &[$($breaks),+],
        }
    };
}

/// Causes, the deepest layer first: of several causes of a finding the first one is named.
pub(super) const ROOTS: &[Root] = &[
    root!("HTTP-024" => "HTTP-001", "HTTP-002", "HTTP-014", "JSON-001", "OAI-CHAT-001", "DLV-010"),
    root!("HTTP-009" => "HTTP-006", "OAI-CHAT-001", "DLV-010"),
    root!("HTTP-025" => "SSE-001", "HTTP-027", "JSON-001", "OAI-CHAT-001", "DLV-010"),
    root!("DLV-006" => "HTTP-006", "HTTP-007", "HTTP-015", "SSE-001", "OAI-CHAT-001", "DLV-005", "DLV-010"),
    root!("DLV-016" => "HTTP-006", "HTTP-007", "HTTP-015", "SSE-001", "OAI-CHAT-001", "DLV-010"),
    root!("HTTP-007" => "HTTP-021", "JSON-001", "DLV-009", "DLV-010"),
    root!("SSE-027" => "SSE-005", "SSE-013", "OAI-CHAT-001", "OAI-CHAT-005", "ANT-001", "DLV-010"),
    root!("HTTP-019" => "HTTP-002", "HTTP-017", "OAI-CHAT-001", "DLV-010"),
    root!("GRPC-001" => "DLV-010"),
    root!("JSON-001" => "DLV-010"),
];

/// Findings that follow from another one of them get the advice to mend that one.
pub(super) fn point_to_causes(findings: &mut [Finding]) {
    let grave = |code: &str| findings.iter().any(|f| f.rule == code && f.level >= Some(Level::Warning));
    let here: Vec<&Root> = ROOTS.iter().filter(|root| grave(root.cause)).collect();
    for finding in findings {
        if let Some(root) = here.iter().find(|root| root.breaks.contains(&finding.rule)) {
            finding.fix = Some(root.fix);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::conformance::{RULES, by_code, sample};

    #[test]
    fn causes_and_consequences_are_rules_and_none_is_its_own_cause() {
        for (n, root) in ROOTS.iter().enumerate() {
            for code in root.breaks.iter().chain([&root.cause]) {
                assert!(by_code(code).is_some_and(|rule| rule.code == *code), "{code}");
            }
            let later = ROOTS[n..].iter().filter(|other| other.breaks.contains(&root.cause));
            assert_eq!(later.count(), 0, "{} follows from itself, or from a cause of a higher layer", root.cause);
        }
    }

    #[test]
    fn each_cause_has_a_sample_with_a_consequence() {
        let samples: Vec<_> =
            RULES.iter().flat_map(|rule| rule.bad).map(|text| sample::findings(text).unwrap()).collect();
        let shows = |root: &Root, found: &Vec<Finding>| {
            found.iter().any(|f| f.rule == root.cause)
                && found.iter().any(|f| root.breaks.contains(&f.rule) && f.fix == Some(root.fix))
        };
        let unseen = ROOTS.iter().filter(|root| !samples.iter().any(|found| shows(root, found)));
        assert_eq!(unseen.map(|root| root.cause).collect::<Vec<_>>(), [""; 0], "no sample has a consequence of these");
    }

    #[test]
    fn the_cause_keeps_its_own_advice() {
        let found = sample::findings("chat; send data: data: $role\\n\\n\n last").unwrap();
        let fix = |code| found.iter().find(|f| f.rule == code).unwrap().fix;
        assert_eq!(fix("SSE-027"), None);
        assert_eq!(fix("OAI-CHAT-001"), Some("It follows from SSE-027: mend that first."));
        assert_eq!(fix("DLV-010"), fix("OAI-CHAT-001"));
    }
}
