//! What kind of file system the data directory stands on, because the promise is no better than its fsync.
//!
//! Memory forgets everything, a container's own layer goes with the container, and a network file system may say "written"
//! for what only its server's memory has, and lock for nobody.

use std::path::Path;

use anyhow::bail;
use rustix::fs::statfs;

/// File systems by the number that `statfs` tells (Linux, `linux/magic.h`).
const MEMORY: &[i64] = &[0x0102_1994, 0x8584_58f6];
const LAYER: &[i64] = &[0x794c_7630];
const NETWORK: &[i64] = &[0x6969, 0xff53_4d42, 0xfe53_4d42, 0x517b, 0x00c3_6400, 0x0bd0_0bd0];

/// What a file system does with what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Medium {
    /// Nothing is known against it.
    Disk,
    Memory,
    Layer,
    Network,
}

impl Medium {
    fn of(magic: i64) -> Self {
        // Some C libraries extend the sign of a number of 32 bits.
        let magic = magic & 0xffff_ffff;
        if MEMORY.contains(&magic) {
            Self::Memory
        } else if LAYER.contains(&magic) {
            Self::Layer
        } else if NETWORK.contains(&magic) {
            Self::Network
        } else {
            Self::Disk
        }
    }

    fn warning(self) -> Option<&'static str> {
        match self {
            Self::Disk => None,
            Self::Memory => Some("it stands in memory, and everything in it is gone after a restart of this computer"),
            Self::Layer => Some("it stands in the layer of a container and goes with it: use a volume"),
            Self::Network => {
                Some("it stands on a network file system, where what is acknowledged may not survive a power cut")
            }
        }
    }
}

/// Warns of a medium that cannot keep the promise.
///
/// # Errors
/// A network file system that was not asked for with `--network-disk`.
pub fn look_at(data: &Path, network_disk: bool) -> anyhow::Result<()> {
    let Some(there) = data
        .ancestors()
        .find_map(|folder| statfs(if folder.as_os_str().is_empty() { Path::new(".") } else { folder }).ok())
    else {
        return Ok(());
    };
    #[allow(clippy::useless_conversion, reason = "the type of the number differs between processors")]
    let medium = Medium::of(i64::from(there.f_type));
    if medium == Medium::Network && !network_disk {
        bail!(
            "the data directory {} stands on a network file system, where what is acknowledged may not survive a power cut; \
             use a disk of this computer, or say --network-disk",
            data.display()
        );
    }
    if let Some(warning) = medium.warning() {
        tracing::warn!(code = "medium_not_durable", data = %data.display(), "the data directory is not safe: {warning}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_are_known_by_their_numbers_whatever_their_sign() {
        assert_eq!(Medium::of(0x0102_1994), Medium::Memory);
        assert_eq!(Medium::of(0x6969), Medium::Network);
        assert_eq!(Medium::of(-0x0100_0000 + 0x53_4d42), Medium::Network, "0xff534d42 with its sign extended");
        assert_eq!(Medium::of(0x794c_7630), Medium::Layer);
        assert_eq!(Medium::of(0xef53), Medium::Disk);
    }
}
