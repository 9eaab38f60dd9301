//! gzip and brotli, into memory.

use std::io::{self, Write};

use brotli::CompressorWriter;
use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// A content coding that clients accept (RFC 9110, section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Coding {
    Gzip,
    Brotli,
}

impl Coding {
    /// Its name in headers.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// How much memory an encoder takes, in bytes.
    pub(super) fn memory(self) -> usize {
        match self {
            Self::Gzip => 448 * 1024,
            Self::Brotli => 384 * 1024,
        }
    }
}

/// Compresses a text part by part.
pub(super) enum Encoder {
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Gzip(Box<GzEncoder<Vec<u8>>>),
}

/// 188 MB of tasks per second, and a fifth of the length is left. Level 1 leaves a quarter, level 4 takes twice as long.
const GZIP_LEVEL: u32 = 2;

/// 162 MB per second. Quality 4 takes more than twice as long and five times the memory, and leaves more than gzip does.
const BROTLI_QUALITY: i32 = 1;

/// How far back brotli looks for repetitions, as a power of two.
const BROTLI_WINDOW: i32 = 18;

impl Encoder {
    pub(super) fn new(coding: Coding) -> Self {
        match coding {
            Coding::Brotli => {
                let parameters = BrotliEncoderParams {
                    quality: BROTLI_QUALITY,
                    lgwin: BROTLI_WINDOW,
                    ..BrotliEncoderParams::default()
                };
                Self::Brotli(Box::new(CompressorWriter::with_params(Vec::new(), 4096, &parameters)))
            }
            Coding::Gzip => Self::Gzip(Box::new(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL)))),
        }
    }

    /// Compresses a part, and returns the compressed bytes that are there. After a flush those are all.
    pub(super) fn compress(&mut self, part: &[u8], flush: bool) -> io::Result<Bytes> {
        let writer: &mut dyn Write = match self {
            Self::Brotli(encoder) => encoder,
            Self::Gzip(encoder) => encoder,
        };
        writer.write_all(part)?;
        if flush {
            writer.flush()?;
        }
        Ok(std::mem::take(self.compressed()).into())
    }

    /// The end of the compressed text.
    pub(super) fn finish(self) -> io::Result<Bytes> {
        let end = match self {
            Self::Brotli(encoder) => encoder.into_inner(),
            Self::Gzip(encoder) => encoder.finish()?,
        };
        Ok(end.into())
    }

    fn compressed(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Gzip(encoder) => encoder.get_mut(),
        }
    }
}
