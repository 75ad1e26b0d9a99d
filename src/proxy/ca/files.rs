//! The authority's files: `ca-key.pem` (key and certificate, mode 0600) and `ca.pem` (the certificate, readable by
//! all) in a folder of mode 0700.
//!
//! A key is never readable by others, not even for a moment: the file is created with its mode, written under another
//! name, and renamed when it is whole. If two programs create a key at once, the second uses the key of the first.

use super::authority_params;
use anyhow::{Context, Result, anyhow, bail};
use rcgen::{KeyPair, RsaKeySize};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

const KEY: &str = "ca-key.pem";
const CERTIFICATE: &str = "ca.pem";

/// The kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// ECDSA on P-256: small and fast.
    Ecdsa,
    /// RSA of 2048 bits, for clients that know nothing else.
    Rsa,
}

impl Kind {
    pub(super) fn generate(self) -> Result<KeyPair> {
        Ok(match self {
            Kind::Ecdsa => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?,
            Kind::Rsa => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048)?,
        })
    }
}

/// The authority's folder: `sniff` under the XDG data directory. `get` reads an environment variable.
pub fn folder(get: impl Fn(&str) -> Option<std::ffi::OsString>) -> Result<PathBuf> {
    let absolute = |name: &str| get(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
    Ok(data
        .context("neither XDG_DATA_HOME nor HOME says where the certificate authority should be kept")?
        .join("sniff"))
}

/// Path of the certificate. Certificate and key are created if they do not exist.
pub fn create(folder: &Path) -> Result<PathBuf> {
    open(folder)?;
    Ok(folder.join(CERTIFICATE))
}

/// The certificate's text.
pub fn read_certificate(folder: &Path) -> Result<String> {
    let path = create(folder)?;
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Replaces the authority by a new one; returns the path of its certificate.
pub fn rotate(folder: &Path, kind: Kind) -> Result<PathBuf> {
    prepare(folder)?;
    let new = fresh(folder, kind)?;
    fs::rename(&new, folder.join(KEY)).with_context(|| format!("cannot write into {}", folder.display()))?;
    let (_, certificate) = load(&folder.join(KEY))?;
    publish(folder, &certificate)?;
    Ok(folder.join(CERTIFICATE))
}

/// Key and certificate; created if they do not exist.
pub(super) fn open(folder: &Path) -> Result<(KeyPair, CertificateDer<'static>)> {
    prepare(folder)?;
    let path = folder.join(KEY);
    if !path.exists() {
        let new = fresh(folder, Kind::Ecdsa)?;
        let placed = fs::hard_link(&new, &path);
        let _ = fs::remove_file(&new);
        match placed {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => {
                return Err(e).with_context(|| format!("cannot write {}", path.display()));
            }
            _ => {}
        }
    }
    let (key, certificate) = load(&path)?;
    publish(folder, &certificate)?;
    Ok((key, CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|e| anyhow!("{}: {e}", path.display()))?))
}

fn prepare(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mode = fs::metadata(folder).with_context(|| format!("cannot read {}", folder.display()))?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("cannot close {}", folder.display()))?;
    }
    Ok(())
}

/// Writes a new key and its certificate to a new file; returns its path.
fn fresh(folder: &Path, kind: Kind) -> Result<PathBuf> {
    let key = kind.generate()?;
    let certificate = authority_params(&key)?.self_signed(&key)?;
    let text = format!("{}{}", key.serialize_pem(), certificate.pem());
    let path = folder.join(format!(".{KEY}.{}", unique()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let write = |mut file: fs::File| file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    file.and_then(write).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The key, and the certificate's text.
fn load(path: &Path) -> Result<(KeyPair, String)> {
    let shown = path.display();
    let about = fs::metadata(path).with_context(|| format!("cannot read {shown}"))?;
    if about.mode() & 0o077 != 0 {
        bail!(
            "{shown} can be read by others (mode {:04o}): anyone who has it can impersonate every server to \
                clients that trust it. \
             Make a new one with: sniff ca rotate",
            about.mode() & 0o7777
        );
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let damaged = || format!("{shown} is damaged; make a new authority with: sniff ca rotate");
    let key = KeyPair::from_pem(&text).with_context(damaged)?;
    let at = text.find("-----BEGIN CERTIFICATE-----").with_context(damaged)?;
    Ok((key, text[at..].to_owned()))
}

/// A name that no other process uses at this moment.
fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{}.{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Writes the certificate to a file that all users may read.
fn publish(folder: &Path, certificate: &str) -> Result<()> {
    let path = folder.join(CERTIFICATE);
    if fs::read_to_string(&path).is_ok_and(|old| old == certificate) {
        return Ok(());
    }
    let new = folder.join(format!(".{CERTIFICATE}.{}", unique()));
    let written = fs::write(&new, certificate).and_then(|()| fs::rename(&new, &path));
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn keys_are_the_owners_alone() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("data/sniff");
        let certificate = create(&folder).unwrap();
        assert_eq!((mode(&folder), mode(&folder.join(KEY))), (0o700, 0o600));
        let first = fs::read_to_string(&certificate).unwrap();
        assert_eq!(read_certificate(&folder).unwrap(), first, "made once");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "nothing is left behind");
        fs::set_permissions(folder.join(KEY), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(create(&folder).unwrap_err().to_string().contains("rotate"));
        rotate(&folder, Kind::Rsa).unwrap();
        assert_eq!(mode(&folder.join(KEY)), 0o600);
        assert_ne!(read_certificate(&folder).unwrap(), first);
    }

    #[test]
    fn two_programs_at_once_make_one() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("sniff");
        let both: Vec<String> = std::thread::scope(|scope| {
            let made: Vec<_> =
                (0..2).map(|_| scope.spawn(|| open(&folder).map(|(key, _)| key.serialize_pem()).unwrap())).collect();
            made.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(both[0], both[1]);
    }

    #[test]
    fn the_folder_follows_xdg() {
        let of = |name: &'static str, value: &'static str| folder(move |n| (n == name).then(|| value.into()));
        assert_eq!(of("XDG_DATA_HOME", "/d").unwrap(), Path::new("/d/sniff"));
        assert_eq!(of("HOME", "/home/a").unwrap(), Path::new("/home/a/.local/share/sniff"));
        assert!(of("XDG_DATA_HOME", "relative").is_err());
    }
}
