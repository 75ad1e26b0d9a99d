//! Metrics to a collector, by OTLP over HTTP with protobuf. What is sent, how often and where to is said by the
//! variables of OpenTelemetry's specification, which its own libraries read.
//!
//! A collector that fails costs its metrics only: values are added up in memory, a thread of its own sends them.

use super::{Database, Environment};
use crate::cli::common::{Common, say};
use crate::exchange::redact;
use crate::report::text::clean;
use crate::watch::{FAMILIES, Family, Kind, Labels, Recorder, Watch};
use anyhow::{Context, Result, bail};
use opentelemetry::metrics::{Histogram, Meter, MeterProvider};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{MetricExporter, Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// The version of the semantic conventions that names and attributes follow.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.41.0";
/// Time for one message where no variable gives one, as the specification says.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of a collector's answer that are read.
const ANSWER: u64 = 64 << 10;

/// The first of these variables that is set and not empty; that for metrics counts more.
fn variable(name: &str) -> Option<String> {
    let special = format!("OTEL_EXPORTER_OTLP_METRICS_{name}");
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    set(&special).or_else(|| set(&format!("OTEL_EXPORTER_OTLP_{name}")))
}

/// Whether metrics are sent.
///
/// # Errors
/// The option asks for it, and the environment does not say where to, or asks for what this cannot do.
pub(super) fn is_wanted(option: bool, environment: Environment) -> Result<bool> {
    if !option && environment == Environment::NeedsOption {
        return Ok(false);
    }
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|v| v.trim().eq_ignore_ascii_case(value));
    if variable("ENDPOINT").is_none() {
        if option {
            bail!("--otlp needs the address of a collector in OTEL_EXPORTER_OTLP_ENDPOINT, as http://127.0.0.1:4318");
        }
        return Ok(false);
    }
    for (name, value) in [("OTEL_SDK_DISABLED", "true"), ("OTEL_METRICS_EXPORTER", "none")] {
        if is(name, value) {
            if option {
                say(&format!("sniff: {name}={value}: no metrics are sent"));
            }
            return Ok(false);
        }
    }
    match variable("PROTOCOL") {
        Some(protocol) if protocol.trim() != "http/protobuf" => {
            let protocol = clean(&protocol);
            let said =
                format!("OTEL_EXPORTER_OTLP_PROTOCOL={protocol}: sniff sends http/protobuf only (port 4318 as a rule)");
            if option {
                bail!(said);
            }
            say(&format!("sniff: warning: no metrics are sent: {said}"));
            Ok(false)
        }
        _ => Ok(true),
    }
}

/// What sends the metrics of a recording.
pub(super) struct Sender {
    provider: SdkMeterProvider,
}

/// Starts the thread that sends.
pub(super) fn start(watch: &Arc<Watch>, database: Database, common: &Common) -> Result<Sender> {
    let client = Client::new()?;
    // The endpoint, headers, temporality and compression come from the environment.
    let exporter = MetricExporter::builder().with_http().with_http_client(client).with_protocol(Protocol::HttpBinary);
    let exporter = exporter.build().context("cannot send metrics")?;
    let provider = SdkMeterProvider::builder()
        .with_reader(PeriodicReader::builder(exporter).build())
        .with_resource(resource())
        .build();
    let scope =
        InstrumentationScope::builder("sniff").with_version(env!("CARGO_PKG_VERSION")).with_schema_url(SCHEMA).build();
    let meter = provider.meter_with_scope(scope);
    watch.record_with(Box::new(Distributions::new(&meter)));
    for family in FAMILIES {
        observe(&meter, family, watch.clone(), database.clone());
    }
    if !common.quiet {
        let endpoint = variable("ENDPOINT").unwrap_or_default();
        say(&format!("sniff: metrics go to {} (OTEL_EXPORTER_OTLP_ENDPOINT)", clean(&redact::target(&endpoint))));
    }
    Ok(Sender { provider })
}

impl Sender {
    /// Sends the last values. The library waits 5 seconds at most.
    pub(super) fn finish(self) {
        // The client has said why it failed.
        let _ = self.provider.shutdown();
    }
}

/// Who sends: what the environment says, else `sniff`.
fn resource() -> Resource {
    let attributes = std::env::var("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let in_attributes = attributes.split(',').any(|one| one.trim_start().starts_with("service.name="));
    let named = in_attributes || std::env::var("OTEL_SERVICE_NAME").is_ok_and(|name| !name.is_empty());
    let builder = Resource::builder();
    if named { builder.build() } else { builder.with_service_name("sniff").build() }
}

/// Has the meter ask for the values of a family that has no distributions.
fn observe(meter: &Meter, family: &'static Family, watch: Arc<Watch>, database: Database) {
    let values = move || watch.values(family, database.bytes());
    match family.kind {
        Kind::Histogram(_) => {}
        Kind::Counter => {
            let tell = move |to: &dyn opentelemetry::metrics::AsyncInstrument<u64>| {
                values().iter().for_each(|(labels, value)| to.observe(*value as u64, &attributes(labels)));
            };
            let counter = meter.u64_observable_counter(family.name).with_description(family.help);
            counter.with_unit(family.unit).with_callback(tell).build();
        }
        Kind::Gauge => {
            let tell = move |to: &dyn opentelemetry::metrics::AsyncInstrument<f64>| {
                values().iter().for_each(|(labels, value)| to.observe(*value, &attributes(labels)));
            };
            let gauge = meter.f64_observable_gauge(family.name).with_description(family.help);
            gauge.with_unit(family.unit).with_callback(tell).build();
        }
    }
}

/// Labels as attributes. Ports and statuses are numbers, as the conventions say.
fn attributes(labels: &Labels) -> Vec<KeyValue> {
    let number = |name: &str, value: &str| match name {
        "server.port" | "http.response.status_code" => value.parse::<i64>().ok(),
        _ => None,
    };
    let attribute = |(name, value): (&'static str, &str)| match number(name, value) {
        Some(number) => KeyValue::new(name, number),
        None => KeyValue::new(name, value.to_owned()),
    };
    labels.iter().map(attribute).collect()
}

/// The distributions, which the library keeps too.
struct Distributions(BTreeMap<&'static str, Histogram<f64>>);

impl Distributions {
    fn new(meter: &Meter) -> Distributions {
        let distributions = FAMILIES.iter().filter(|family| !family.bounds().is_empty());
        let of = |family: &&'static Family| {
            let histogram = meter.f64_histogram(family.name).with_description(family.help).with_unit(family.unit);
            (family.name, histogram.with_boundaries(family.bounds().to_vec()).build())
        };
        Distributions(distributions.map(of).collect())
    }
}

impl Recorder for Distributions {
    fn record(&mut self, family: &'static Family, labels: &Labels, values: &mut dyn Iterator<Item = f64>) {
        if let Some(histogram) = self.0.get(family.name) {
            let attributes = attributes(labels);
            values.for_each(|value| histogram.record(value, &attributes));
        }
    }
}

/// The HTTP client of the exporter; it says its first failure.
#[derive(Debug)]
struct Client {
    agent: ureq::Agent,
    failed: AtomicBool,
}

impl Client {
    fn new() -> Result<Client> {
        let roots: Vec<Certificate<'static>> = match variable("CERTIFICATE") {
            Some(path) => {
                let pem = std::fs::read(&path).with_context(|| format!("OTEL_EXPORTER_OTLP_CERTIFICATE: {path}"))?;
                vec![Certificate::from_pem(&pem).with_context(|| format!("{path}: no certificate"))?]
            }
            None => {
                let native = rustls_native_certs::load_native_certs().certs;
                native.iter().map(|root| Certificate::from_der(root.as_ref()).to_owned()).collect()
            }
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&roots))
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let timeout = variable("TIMEOUT").and_then(|ms| ms.trim().parse().ok()).map_or(TIMEOUT, Duration::from_millis);
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("sniff/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Client { agent: config.new_agent(), failed: AtomicBool::new(false) })
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let (head, body) = request.into_parts();
        let (head, mut body) = self.agent.run(Request::from_parts(head, body.as_ref()))?.into_parts();
        let body = body.with_config().limit(ANSWER).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }

    fn fails(&self, why: &str) {
        if !self.failed.swap(true, Ordering::SeqCst) {
            say(&format!("sniff: warning: metrics could not be sent: {}; the recording goes on", clean(why)));
        }
    }
}

impl HttpClient for Client {
    fn send_bytes<'s, 'f>(
        &'s self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        let answered = self.send(request);
        match &answered {
            Ok(response) if !response.status().is_success() => self.fails(&response.status().to_string()),
            Ok(_) => {}
            Err(e) => self.fails(&e.to_string()),
        }
        Box::pin(std::future::ready(answered.map_err(Into::into)))
    }
}
