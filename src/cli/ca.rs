//! `sniff ca`: the proxy's certificate authority.

use super::common::{Common, say};
use super::output::{Output, unless_closed};
use crate::proxy::ca::{self, Kind};
use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};

/// Manage the proxy's certificate authority
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  curl --proxy http://127.0.0.1:8080 --cacert $(sniff ca path) https://example.com
  sniff ca install-help
  sniff ca rotate --key rsa

The authority is made on first use and kept in $XDG_DATA_HOME/sniff (~/.local/share/sniff). Its key never leaves that folder, which only you can
read. sniff never touches the system's trust store: whether and where to install the certificate is yours to decide.")]
pub(super) struct CaArgs {
    #[command(subcommand)]
    command: CaCommand,
}

#[derive(Debug, Subcommand)]
enum CaCommand {
    /// Print the path of the certificate
    Path,
    /// Print the certificate (PEM)
    Export,
    /// Print how clients and systems come to trust it
    InstallHelp,
    /// Make a new authority in place of the old one
    Rotate {
        /// Kind of key
        #[arg(long, value_enum, default_value = "ecdsa", value_name = "KIND")]
        key: Key,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Key {
    /// P-256: small and fast
    Ecdsa,
    /// 2048 bits, for clients that do not support ECDSA
    Rsa,
}

pub(super) fn run(args: &CaArgs, common: &Common) -> Result<u8> {
    let folder = ca::folder(|name| std::env::var_os(name))?;
    let mut out = Output::open(common)?;
    let text = match &args.command {
        CaCommand::Path => format!("{}\n", ca::create(&folder)?.display()),
        CaCommand::Export => ca::read_certificate(&folder)?,
        CaCommand::InstallHelp => help(&ca::create(&folder)?.display().to_string()),
        CaCommand::Rotate { key } => {
            let kind = if *key == Key::Rsa { Kind::Rsa } else { Kind::Ecdsa };
            let path = ca::rotate(&folder, kind)?;
            if !common.quiet {
                say("sniff: made a new authority; clients that trust the old one must trust it instead, and running \
                        proxies use the old one until they stop");
            }
            format!("{}\n", path.display())
        }
    };
    unless_closed(out.text(&text).and_then(|()| out.finish()))?;
    Ok(0)
}

fn help(path: &str) -> String {
    HELP.replace("{ca}", path)
}

/// `{ca}` is replaced by the path of the certificate.
const HELP: &str = "\
Nothing needs to be installed for `sniff run -- COMMAND`: it sets environment variables for the command.
A client that trusts this authority trusts everything that its key signs. Prefer one client to the whole system, and undo it afterwards.

One client
  curl                     curl --cacert {ca} …            or CURL_CA_BUNDLE={ca}
  Python requests, OpenAI  SSL_CERT_FILE={ca} (httpx: openai, anthropic)   REQUESTS_CA_BUNDLE={ca} (requests)
  Node.js                  NODE_EXTRA_CA_CERTS={ca}        proxy from the environment: NODE_USE_ENV_PROXY=1 (22.21, 24 and newer)
  Deno                     DENO_CERT={ca}
  Go, Ruby, OpenSSL        SSL_CERT_FILE={ca}
  Git                      git -c http.sslCAInfo={ca} …
  AWS CLI and SDKs         AWS_CA_BUNDLE={ca}
  Java                     keytool -importcert -noprompt -alias sniff -file {ca} -keystore trust.jks -storepass changeit
                           java -Djavax.net.ssl.trustStore=trust.jks -Djavax.net.ssl.trustStorePassword=changeit …
  Firefox                  Settings, Privacy & Security, Certificates, View Certificates, Authorities, Import
  Chromium on Linux        certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n sniff -i {ca}   (undo: certutil -d sql:$HOME/.pki/nssdb -D -n sniff)

The whole system
  Debian, Ubuntu           sudo cp {ca} /usr/local/share/ca-certificates/sniff.crt && sudo update-ca-certificates
                           undo: sudo rm /usr/local/share/ca-certificates/sniff.crt && sudo update-ca-certificates --fresh
  Fedora, RHEL             sudo cp {ca} /etc/pki/ca-trust/source/anchors/sniff.pem && sudo update-ca-trust
  Arch                     sudo trust anchor {ca}          undo: sudo trust anchor --remove {ca}
  Alpine                   sudo cp {ca} /usr/local/share/ca-certificates/sniff.crt && sudo update-ca-certificates
  macOS                    sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {ca}
  Windows                  certutil -addstore -user Root {ca}

Clients that pin a certificate do not accept this authority: sniff proxy --passthrough HOST
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn install_help_is_ready_to_paste() {
        let text = help("/h/CA/ca.pem");
        let line = |begin: &str| {
            text.lines().find(|l| l.trim_start().starts_with(begin)).unwrap_or_default().trim().to_owned()
        };
        for (begin, words) in [
            ("curl ", "curl --cacert /h/CA/ca.pem …            or CURL_CA_BUNDLE=/h/CA/ca.pem"),
            (
                "Python ",
                "SSL_CERT_FILE=/h/CA/ca.pem (httpx: openai, anthropic)   REQUESTS_CA_BUNDLE=/h/CA/ca.pem (requests)",
            ),
            ("Node.js ", "NODE_EXTRA_CA_CERTS=/h/CA/ca.pem "),
            ("Deno ", "DENO_CERT=/h/CA/ca.pem"),
            ("Go, ", "SSL_CERT_FILE=/h/CA/ca.pem"),
            ("Git ", "git -c http.sslCAInfo=/h/CA/ca.pem …"),
            ("AWS ", "AWS_CA_BUNDLE=/h/CA/ca.pem"),
            (
                "Java ",
                "keytool -importcert -noprompt -alias sniff -file /h/CA/ca.pem -keystore trust.jks -storepass changeit",
            ),
            ("Chromium ", "certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n sniff -i /h/CA/ca.pem "),
            (
                "Debian",
                "sudo cp /h/CA/ca.pem /usr/local/share/ca-certificates/sniff.crt && sudo update-ca-certificates",
            ),
            ("Fedora", "sudo cp /h/CA/ca.pem /etc/pki/ca-trust/source/anchors/sniff.pem && sudo update-ca-trust"),
            ("Arch ", "sudo trust anchor /h/CA/ca.pem          undo: sudo trust anchor --remove /h/CA/ca.pem"),
            (
                "Alpine ",
                "sudo cp /h/CA/ca.pem /usr/local/share/ca-certificates/sniff.crt && sudo update-ca-certificates",
            ),
            (
                "macOS ",
                "sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain /h/CA/ca.pem",
            ),
            ("Windows ", "certutil -addstore -user Root /h/CA/ca.pem"),
        ] {
            assert!(line(begin).contains(words), "{}", line(begin));
        }
        // Each placeholder was replaced by the path, and no other text was.
        assert_eq!(text.matches("/h/CA/ca.pem").count(), HELP.matches("{ca}").count());
        assert_eq!(text.matches("ca.pem").count(), text.matches("/h/CA/ca.pem").count());
    }
}
