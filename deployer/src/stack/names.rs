//! A type for every name and number, so that no two are mixed up.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            /// From text that is known to be one.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// As text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// A stack: the Compose project's name.
    StackName
);
name!(
    /// A service's key in the Compose file.
    ServiceName
);
name!(
    /// A container's name on the engine.
    ContainerName
);
name!(
    /// A network's name on the engine.
    NetworkName
);
name!(
    /// A volume's name on the engine.
    VolumeName
);
name!(
    /// `sha256:…` of an image's configuration.
    ImageId
);

/// The number of a release; the first one is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseNumber(pub u64);

impl ReleaseNumber {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for ReleaseNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StackName {
    /// The container whose name is the lock.
    #[must_use]
    pub fn lock(&self) -> ContainerName {
        ContainerName::new(format!("{self}-lock"))
    }

    /// The volume of journal, history and key.
    #[must_use]
    pub fn state_volume(&self) -> VolumeName {
        VolumeName::new(format!("{self}-state"))
    }

    /// A container of a service.
    #[must_use]
    pub fn container(&self, service: &ServiceName, release: ReleaseNumber, replica: u32) -> ContainerName {
        ContainerName::new(format!("{self}-{service}-{release}-{replica}"))
    }

    /// The front of a service.
    #[must_use]
    pub fn front(&self, service: &ServiceName) -> ContainerName {
        ContainerName::new(format!("{self}-{service}-front"))
    }

    /// The volume of a front's route.
    #[must_use]
    pub fn front_volume(&self, service: &ServiceName) -> VolumeName {
        VolumeName::new(format!("{self}-{service}-front"))
    }
}
