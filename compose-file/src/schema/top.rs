//! The top-level keys.
//!
//! It must never hold anything but tables.

use super::{Kind, Object};

/// A whole file.
pub(crate) static PROJECT: Object = Object::of(&[
    ("configs", Kind::Named(&Kind::Object(&CONFIG))),
    ("include", Kind::Maybe(&Kind::List(&INCLUDE))),
    ("models", Kind::Named(&Kind::Object(&MODEL))),
    ("name", Kind::Text),
    ("networks", Kind::Named(&Kind::Maybe(&Kind::Object(&NETWORK)))),
    ("secrets", Kind::Named(&Kind::Object(&SECRET))),
    ("services", Kind::Named(&Kind::Object(&super::service::SERVICE))),
    ("version", Kind::Text),
    ("volumes", Kind::Named(&Kind::Maybe(&Kind::Object(&VOLUME)))),
]);

static INCLUDE: Kind = Kind::Either(&[
    Kind::Text,
    Kind::Object(
        &Object::of(&[
            ("env_file", Kind::OneOrMore),
            ("path", Kind::OneOrMore),
            ("project_directory", Kind::Text),
        ])
        .closed(),
    ),
]);

static NETWORK: Object = Object::of(&[
    ("attachable", Kind::Flag),
    ("driver", Kind::Text),
    ("driver_opts", Kind::Keyed(&Kind::Loose)),
    ("enable_ipv4", Kind::Switch),
    ("enable_ipv6", Kind::Switch),
    ("external", EXTERNAL),
    ("internal", Kind::Flag),
    ("ipam", Kind::Object(&IPAM)),
    ("labels", Kind::Pairs),
    ("name", Kind::Text),
]);

/// A flag, or in old files a mapping with the name.
const EXTERNAL: Kind = Kind::Either(&[Kind::Flag, Kind::Object(&EXTERNAL_NAME)]);
static EXTERNAL_NAME: Object = Object::of(&[("name", Kind::Text)]);

static IPAM: Object = Object::of(&[
    (
        "config",
        Kind::List(&Kind::Object(&Object::of(&[
            ("aux_addresses", Kind::Keyed(&Kind::Text)),
            ("gateway", Kind::Text),
            ("ip_range", Kind::Text),
            ("subnet", Kind::Text),
        ]))),
    ),
    ("driver", Kind::Text),
    ("options", Kind::Keyed(&Kind::Text)),
]);

static VOLUME: Object = Object::of(&[
    ("driver", Kind::Text),
    ("driver_opts", Kind::Keyed(&Kind::Loose)),
    ("external", EXTERNAL),
    ("labels", Kind::Pairs),
    ("name", Kind::Text),
]);

static SECRET: Object = Object::of(&[
    ("driver", Kind::Text),
    ("driver_opts", Kind::Keyed(&Kind::Loose)),
    ("environment", Kind::Text),
    ("external", EXTERNAL),
    ("file", Kind::Text),
    ("labels", Kind::Pairs),
    ("name", Kind::Text),
    ("template_driver", Kind::Text),
]);

static CONFIG: Object = Object::of(&[
    ("content", Kind::Text),
    ("environment", Kind::Text),
    ("external", EXTERNAL),
    ("file", Kind::Text),
    ("labels", Kind::Pairs),
    ("name", Kind::Text),
    ("template_driver", Kind::Text),
]);

static MODEL: Object = Object::of(&[
    ("context_size", Kind::Int(0, i64::MAX)),
    ("model", Kind::Text),
    ("name", Kind::Text),
    ("runtime_flags", Kind::Texts),
])
.requiring(&["model"]);
