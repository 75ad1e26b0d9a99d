//! The options of the proxy, for `proxy` and `run`, and the configuration that results.

use crate::cli::limits::{MemoryArgs, ThresholdArgs};
use crate::cli::policy::PolicyArgs;
use crate::cli::privileges::PrivilegeArgs;
use crate::cli::record::storage::StorageArgs;
use crate::cli::values;
use crate::cli::watch::{Environment, WatchArgs};
use crate::proxy::{Authority, Beyond, Config, Credentials, Hosts, Roots, Upstream, ca, provider};
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;

/// Variables that name root certificates for programs: the proxy connects on their behalf and must trust these too.
const USERS_ROOTS: &[&str] =
    &["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "DENO_CERT", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE"];

/// Record through a TLS-intercepting proxy
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sniff proxy                                        then: HTTPS_PROXY=http://127.0.0.1:8080 curl --cacert $(sniff ca path) https://…
  sniff proxy --upstream https://api.openai.com      then: OPENAI_BASE_URL=http://127.0.0.1:8080/v1 python app.py
  sniff proxy --listen 0.0.0.0:8080 --auth me:secret
What goes through is never changed: bytes, boundaries as far as TCP has any, ALPN, ends and resets are passed on. See also: sniff run")]
pub(in crate::cli) struct ProxyArgs {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub(in crate::cli) listen: String,
    /// Forward everything to this server (reverse mode)
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) upstream: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) door: DoorArgs,
    #[command(flatten)]
    pub(in crate::cli) policy: PolicyArgs,
    #[command(flatten)]
    pub(in crate::cli) thresholds: ThresholdArgs,
}

/// Options that `proxy` and `run` share.
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct DoorArgs {
    /// Trust the authorities of this PEM file upstream (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) upstream_ca: Vec<PathBuf>,
    /// Accept any certificate of this host (repeatable; *.DOMAIN)
    #[arg(long, value_name = "HOST")]
    pub(in crate::cli) insecure: Vec<String>,
    /// Relay this host without decrypting (repeatable; *.DOMAIN)
    #[arg(long, value_name = "HOST")]
    pub(in crate::cli) passthrough: Vec<String>,
    /// Let clients reach HOST[:PORT] of this machine (repeatable)
    ///
    /// Beyond loopback, other machines can reach the proxy: loopback and link-local addresses are refused then, but for
    /// these servers and the one of --upstream.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(in crate::cli) allow_target: Vec<String>,
    /// Refuse requests with two lengths or an odd one (400)
    ///
    /// In the requests that the proxy reads: to --upstream and to http:// URLs. Inside tunnels bytes pass as they are,
    /// and the findings name such requests.
    #[arg(long)]
    pub(in crate::cli) strict: bool,
    /// Require these credentials (SNIFF_PROXY_AUTH hides them better)
    #[arg(long, value_name = "USER:PASSWORD", env = "SNIFF_PROXY_AUTH", hide_env_values = true)]
    pub(in crate::cli) auth: Option<String>,
    /// Bytes that may wait for the recording; more are only relayed
    #[arg(long, value_name = "SIZE", default_value = "32M", value_parser = values::size)]
    pub(in crate::cli) buffer: usize,
    /// Store keys, tokens and cookies unchanged, not as salted hashes
    #[arg(long)]
    pub(in crate::cli) store_secrets: bool,
    #[command(flatten)]
    pub(in crate::cli) privileges: PrivilegeArgs,
    #[command(flatten)]
    pub(in crate::cli) storage: StorageArgs,
    #[command(flatten)]
    pub(in crate::cli) watch: WatchArgs,
    #[command(flatten)]
    pub(in crate::cli) memory: MemoryArgs,
}

/// The options of a proxy that will be opened.
pub(in crate::cli) struct Plan<'p> {
    /// Name of the session.
    pub(in crate::cli) name: String,
    /// URL of the upstream server in reverse mode.
    pub(in crate::cli) upstream: Option<&'p str>,
    pub(in crate::cli) door: &'p DoorArgs,
    pub(in crate::cli) policy: &'p PolicyArgs,
    pub(in crate::cli) thresholds: &'p ThresholdArgs,
    /// Whether the environment alone makes it send metrics.
    pub(in crate::cli) environment: Environment,
    /// Folder of the certificate authority; none: that of the user.
    pub(in crate::cli) authority: Option<PathBuf>,
}

impl Plan<'_> {
    /// The configuration, and the path of the authority's certificate.
    pub(in crate::cli) fn config(&self) -> Result<(Config, PathBuf)> {
        let folder = match &self.authority {
            Some(folder) => folder.clone(),
            None => ca::folder(|name| std::env::var_os(name))?,
        };
        let certificate = ca::create(&folder)?;
        let provider = provider();
        let named = USERS_ROOTS.iter().filter_map(std::env::var_os).map(PathBuf::from).filter(|p| p.is_file());
        let mut extra: Vec<PathBuf> = self.door.upstream_ca.clone();
        // An unreadable file of the environment is the client's problem; an unreadable file of an option is an
        // error.
        extra.extend(named.filter(|p| Roots::load(&[p], &provider).is_ok()));
        let config = Config {
            upstream: self.upstream.map(Upstream::parse).transpose()?,
            authority: Authority::open(&folder, provider.clone())?,
            roots: Roots::load(&extra, &provider)?,
            insecure: Hosts::parse(self.door.insecure.iter().map(String::as_str)),
            passthrough: Hosts::parse(self.door.passthrough.iter().map(String::as_str)),
            beyond: Beyond::from_env(|name| std::env::var(name).ok())?,
            targets: Hosts::parse(self.door.allow_target.iter().map(String::as_str)),
            strict: self.door.strict,
            credentials: self.door.auth.as_deref().map(Credentials::parse).transpose().context("--auth")?,
            listens: Vec::new(),
        };
        Ok((config, certificate))
    }
}
