//! Verdicts as short JSON, to be kept: clients that fare alike stand together, by their number in the catalogue. It is
//! read by the version of the models that wrote it, and by no other.

use super::{Client, Outcome, Verdict, catalogue};
use serde::{Deserialize, Serialize};

/// The version of the models: it changes with the program's version and with each change of their sources.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "-", env!("SNIFF_CLIENT_MODELS"));

/// What is kept of an exchange.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Packed<'p> {
    /// Why no model could judge.
    Unfit(String),
    /// Outcome, reason, and the clients by their number in the catalogue, from 0.
    #[serde(borrow)]
    Clients(Vec<(&'p str, String, Vec<usize>)>),
}

/// The verdicts of an exchange, or why no model could judge it.
pub fn pack(judged: Result<&[Verdict], &str>) -> String {
    let packed = match judged {
        Err(why) => Packed::Unfit(why.to_owned()),
        Ok(verdicts) => {
            let mut groups: Vec<(&str, String, Vec<usize>)> = Vec::new();
            let mut models = catalogue().enumerate();
            for v in verdicts {
                // Verdicts come in the order of the catalogue.
                let is_its = |c: &Client| c.name == v.client && c.title == v.name && c.evidence.text() == v.evidence;
                let Some((n, _)) = models.find(|(_, c)| is_its(c)) else { continue };
                match groups.iter_mut().find(|(outcome, why, _)| *outcome == v.outcome.as_str() && *why == v.why) {
                    Some((_, _, clients)) => clients.push(n),
                    None => groups.push((v.outcome.as_str(), v.why.clone(), vec![n])),
                }
            }
            Packed::Clients(groups)
        }
    };
    // Texts and numbers are always JSON.
    serde_json::to_string(&packed).unwrap_or_default()
}

/// What was packed, without the texts that the applications have; none if it is not what [`pack`] writes.
pub fn unpack(packed: &str) -> Option<Result<Vec<Verdict>, String>> {
    let groups = match serde_json::from_str(packed).ok()? {
        Packed::Unfit(why) => return Some(Err(why)),
        Packed::Clients(groups) => groups,
    };
    let mut verdicts: Vec<(usize, Verdict)> = Vec::new();
    let all: Vec<&'static Client> = catalogue().collect();
    for (outcome, why, clients) in groups {
        let outcome = Outcome::ALL.into_iter().find(|o| o.as_str() == outcome)?;
        for n in clients {
            verdicts.push((n, all.get(n)?.says(outcome, why.clone(), None)));
        }
    }
    verdicts.sort_by_key(|(n, _)| *n);
    Some(Ok(verdicts.into_iter().map(|(_, v)| v).collect()))
}
