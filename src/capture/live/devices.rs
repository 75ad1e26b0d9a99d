//! One device: opening it, and explaining what to do if it cannot be opened.

use super::{BLOCK_MS, Options};
use anyhow::anyhow;
use pcap::{Active, Capture, Linktype, Precision};
use std::fmt;
use std::os::fd::{AsRawFd, RawFd};

/// Linux cooked version 2, which names the interface of each packet; version 1, the default of `any`, does not.
const SLL2: Linktype = Linktype(276);

/// A device's name, description and properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Name, as `--iface` takes it.
    pub name: String,
    /// Description or addresses, for people; may be empty.
    pub about: String,
    /// Link type of its packets; of an open device only.
    pub link: u32,
    /// Timestamps have nanoseconds; of an open device only.
    pub nanoseconds: bool,
}

/// The system does not let this user capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotPermitted {
    /// The device that could not be opened.
    pub device: String,
    /// libpcap's message.
    pub cause: String,
}

impl fmt::Display for NotPermitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "capturing on {} is not permitted ({})", self.device, self.cause)
    }
}

impl std::error::Error for NotPermitted {}

/// The devices that libpcap sees. Needs no privileges.
pub fn list_devices() -> anyhow::Result<Vec<DeviceInfo>> {
    let all = pcap::Device::list().map_err(|e| anyhow!("cannot list the devices: {e}"))?;
    Ok(all
        .into_iter()
        .map(|d| {
            let addresses = d.addresses.iter().map(|a| a.addr.to_string()).collect::<Vec<_>>().join(", ");
            let about =
                d.desc.into_iter().chain((!addresses.is_empty()).then_some(addresses)).collect::<Vec<_>>().join("; ");
            DeviceInfo { name: d.name, about, link: 0, nanoseconds: false }
        })
        .collect())
}

/// The devices' names in one line.
pub(super) fn names() -> String {
    match list_devices() {
        Ok(all) if all.is_empty() => "none".into(),
        Ok(all) => all.into_iter().map(|d| d.name).collect::<Vec<_>>().join(", "),
        Err(e) => e.to_string(),
    }
}

/// An open device.
pub(super) struct Device {
    pub(super) info: DeviceInfo,
    pub(super) capture: Capture<Active>,
    pub(super) fd: RawFd,
    /// It failed; no more packets come from it.
    pub(super) gone: bool,
    drops: Option<(u64, u64)>,
}

impl Device {
    pub(super) fn open(name: &str, options: &Options, notices: &mut Vec<String>) -> anyhow::Result<Device> {
        // `any` cannot be promiscuous, and libpcap's warning about it would count as an error
        let promiscuous = options.promiscuous && name != "any";
        let mut capture = match activate(name, options, promiscuous) {
            Ok(c) => c,
            Err(first) if promiscuous => {
                let c = activate(name, options, false).map_err(|_| explain(name, &first))?;
                notices.push(format!("{name}: not promiscuous: {first}"));
                c
            }
            Err(e) => return Err(explain(name, &e)),
        };
        if options.promiscuous && !promiscuous {
            notices.push("any: this device cannot be promiscuous; name the devices instead".into());
        }
        if name == "any" && capture.set_datalink(SLL2).is_err() {
            notices.push(
                "any: libpcap is too old to name the interface of each packet (SLL2); copies of one packet may count \
                    as retransmissions"
                    .into(),
            );
        }
        if let Some(filter) = options.filter.as_deref().filter(|f| !f.trim().is_empty()) {
            capture.filter(filter, true).map_err(|e| {
                anyhow!("bad filter \"{filter}\" on {name}: {e}; the language is that of pcap-filter(7)")
            })?;
        }
        let capture = capture.setnonblock().map_err(|e| anyhow!("{name}: {e}"))?;
        let nanoseconds = nanoseconds(&capture);
        let link = u32::try_from(capture.get_datalink().0).unwrap_or(u32::MAX);
        let fd = capture.as_raw_fd();
        let info = DeviceInfo { name: name.into(), about: String::new(), link, nanoseconds };
        Ok(Device { info, capture, fd, gone: false, drops: None })
    }

    /// Packets dropped by the kernel and by the driver. `stats().received` is unusable: on loopback it counts
    /// each packet twice.
    pub(super) fn drops(&mut self) -> Option<(u64, u64)> {
        if let Ok(s) = self.capture.stats() {
            self.drops = Some((s.dropped.into(), s.if_dropped.into()));
        }
        self.drops
    }
}

fn activate(name: &str, options: &Options, promiscuous: bool) -> Result<Capture<Active>, pcap::Error> {
    let signed = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    Capture::from_device(name)?
        .snaplen(signed(options.snaplen))
        .buffer_size(signed(options.buffer))
        .timeout(BLOCK_MS)
        .promisc(promiscuous)
        .immediate_mode(options.immediate)
        .precision(Precision::Nano)
        .open()
}

/// Whether the timestamps have nanoseconds: a libpcap built without them ignores the request silently.
fn nanoseconds(capture: &Capture<Active>) -> bool {
    unsafe extern "C" {
        fn pcap_get_tstamp_precision(handle: *mut std::ffi::c_void) -> std::ffi::c_int;
    }
    // SAFETY: the pointer is that of an activated handle, and the function (libpcap 1.5 and later, as
    // `precision` above) only reads from it.
    let granted = unsafe { pcap_get_tstamp_precision(capture.as_ptr().cast()) };
    granted == Precision::Nano as i32
}

/// The error for a device that cannot be opened, with what to do.
fn explain(name: &str, e: &pcap::Error) -> anyhow::Error {
    let said = e.to_string();
    if let Ok(all) = list_devices()
        && !all.is_empty()
        && !all.iter().any(|d| d.name == name)
    {
        return anyhow!("there is no device {name}; there are: {}", names());
    }
    if ["not permitted", "ermission", "CAP_NET_RAW"].iter().any(|m| said.contains(m)) {
        return NotPermitted { device: name.to_owned(), cause: said }.into();
    }
    anyhow!("cannot capture on {name}: {said}")
}
