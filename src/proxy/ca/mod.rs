//! The local certificate authority: created on first use, readable by its owner only. It signs certificates for the
//! names that clients ask for.

mod any_name;
mod files;

pub use files::{Kind, create, folder, read_certificate, rotate};

use super::clock::now;
use anyhow::{Context, Result, anyhow};
use chrono::{Datelike, TimeDelta, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};

/// Years for which the authority's own certificate is valid.
const AUTHORITY_YEARS: i32 = 10;
/// Days for which a server's certificate is valid. Clients accept at most 398 (CA/Browser Forum, Apple), some less.
const LEAF_DAYS: i64 = 90;
/// Days after which a cached certificate is renewed.
const LEAF_FRESH_DAYS: i64 = 30;
/// Maximum of names whose certificates are kept.
const CACHED: usize = 4096;

/// The authority, ready to sign.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    /// One key for all servers: clients check the signature, not whether servers share a key.
    leaf_key: KeyPair,
    provider: Arc<CryptoProvider>,
    made: Mutex<Made>,
}

/// Certificates by name and configurations by name and protocol. The cache is emptied when it grows too large or old.
#[derive(Default)]
struct Made {
    since_days: i64,
    configs: HashMap<(String, Option<Vec<u8>>), Arc<ServerConfig>>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// The authority of this folder; created if it does not exist.
    pub fn open(folder: &Path, provider: Arc<CryptoProvider>) -> Result<Authority> {
        let (key, certificate) = files::open(folder)?;
        let leaf_key =
            if key.algorithm() == &rcgen::PKCS_ECDSA_P256_SHA256 { Kind::Ecdsa } else { Kind::Rsa }.generate()?;
        let issuer = Issuer::new(authority_params(&key)?, key);
        Ok(Authority { issuer, certificate, leaf_key, provider, made: Mutex::default() })
    }

    /// Its own certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The configuration of a server with this name (or address) that offers the protocol `alpn`, or no ALPN if it is
    /// none.
    pub(super) fn config(&self, name: &str, alpn: Option<&[u8]>) -> Result<Arc<ServerConfig>> {
        let today = now().nanos() / 86_400_000_000_000;
        let key = (name.to_owned(), alpn.map(<[u8]>::to_vec));
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.configs.len() >= CACHED || today - made.since_days > LEAF_FRESH_DAYS {
            *made = Made { since_days: today, ..Made::default() };
        }
        if let Some(config) = made.configs.get(&key) {
            return Ok(config.clone());
        }
        let builder =
            ServerConfig::builder_with_provider(self.provider.clone()).with_safe_default_protocol_versions()?;
        let mut config = builder
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(self.sign(&[name.to_owned()])?)));
        config.alpn_protocols = alpn.map(|p| vec![p.to_vec()]).unwrap_or_default();
        let config = Arc::new(config);
        made.configs.insert(key, config.clone());
        Ok(config)
    }

    /// Signs a certificate for these names and addresses; the first is the subject's.
    fn sign(&self, names: &[String]) -> Result<CertifiedKey> {
        let mut params = CertificateParams::default();
        let name = |name: &String| match name.parse::<IpAddr>() {
            Ok(ip) => Ok(SanType::IpAddress(ip)),
            Err(_) => anyhow::Ok(SanType::DnsName(
                name.as_str().try_into().with_context(|| format!("{name:?} can't be in a certificate"))?,
            )),
        };
        params.subject_alt_names = names.iter().map(name).collect::<Result<_>>()?;
        params.distinguished_name = DistinguishedName::new();
        // A common name has at most 64 characters (RFC 5280 appendix A.1); clients look at the alternative names only.
        if let Some(name) = names.first().filter(|n| n.len() <= 64) {
            params.distinguished_name.push(DnType::CommonName, name.as_str());
        }
        let on = |(year, month, day)| rcgen::date_time_ymd(year, month, day);
        (params.not_before, params.not_after) = (on(ymd(-1)), on(ymd(LEAF_DAYS)));
        params.serial_number = Some(serial()?);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(&self.leaf_key, &self.issuer)?;
        let key = PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der()).into();
        let key = self.provider.key_provider.load_private_key(key)?;
        Ok(CertifiedKey::new(vec![leaf.der().clone(), self.certificate.clone()], key))
    }
}

/// Contents of the authority's certificate, which its signatures refer to: a function of the key alone.
fn authority_params(key: &KeyPair) -> Result<CertificateParams> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.public_key_raw());
    let short: String = digest.as_ref().iter().take(4).map(|b| format!("{b:02x}")).collect();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("sniff local CA {short}"));
    params.distinguished_name.push(DnType::OrganizationName, "sniff (made on this machine, for this user)");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let (year, month, day) = ymd(-1);
    params.not_before = rcgen::date_time_ymd(year, month, day);
    params.not_after = rcgen::date_time_ymd(year + AUTHORITY_YEARS, month, 1);
    params.serial_number = Some(serial()?);
    Ok(params)
}

fn serial() -> Result<SerialNumber> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow!("no random numbers"))?;
    bytes[0] &= 0x7f; // positive (RFC 5280 section 4.1.2.2)
    bytes[0] |= 0x40;
    Ok(SerialNumber::from(bytes.to_vec()))
}

/// Year, month and day, this many days from today.
fn ymd(offset: i64) -> (i32, u8, u8) {
    let then = Utc::now() + TimeDelta::days(offset);
    (then.year(), then.month() as u8, then.day() as u8)
}
