//! Bodies that come packed: gzip is unpacked on the way in, and nothing else is. What a handler reads is unpacked already, so its
//! limits count unpacked bytes, and memory never holds more of a body than they allow.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_compression::tokio::bufread::GzipDecoder;
use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::task::yield_now;
use tokio_util::io::{ReaderStream, StreamReader};

use crate::BODY_BYTES_MAX;
use crate::problem::Problem;

/// Unpacked bytes of a packed table: a few megabytes of gzip can hold gigabytes. A larger one is read up to here, and its import
/// fails; what is not packed has no limit.
pub const UNPACKED_TABLE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Bytes of a packed table as it comes. More: its import fails.
const PACKED_TABLE_BYTES_MAX: u64 = UNPACKED_TABLE_BYTES_MAX;
/// Bytes of any other packed body as it comes. More: it is refused as one is that is too large unpacked.
const PACKED_BYTES_MAX: u64 = BODY_BYTES_MAX as u64;
/// Packed bytes one behind the other that bring no unpacked byte, such as empty members or a header without end. More: the body is
/// refused as broken.
const BARREN_BYTES_MAX: u64 = 64 * 1024;
/// A refused body is read up to here without being unpacked, so that its sender comes to read why.
const DROPPED_BYTES_MAX: u64 = 2 * PACKED_BYTES_MAX;
/// The one way in whose bodies may be longer.
const IMPORTS_PATH: &str = "/api/v1/imports";

/// That the body of a request was packed.
#[derive(Clone, Copy, Debug)]
pub struct Packed;

/// Bytes that are taken and given at a time; behind each the others have their turn.
const PIECE_BYTES: usize = 16 * 1024;

/// The middleware that unpacks what is packed with gzip, all members of it, and refuses other packings.
pub async fn unpack(request: Request, next: Next) -> Response {
    match packing(request.headers()) {
        Ok(false) => next.run(request).await,
        Ok(true) => {
            // An import tells by itself what was wrong with its table.
            let import = request.uri().path() == IMPORTS_PATH;
            let gauge = Arc::new(Gauge::default());
            let bytes_max = if import { PACKED_TABLE_BYTES_MAX } else { PACKED_BYTES_MAX };
            let answer = next.run(unpacked(request, bytes_max, Arc::clone(&gauge))).await;
            if import || !gauge.too_large.load(Ordering::Relaxed) {
                return answer;
            }
            let sentence =
                format!("a body may have {BODY_BYTES_MAX} bytes (BODY_BYTES_MAX), packed as well as unpacked");
            Problem::too_large(sentence).into_response()
        }
        Err(problem) => {
            let accepted = (header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
            ([accepted], problem).into_response()
        }
    }
}

/// The request as it would have come without its packing; of what length nobody knows.
fn unpacked(request: Request, bytes_max: u64, gauge: Arc<Gauge>) -> Request {
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(header::CONTENT_ENCODING);
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.extensions.insert(Packed);
    let barren = Arc::clone(&gauge);
    let source = Source { body: body.into_data_stream(), chunk: Bytes::new(), taken: 0, bytes_max, gauge };
    let pieces = stream::try_unfold(source, |mut source| async move {
        let piece = source.piece().await?;
        io::Result::Ok(piece.map(|piece| (piece, source)))
    });
    let mut decoder = GzipDecoder::new(StreamReader::new(pieces));
    decoder.multiple_members(true);
    let plain = ReaderStream::with_capacity(decoder, PIECE_BYTES)
        .inspect_ok(move |_| barren.barren.store(0, Ordering::Relaxed))
        .then(|piece| async move {
            yield_now().await;
            piece
        });
    Request::from_parts(parts, Body::from_stream(plain))
}

/// What is known of a body while it is unpacked.
#[derive(Debug, Default)]
struct Gauge {
    /// Packed bytes since the last unpacked one.
    barren: AtomicU64,
    /// More packed bytes came than may.
    too_large: AtomicBool,
}

/// A packed body as it comes.
struct Source {
    body: BodyDataStream,
    /// What came and was not taken yet.
    chunk: Bytes,
    /// Bytes that came.
    taken: u64,
    bytes_max: u64,
    gauge: Arc<Gauge>,
}

impl Source {
    /// The next bytes to unpack; none at the end.
    async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        while self.chunk.is_empty() {
            let Some(chunk) = self.body.next().await else { return Ok(None) };
            self.chunk = chunk.map_err(io::Error::other)?;
            self.taken = self.taken.saturating_add(self.chunk.len() as u64);
            if self.taken > self.bytes_max {
                self.gauge.too_large.store(true, Ordering::Relaxed);
                self.drop_rest().await;
                return Err(io::Error::other(format!("packed it has more than {} bytes", self.bytes_max)));
            }
        }
        // While this waits, the decoder gives what it has: what is counted as barren here is so.
        yield_now().await;
        if self.gauge.barren.load(Ordering::Relaxed) >= BARREN_BYTES_MAX {
            self.drop_rest().await;
            return Err(io::Error::other(format!(
                "{BARREN_BYTES_MAX} bytes of the gzip (BARREN_BYTES_MAX) unpack to nothing"
            )));
        }
        let piece = self.chunk.split_to(self.chunk.len().min(PIECE_BYTES));
        self.gauge.barren.fetch_add(piece.len() as u64, Ordering::Relaxed);
        Ok(Some(piece))
    }

    async fn drop_rest(&mut self) {
        while self.taken <= DROPPED_BYTES_MAX {
            let Some(Ok(chunk)) = self.body.next().await else { return };
            self.taken = self.taken.saturating_add(chunk.len() as u64);
        }
    }
}

/// Whether the body is packed with gzip.
fn packing(headers: &HeaderMap) -> Result<bool, Problem> {
    let mut told = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(one) = told.next() else { return Ok(false) };
    let word = one.to_str().unwrap_or("?").trim().to_ascii_lowercase();
    match word.as_str() {
        "" | "identity" if told.next().is_none() => Ok(false),
        "gzip" | "x-gzip" if told.next().is_none() => Ok(true),
        word => {
            Err(Problem::packed(format!("a body packed with {word:?} is not taken: send it with gzip, or as it is")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &[&str]) -> Option<bool> {
        let mut headers = HeaderMap::new();
        for word in words {
            headers.append(header::CONTENT_ENCODING, word.parse().unwrap());
        }
        packing(&headers).ok()
    }

    #[test]
    fn gzip_is_the_one_packing_that_is_taken() {
        assert_eq!([told(&[]), told(&["identity"])], [Some(false); 2]);
        assert_eq!([told(&["gzip"]), told(&["GZIP"]), told(&["x-gzip"])], [Some(true); 3]);
        for other in [&["br"][..], &["zstd"], &["deflate"], &["gzip, gzip"], &["gzip", "gzip"], &["identity", "br"]] {
            assert_eq!(told(other), None, "{other:?}");
        }
    }
}
