//! Packets from devices, through libpcap. Besides `privileges` and `source` the only place below `cli` that
//! calls the system, and the only one that reads a clock.
//!
//! Not immediate mode: that would give every packet, however small, a slot as large as the snap length, and
//! lose packets under load. The kernel delivers blocks after 10 ms at the latest; its timestamps are those of
//! arrival in both modes.

mod devices;
#[cfg(test)]
mod tests;

pub use devices::{DeviceInfo, NotPermitted, list_devices};

use super::{Counts, Packet};
use crate::time::{Span, Timestamp};
use devices::Device;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// How long the kernel may keep a block that is not full, in milliseconds.
const BLOCK_MS: i32 = 10;
/// Time after the stop in which packets that were sent before it are still captured.
const GRACE: Duration = Duration::from_millis(20);
/// Time within which the kernel's last block comes after it was made to accept no more packets (timers are
/// coarse).
const DRAIN: Duration = Duration::from_millis(60);
/// Offset of a tick from the clock, so that no earlier packet is still in the kernel.
const LAG: Span = Span::from_millis(-60);
/// How often counts are reported.
const COUNTED: Duration = Duration::from_secs(1);
/// Packets taken from one device before the next one gets its turn.
const BATCH: usize = 4096;

/// Options of a live capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// BPF filter in libpcap's language; see [`port_filter`].
    pub filter: Option<String>,
    /// Bytes kept of each packet. The default is longer than any packet of a loopback device (65 549 bytes);
    /// a smaller value makes holes.
    pub snaplen: u32,
    /// Kernel buffer in bytes, per device.
    pub buffer: u32,
    /// Also capture packets that are not for this host.
    pub promiscuous: bool,
    /// Deliver every packet at once. Loses packets under load and does not improve the times.
    pub immediate: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { filter: None, snaplen: 262_144, buffer: 64 << 20, promiscuous: false, immediate: false }
    }
}

/// An item of a live capture.
#[derive(Debug)]
pub enum LiveItem<'a> {
    /// A packet.
    Packet(Packet<'a>),
    /// Time has passed: packets captured before this instant have been delivered, if the kernel keeps its own
    /// time limits.
    Tick(Timestamp),
    /// Packets and drops so far, each second, after [`Live::tell_counts`].
    Counts(Counts),
    /// A message for the user, for example that a device disappeared.
    Notice(String),
}

/// Open devices.
pub struct Live {
    devices: Vec<Device>,
    notices: Vec<String>,
    frame: u64,
    bytes: u64,
    last: Timestamp,
    /// Counts are reported while the capture runs.
    tells: bool,
}

/// How far a capture is from its end.
///
/// ```text
/// Running --stop--> Grace --20 ms--> Draining --60 ms, rings empty--> (end)
///                              \ the kernel takes no more packets
/// ```
enum Phase {
    Running,
    Grace { until: Instant },
    Draining { until: Instant },
}

impl Phase {
    /// The user stops the capture.
    fn stop(self, now: Instant) -> Phase {
        match self {
            Phase::Running => Phase::Grace { until: now + GRACE },
            other => other,
        }
    }

    /// Time until the phase can change by itself.
    fn wait(&self, now: Instant) -> Duration {
        match self {
            Phase::Running => Duration::MAX,
            Phase::Grace { until } | Phase::Draining { until } => until.saturating_duration_since(now),
        }
    }
}

impl Live {
    /// Open devices by name; `any` is all devices in one. An error names the device and says what to do.
    pub fn open(ifaces: &[String], options: &Options) -> anyhow::Result<Live> {
        if ifaces.is_empty() {
            anyhow::bail!("no device to capture from; there are: {}", devices::names());
        }
        let mut live = Live {
            devices: Vec::new(),
            notices: Vec::new(),
            frame: 0,
            bytes: 0,
            last: Timestamp::default(),
            tells: false,
        };
        for (i, name) in ifaces.iter().enumerate() {
            if !ifaces[..i].contains(name) {
                live.devices.push(Device::open(name, options, &mut live.notices)?);
            }
        }
        Ok(live)
    }

    /// The devices in the order of [`Packet::device`].
    pub fn devices(&self) -> impl Iterator<Item = &DeviceInfo> {
        self.devices.iter().map(|d| &d.info)
    }

    /// Capture until `stop` is set (seen within 100 ms, at once when a signal interrupts the waiting), then
    /// deliver the packets that the kernel has accepted until then. A [`LiveItem::Tick`] comes every `tick`,
    /// 100 ms at most. Ends early when every device is gone.
    pub fn run(&mut self, stop: &AtomicBool, tick: Duration, sink: &mut dyn FnMut(LiveItem<'_>)) -> anyhow::Result<()> {
        let tick = tick.clamp(Duration::from_millis(1), Duration::from_millis(100));
        let mut ticked = Instant::now();
        let mut counted = ticked;
        let mut phase = Phase::Running;
        for notice in self.notices.drain(..) {
            sink(LiveItem::Notice(notice));
        }
        loop {
            if stop.load(Ordering::Relaxed) {
                phase = phase.stop(Instant::now());
            }
            let before = SystemTime::now();
            let empty = self.drain(sink);
            let now = Instant::now();
            if now >= ticked + tick {
                ticked = now;
                // on a busy device that is not drained yet, the time is that of its packets
                let reached = if empty { timestamp(before) } else { self.last };
                sink(LiveItem::Tick(reached.plus(LAG)));
                if self.tells && now >= counted + COUNTED {
                    counted = now;
                    sink(LiveItem::Counts(self.counts()));
                }
            }
            match phase {
                Phase::Grace { until } if now >= until => phase = self.refuse(now),
                Phase::Draining { until } if empty && now >= until => return Ok(()),
                _ => {}
            }
            if self.devices.iter().all(|d| d.gone) {
                anyhow::ensure!(
                    !matches!(phase, Phase::Running),
                    "no device is left to capture from; packets captured before were kept"
                );
                return Ok(());
            }
            if empty {
                self.wait(phase.wait(now).min((ticked + tick).saturating_duration_since(now)));
            }
        }
    }

    /// Has the capture tell its counts each second.
    pub fn tell_counts(&mut self) {
        self.tells = true;
    }

    /// Packets so far, and the drops that the kernel and the drivers count.
    pub fn counts(&mut self) -> Counts {
        let mut counts = Counts { packets: self.frame, bytes: self.bytes, ..Counts::default() };
        for device in &mut self.devices {
            if let Some((kernel, driver)) = device.drops() {
                counts.dropped_kernel = Some(counts.dropped_kernel.unwrap_or(0) + kernel);
                counts.dropped_device = Some(counts.dropped_device.unwrap_or(0) + driver);
            }
        }
        counts
    }

    /// Deliver the available packets, up to a batch of each device. True if no device has more.
    fn drain(&mut self, sink: &mut dyn FnMut(LiveItem<'_>)) -> bool {
        let mut empty = true;
        for (index, device) in self.devices.iter_mut().enumerate() {
            if device.gone {
                continue;
            }
            let (link, fraction) = (device.info.link, if device.info.nanoseconds { 1 } else { 1000 });
            let (frame, bytes, last) = (&mut self.frame, &mut self.bytes, &mut self.last);
            let got = device.capture.dispatch(Some(BATCH), |p| {
                *frame += 1;
                *bytes += p.data.len() as u64;
                #[allow(clippy::unnecessary_cast)] // the fields' types differ by system
                let at = Timestamp::from_parts(p.header.ts.tv_sec as i64, p.header.ts.tv_usec as i64 * fraction);
                *last = at;
                sink(LiveItem::Packet(Packet {
                    at,
                    frame: *frame,
                    link,
                    device: index as u32,
                    wire_len: p.header.len,
                    data: p.data,
                }));
            });
            match got {
                Ok(n) => empty &= n < BATCH,
                Err(e) => {
                    device.gone = true;
                    sink(LiveItem::Notice(format!("{}: capturing ended: {e}", device.info.name)));
                }
            }
        }
        empty
    }

    /// Make the kernel accept no more packets. Those that it has stay.
    fn refuse(&mut self, now: Instant) -> Phase {
        for device in &self.devices {
            refuse_all(device.fd);
        }
        Phase::Draining { until: now + DRAIN }
    }

    /// Wait until a device has packets, a signal comes, or the time is over.
    fn wait(&self, at_most: Duration) {
        let mut fds: Vec<libc::pollfd> = self
            .devices
            .iter()
            .filter(|d| !d.gone)
            .map(|d| libc::pollfd { fd: d.fd, events: libc::POLLIN, revents: 0 })
            .collect();
        let ms = at_most.as_micros().div_ceil(1000).min(100) as i32;
        // SAFETY: the pointer and the count are those of the vector, which outlives the call. A failure only
        // returns early, and the loop tries again.
        unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, ms) };
    }
}

/// A filter for TCP and UDP (for the names of QUIC connections) on any of `ports`, joined with `filter` by "and"; an
/// empty string captures everything.
///
/// A port filter misses some packets, because BPF cannot see their ports: after a VLAN tag that the device
/// leaves in the packet (`vlan and …` would be needed), in IP fragments except the first, after IPv6
/// extension headers (so in all IPv6 fragments) and in tunnels.
pub fn port_filter(ports: &[u16], filter: Option<&str>) -> String {
    let ports = ports.iter().map(|p| format!("tcp port {p} or udp port {p}")).collect::<Vec<_>>().join(" or ");
    match (ports.as_str(), filter.map(str::trim).filter(|f| !f.is_empty())) {
        ("", filter) => filter.unwrap_or_default().into(),
        (ports, None) => ports.into(),
        (ports, Some(filter)) => format!("({ports}) and ({filter})"),
    }
}

/// Set a filter that rejects everything on the socket itself. libpcap would also apply it to the packets that
/// wait in its ring.
#[cfg(target_os = "linux")]
fn refuse_all(fd: RawFd) {
    let mut refuse = libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: 0 };
    let program = libc::sock_fprog { len: 1, filter: &mut refuse };
    let size = size_of::<libc::sock_fprog>() as libc::socklen_t;
    // SAFETY: `program` is one instruction long as it says, and both live through the call. After a failure
    // the drain ends by time.
    unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, (&raw const program).cast(), size) };
}

/// On other systems the drain ends by time alone.
#[cfg(not(target_os = "linux"))]
fn refuse_all(_: RawFd) {}

fn timestamp(t: SystemTime) -> Timestamp {
    let since = t.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_parts(since.as_secs() as i64, i64::from(since.subsec_nanos()))
}
