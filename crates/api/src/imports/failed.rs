//! Failed reads of a table that stand where a value is already: `nan` never takes the place of what was measured at the same time.

use std::collections::HashSet;

use decode::{ClaimedTime, Found};
use model::{Judgement, TimeRange, Timestamp};
use store::{Order, StoreError};

use crate::state::ApiState;

/// The code under which they are counted.
pub const FAILED_READ: &str = "failed_read";

/// Metric and device of a value, and when it was.
type Place = (String, String, i64);

/// When a value was; nothing where that is not told.
fn place(found: &Found) -> Option<Place> {
    match found.time? {
        ClaimedTime::At { ms, .. } => Some((found.metric.clone(), found.device.clone(), ms)),
        ClaimedTime::Ago { .. } => None,
    }
}

fn failed(found: &Found) -> bool {
    matches!(found.judgement, Judgement::Bad(_))
}

/// Whether a look at what is stored is needed: then everything handed over before has to be stored.
pub fn any(found: &[Found]) -> bool {
    found.iter().any(failed)
}

/// Takes out the failed reads that would take the place of a value of another row, or of one that is stored. How many.
///
/// # Errors
/// The store could not be read.
pub async fn leave_out(state: &ApiState, found: &mut Vec<Found>) -> Result<usize, StoreError> {
    let good: HashSet<Place> = found.iter().filter(|found| !failed(found)).filter_map(place).collect();
    let (mut kept, before) = (Vec::with_capacity(found.len()), found.len());
    for value in found.drain(..) {
        let place = if failed(&value) { place(&value) } else { None };
        let taken = match place {
            None => false,
            Some(place) if good.contains(&place) => true,
            Some((metric, device, ms)) => is_there(state, &device, &metric, ms).await?,
        };
        if !taken {
            kept.push(value);
        }
    }
    *found = kept;
    Ok(before - found.len())
}

/// Whether a value that did not fail is stored of that very time.
async fn is_there(state: &ApiState, device: &str, metric: &str, ms: i64) -> Result<bool, StoreError> {
    let (Some(series), Ok(time)) = (state.ingest.series_followed(device, metric), Timestamp::from_millis(ms)) else {
        return Ok(false);
    };
    let range = TimeRange { from: time, to: time.plus(1) };
    // A device's own time is one key; the few others of that time were stamped by the server.
    let there = state.store.read(series.id, range, Order::Ascending, None, 1).await?;
    Ok(there.iter().any(|reading| reading.key.n == 0 && !matches!(reading.judgement, Judgement::Bad(_))))
}
