//! The contract of [`Catalog`], sentence by sentence.

use super::Adapter;
use crate::{Catalog, CatalogError, Claim, DOCUMENT_BYTES_MAX, Document, Expected, Version, Write};

/// Runs all of it.
pub async fn run_all(adapter: &mut dyn Adapter) {
    a_write_is_durable_when_it_returns(adapter).await;
    of_two_writers_one_succeeds(adapter).await;
    a_claim_has_one_owner(adapter).await;
    documents_are_listed_in_order(adapter).await;
    several_are_written_or_none(adapter).await;
    too_large_a_document_is_refused(adapter).await;
}

fn claim(key: &str) -> Claim {
    Claim { space: "device_key".to_owned(), key: key.to_owned() }
}

async fn a_write_is_durable_when_it_returns(adapter: &mut dyn Adapter) {
    let opened = adapter.fresh().await;
    assert_eq!(opened.catalog.get("device", "1").await.unwrap(), None);
    let first = opened.catalog.put("device", "1", Expected::Absent, "{}", &[]).await.unwrap();
    assert_eq!(first, Version(1));
    let second = opened.catalog.put("device", "1", Expected::Version(first), "{\"a\":1}", &[]).await.unwrap();
    assert_eq!(second, Version(2));
    let opened = adapter.crashed(opened).await;
    let expected = Document { id: "1".to_owned(), version: Version(2), body: "{\"a\":1}".to_owned() };
    assert_eq!(opened.catalog.get("device", "1").await.unwrap(), Some(expected));
    assert_eq!(opened.catalog.get("place", "1").await.unwrap(), None, "kinds are apart");
    opened.catalog.remove("device", "1", Version(2)).await.unwrap();
    let opened = adapter.crashed(opened).await;
    assert_eq!(opened.catalog.get("device", "1").await.unwrap(), None);
}

async fn of_two_writers_one_succeeds(adapter: &mut dyn Adapter) {
    let catalog = adapter.fresh().await.catalog;
    let conflict = |result: Result<Version, CatalogError>| match result {
        Err(CatalogError::Conflict { found }) => found,
        other => panic!("no conflict but {other:?}"),
    };
    assert_eq!(conflict(catalog.put("device", "1", Expected::Version(Version(1)), "{}", &[]).await), None);
    let (left, right) = (
        catalog.put("device", "1", Expected::Absent, "\"left\"", &[]).await,
        catalog.put("device", "1", Expected::Absent, "\"right\"", &[]).await,
    );
    assert_eq!(left.unwrap(), Version(1));
    assert_eq!(conflict(right), Some(Version(1)));
    let gone = catalog.remove("device", "1", Version(2)).await;
    assert!(matches!(gone, Err(CatalogError::Conflict { found: Some(Version(1)) })));
    assert_eq!(catalog.get("device", "1").await.unwrap().unwrap().body, "\"left\"");
    let gone = catalog.remove("device", "2", Version(1)).await;
    assert!(matches!(gone, Err(CatalogError::Conflict { found: None })));
}

async fn a_claim_has_one_owner(adapter: &mut dyn Adapter) {
    let opened = adapter.fresh().await;
    let catalog: &dyn Catalog = &*opened.catalog;
    catalog.put("device", "1", Expected::Absent, "{}", &[claim("a"), claim("b")]).await.unwrap();
    let refused = catalog.put("device", "2", Expected::Absent, "{}", &[claim("c"), claim("a")]).await;
    match refused {
        Err(CatalogError::Claimed { claim: held, owner }) => assert_eq!((held, owner.as_str()), (claim("a"), "1")),
        other => panic!("not claimed but {other:?}"),
    }
    assert_eq!(catalog.get("device", "2").await.unwrap(), None, "a refused write leaves nothing");
    // The same id of another kind is another owner.
    assert!(catalog.put("place", "1", Expected::Absent, "{}", &[claim("a")]).await.is_err());
    // A claim ends when a later put does not name it; its own claims never stand in its way.
    catalog.put("device", "1", Expected::Version(Version(1)), "{}", &[claim("b")]).await.unwrap();
    catalog.put("device", "2", Expected::Absent, "{}", &[claim("c"), claim("a")]).await.unwrap();
    // It ends with its document.
    catalog.remove("device", "2", Version(1)).await.unwrap();
    catalog.put("device", "3", Expected::Absent, "{}", &[claim("a"), claim("c")]).await.unwrap();
    let opened = adapter.crashed(opened).await;
    let refused = opened.catalog.put("device", "4", Expected::Absent, "{}", &[claim("b")]).await;
    assert!(matches!(refused, Err(CatalogError::Claimed { owner, .. }) if owner == "1"));
}

async fn documents_are_listed_in_order(adapter: &mut dyn Adapter) {
    let catalog = adapter.fresh().await.catalog;
    for id in ["b", "a/ü", "c", "a"] {
        catalog.put("device", id, Expected::Absent, "{}", &[]).await.unwrap();
    }
    catalog.put("place", "aa", Expected::Absent, "{}", &[]).await.unwrap();
    let ids = |documents: Vec<Document>| documents.into_iter().map(|document| document.id).collect::<Vec<_>>();
    assert_eq!(ids(catalog.list("device", None, 10).await.unwrap()), ["a", "a/ü", "b", "c"]);
    assert_eq!(ids(catalog.list("device", Some("a"), 2).await.unwrap()), ["a/ü", "b"]);
    assert!(catalog.list("nothing", None, 10).await.unwrap().is_empty());
}

async fn several_are_written_or_none(adapter: &mut dyn Adapter) {
    let opened = adapter.fresh().await;
    let write =
        |id: &str, expected, body: Option<&str>| Write { id: id.to_owned(), expected, body: body.map(Into::into) };
    let both = vec![write("1", Expected::Absent, Some("{}")), write("2", Expected::Absent, Some("{}"))];
    assert_eq!(opened.catalog.put_all("page", both).await.unwrap(), [Some(Version(1)); 2]);
    let first = Expected::Version(Version(1));
    let refused = vec![write("1", first, Some("[]")), write("2", Expected::Absent, Some("[]"))];
    let refused = opened.catalog.put_all("page", refused).await;
    assert!(matches!(refused, Err(CatalogError::Conflict { found: Some(Version(1)) })));
    let long = "x".repeat(DOCUMENT_BYTES_MAX + 1);
    let refused = vec![write("1", first, Some("[]")), write("2", first, Some(&long))];
    assert!(matches!(opened.catalog.put_all("page", refused).await, Err(CatalogError::TooLarge(_))));
    let opened = adapter.crashed(opened).await;
    assert_eq!(opened.catalog.get("page", "1").await.unwrap().unwrap().body, "{}", "a refused write leaves nothing");
    let mixed = vec![write("1", first, None), write("2", first, Some("[]"))];
    assert_eq!(opened.catalog.put_all("page", mixed).await.unwrap(), [None, Some(Version(2))]);
    let opened = adapter.crashed(opened).await;
    assert_eq!(opened.catalog.get("page", "1").await.unwrap(), None);
    assert_eq!(opened.catalog.get("page", "2").await.unwrap().unwrap().body, "[]");
}

async fn too_large_a_document_is_refused(adapter: &mut dyn Adapter) {
    let catalog = adapter.fresh().await.catalog;
    let body = "x".repeat(DOCUMENT_BYTES_MAX);
    catalog.put("device", "1", Expected::Absent, &body, &[]).await.unwrap();
    let refused = catalog.put("device", "2", Expected::Absent, &format!("{body}x"), &[]).await;
    assert!(matches!(refused, Err(CatalogError::TooLarge(bytes)) if bytes == DOCUMENT_BYTES_MAX + 1));
}
