//! `sniff ca`: the proxy's certificate authority.

use super::output::{Output, unless_closed};
use super::{Common, say};
use crate::proxy::ca::{self, Kind};
use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};

/// The proxy's certificate authority: where it is, how clients come to trust it.
#[derive(Debug, Args)]
#[command(after_help = "\
The authority is made on first use and kept in $XDG_DATA_HOME/sniff (~/.local/share/sniff). Its key never leaves that folder, which only you can
read. sniff never touches the system's trust store: whether and where to install the certificate is yours to decide.")]
pub(super) struct CaArgs {
    #[command(subcommand)]
    command: CaCommand,
}

#[derive(Debug, Subcommand)]
enum CaCommand {
    /// Print where the certificate is
    Path,
    /// Print the certificate (PEM)
    Export,
    /// How to make clients and systems trust it (text only, nothing is done)
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
    /// 2048 bits, for clients that know nothing else
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
                say(
                    "sniff: a new authority; clients that trusted the old one must be told, and proxies that run keep the old one until they end",
                );
            }
            format!("{}\n", path.display())
        }
    };
    unless_closed(out.text(&text).and_then(|()| out.finish()))?;
    Ok(0)
}

fn help(path: &str) -> String {
    HELP.replace("CA", path)
}

/// `CA` stands for the certificate's path.
const HELP: &str = "\
Nothing needs to be installed for `sniff run -- COMMAND`: it tells the command through its environment.
Whoever trusts this authority trusts whatever its key signs. Prefer one client to the whole system, and undo it when you are done.

One client
  curl                     curl --cacert CA …            or CURL_CA_BUNDLE=CA
  Python requests, OpenAI  SSL_CERT_FILE=CA (httpx: openai, anthropic)   REQUESTS_CA_BUNDLE=CA (requests)
  Node.js                  NODE_EXTRA_CA_CERTS=CA        proxy from the environment: NODE_USE_ENV_PROXY=1 (22.21, 24 and newer)
  Deno                     DENO_CERT=CA
  Go, Ruby, OpenSSL        SSL_CERT_FILE=CA
  Git                      git -c http.sslCAInfo=CA …
  AWS CLI and SDKs         AWS_CA_BUNDLE=CA
  Java                     keytool -importcert -noprompt -alias sniff -file CA -keystore trust.jks -storepass changeit
                           java -Djavax.net.ssl.trustStore=trust.jks -Djavax.net.ssl.trustStorePassword=changeit …
  Firefox                  Settings, Privacy & Security, Certificates, View Certificates, Authorities, Import
  Chromium on Linux        certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n sniff -i CA   (undo: certutil -d sql:$HOME/.pki/nssdb -D -n sniff)

The whole system
  Debian, Ubuntu           sudo cp CA /usr/local/share/ca-certificates/sniff.crt && sudo update-ca-certificates
                           undo: sudo rm /usr/local/share/ca-certificates/sniff.crt && sudo update-ca-certificates --fresh
  Fedora, RHEL             sudo cp CA /etc/pki/ca-trust/source/anchors/sniff.pem && sudo update-ca-trust
  Arch                     sudo trust anchor CA          undo: sudo trust anchor --remove CA
  Alpine                   sudo cp CA /usr/local/share/ca-certificates/sniff.crt && sudo update-ca-certificates
  macOS                    sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain CA
  Windows                  certutil -addstore -user Root CA

Clients that pin a certificate accept no authority: sniff proxy --passthrough HOST
";
