//! The archive of a chart: a gzip that unpacks to no more than Helm itself accepts.
//!
//! Helm checks the paths within (`LoadArchiveFiles` in `pkg/chart/loader/archive.go`), and `helm template` unpacks
//! nothing to disk. It limits the size only since 3.17.3, so the size is checked here: a small archive can unpack to
//! more than the memory of the machine.

use std::io::{self, Read as _};

use flate2::read::MultiGzDecoder;

/// Helm's `MaxDecompressedChartSize`, in bytes (`pkg/chart/loader/archive.go` of Helm 3.22). Headers and padding of
/// the archive count here too, so there is some room for them.
const MAX_UNPACKED: u64 = 110 << 20;

/// Why bytes are not the archive of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadArchive {
    /// Not a gzip.
    NotGzip,
    /// A gzip that is cut off or damaged.
    Damaged,
    /// It unpacks to more than Helm accepts.
    TooLarge,
}

impl BadArchive {
    /// The words for a finding.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::NotGzip => "it is not a gzip archive",
            Self::Damaged => "its gzip archive is damaged or cut off",
            Self::TooLarge => "it unpacks to more than the 100 MiB that Helm accepts",
        }
    }
}

/// Checks an archive.
pub(super) fn check(bytes: &[u8]) -> Result<(), BadArchive> {
    if !bytes.starts_with(b"\x1f\x8b\x08") {
        return Err(BadArchive::NotGzip);
    }
    let unpacked = io::copy(&mut MultiGzDecoder::new(bytes).take(MAX_UNPACKED + 1), &mut io::sink());
    match unpacked {
        Ok(size) if size > MAX_UNPACKED => Err(BadArchive::TooLarge),
        Ok(_) => Ok(()),
        Err(_) => Err(BadArchive::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn packed(size: u64) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::copy(&mut io::repeat(0).take(size), &mut encoder).unwrap();
        encoder.flush().unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn archive_is_a_gzip_of_limited_size() {
        let good = packed(1 << 20);
        assert_eq!(check(&good), Ok(()));
        assert_eq!(check(&good[..good.len() / 2]), Err(BadArchive::Damaged));
        assert_eq!(check(b"apiVersion: v2\n"), Err(BadArchive::NotGzip));
        assert_eq!(check(b""), Err(BadArchive::NotGzip));
        let bomb = packed(MAX_UNPACKED + 1);
        assert!(bomb.len() < 1 << 20, "{}", bomb.len());
        assert_eq!(check(&bomb), Err(BadArchive::TooLarge));
        let twice = [packed(MAX_UNPACKED / 2 + 1), packed(MAX_UNPACKED / 2 + 1)].concat();
        assert_eq!(check(&twice), Err(BadArchive::TooLarge), "members add up");
    }
}
