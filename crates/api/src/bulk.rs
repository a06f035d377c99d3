//! One change of many devices, each with its own outcome.

use std::collections::HashSet;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{MethodRouter, get};
use ingest::DeviceChange;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::changes::{self, ChangeDevice, WORD_CHARS_MAX, text_or_none};
use crate::devices;
use crate::params::{Json, Path, Query};
use crate::problem::Problem;
use crate::removal::{self, DeleteQuery};
use crate::state::ApiState;

/// Devices of one request at most; more are refused as `too_many_keys`.
const KEYS_MAX: usize = 1_000;
/// Tags of one request at most, those to add and those to remove each; more are refused as `too_many_tags`.
const TAGS_MAX: usize = 100;

/// Which devices, and what to change of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    /// At most 1,000; one that is named twice is changed once.
    keys: Vec<String>,
    change: BulkChange,
}

/// What is left out stays. An empty group or place takes it away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkChange {
    /// At most 100 of 100 letters.
    #[serde(default)]
    add_tags: Vec<String>,
    /// At most 100; a tag that is added as well is there afterwards.
    #[serde(default)]
    remove_tags: Vec<String>,
    group: Option<String>,
    place: Option<String>,
    accepted: Option<bool>,
    archived: Option<bool>,
    hidden: Option<bool>,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkOutcome {
    /// Devices that are now as asked.
    changed: usize,
    /// The others, in the order asked.
    failed: Vec<BulkFailure>,
}

/// A device that was not changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkFailure {
    key: String,
    /// As of the problem that the same change of this device alone answers.
    code: &'static str,
    detail: String,
}

/// Changes many devices, one after the other. What is done is durable when it is answered; it can be sent again.
#[utoipa::path(post, path = "/api/v1/devices/bulk", request_body = BulkRequest, responses((status = 200, body = BulkOutcome), (status = 422, body = Problem)))]
pub async fn bulk(
    State(state): State<ApiState>,
    Json(body): Json<BulkRequest>,
) -> Result<axum::Json<BulkOutcome>, Problem> {
    if body.keys.len() > KEYS_MAX {
        let detail = format!("{} keys are more than {KEYS_MAX}", body.keys.len());
        return Err(Problem::unprocessable("too_many_keys", detail));
    }
    let change = body.change.checked()?;
    let mut outcome = BulkOutcome { changed: 0, failed: Vec::new() };
    let mut seen = HashSet::new();
    for key in body.keys {
        if !seen.insert(key.clone()) {
            continue;
        }
        match state.ingest.change_device(&key, None, change.clone()).await {
            Ok(_) => outcome.changed += 1,
            Err(error) => {
                let (code, detail) = Problem::from(error).told();
                outcome.failed.push(BulkFailure { key, code, detail });
            }
        }
    }
    Ok(axum::Json(outcome))
}

impl BulkChange {
    fn checked(self) -> Result<DeviceChange, Problem> {
        let tags = self.add_tags.len().max(self.remove_tags.len());
        if tags > TAGS_MAX {
            return Err(Problem::unprocessable("too_many_tags", format!("{tags} tags are more than {TAGS_MAX}")));
        }
        let mut add_tags = Vec::with_capacity(self.add_tags.len());
        for tag in &self.add_tags {
            let tag = text_or_none("tag", tag, WORD_CHARS_MAX)?;
            add_tags.push(tag.ok_or_else(|| Problem::unprocessable("tag_invalid", "a tag cannot be empty"))?);
        }
        let word = |what, text: Option<String>| text.map(|text| text_or_none(what, &text, WORD_CHARS_MAX)).transpose();
        Ok(DeviceChange {
            add_tags,
            remove_tags: self.remove_tags,
            group: word("group", self.group)?,
            place: word("place", self.place)?,
            accepted: self.accepted,
            archived: self.archived,
            hidden: self.hidden,
            ..DeviceChange::default()
        })
    }
}

/// A device may have the key `bulk`: what is asked of it goes where the same of any other device goes.
pub fn device_of_that_name() -> MethodRouter<ApiState> {
    let key = || Path(String::from("bulk"));
    get(move |state: State<ApiState>| devices::show(state, key()))
        .patch(move |state: State<ApiState>, headers: HeaderMap, body: Json<ChangeDevice>| {
            changes::change(state, key(), headers, body)
        })
        .delete(move |state: State<ApiState>, headers: HeaderMap, query: Query<DeleteQuery>| {
            removal::delete(state, key(), headers, query)
        })
}
