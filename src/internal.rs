//! Not a face: what the program's own `main`, integration tests, benchmarks and fuzz targets need of modules that are
//! private.
//!
//! Each item is named, so that the compiler reports unused ones. None of them is a promise.

pub mod analyzer {
    pub use crate::analyzer::laws::{Heard, broken};
}

pub mod body {
    pub use crate::body::Decoder;
}

pub mod cli {
    pub use crate::cli::{command, config, parses, run};
}

pub mod clients {
    pub use crate::clients::{BodyEnd, Outcome, Stream, catalogue, catalogue_table, judge, judge_against};
}

pub mod encoding {
    pub use crate::encoding::from_base64;
}

pub mod framing {
    pub use crate::framing::Stream;
}

pub mod http {
    pub mod event {
        pub use crate::http::event::{EndSignal, Fields, MessageEnd, Transfer, Version};
    }
}

pub mod interchange {
    pub mod curl {
        pub use crate::interchange::curl::command;
    }
    pub mod har {
        pub use crate::interchange::har::{archive, exchanges};
    }
    pub mod pcapng {
        pub use crate::interchange::pcapng::file;
    }
    pub mod transcript {
        pub use crate::interchange::transcript::of;
    }
    pub mod vcr {
        pub use crate::interchange::vcr::cassette;
    }
    pub mod wiremock {
        pub use crate::interchange::wiremock::mappings;
    }
}

pub mod net {
    pub use crate::net::NetStats;
}

pub mod oddity {
    pub use crate::oddity::excerpt;
}

pub mod pipeline {
    pub use crate::pipeline::{Connection, exchanges_of};
}

#[cfg(feature = "proxy")]
pub mod proxy {
    pub use crate::proxy::{Authority, Beyond, Config, Hosts, Roots, Server, Tee, Upstream, bind, passed_on, provider};
}

pub mod replay {
    pub use crate::replay::{Book, MatchBy, Pace, Script};
    pub mod fault {
        pub use crate::replay::fault::{ALL, Fault, apply};
    }
    pub mod h1 {
        pub use crate::replay::h1::encode;
    }
    pub mod h2 {
        pub use crate::replay::h2::Server;
    }
    pub mod matching {
        pub use crate::replay::matching::{Asked, Found, Repeat, VOLATILE};
    }
    pub mod normalize {
        pub use crate::replay::normalize::openai;
    }
    pub mod serve {
        pub use crate::replay::serve::{NewSeal, Service, bind};
        pub mod probe {
            pub use crate::replay::serve::probe::ask;
        }
        #[cfg(feature = "proxy")]
        pub mod tls {
            pub use crate::replay::serve::tls::with_files;
        }
    }
    pub mod verify {
        pub use crate::replay::verify::{Fidelity, compare};
    }
}

pub mod store {
    pub use crate::store::{Reader, Secrets, Selector, Session, Writer};
}

pub mod summary {
    pub use crate::summary::Summary;
}

pub mod tls {
    pub use crate::tls::{Info, Keys, Reading, Session};
}

pub mod verdict {
    pub use crate::verdict::{Verdict, of};
}

pub mod wire {
    pub use crate::wire::{Event, START, Transcript, What, parse, write};
}
