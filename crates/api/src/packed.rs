//! Bodies that come packed: gzip is unpacked on the way in, and nothing else is. What a handler reads is unpacked already, so its
//! limits count unpacked bytes, and memory never holds more of a body than they allow.

use std::io;

use async_compression::tokio::bufread::GzipDecoder;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;
use tokio_util::io::{ReaderStream, StreamReader};

use crate::problem::Problem;

/// Unpacked bytes of a packed table: a few megabytes of gzip can hold gigabytes. A larger one is read up to here, and its import
/// fails; what is not packed has no limit.
pub const UNPACKED_TABLE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// That the body of a request was packed.
#[derive(Clone, Copy, Debug)]
pub struct Packed;

/// Bytes that are unpacked at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// The middleware that unpacks what is packed with gzip, all members of it, and refuses other packings.
pub async fn unpack(request: Request, next: Next) -> Response {
    match packing(request.headers()) {
        Ok(false) => next.run(request).await,
        Ok(true) => next.run(unpacked(request)).await,
        Err(problem) => {
            let accepted = (header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
            ([accepted], problem).into_response()
        }
    }
}

/// The request as it would have come without its packing; of what length nobody knows.
fn unpacked(request: Request) -> Request {
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(header::CONTENT_ENCODING);
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.extensions.insert(Packed);
    let mut decoder = GzipDecoder::new(StreamReader::new(body.into_data_stream().map_err(io::Error::other)));
    decoder.multiple_members(true);
    Request::from_parts(parts, Body::from_stream(ReaderStream::with_capacity(decoder, PIECE_BYTES)))
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
