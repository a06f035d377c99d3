//! The built page inside the executable.

/// Serves the page for every path that nothing else answers.
pub fn router<S: Clone + Send + Sync + 'static>() -> axum::Router<S> {
    axum::Router::new().fallback(|| async { "the page is not built into this executable" })
}
