//! Calibrated windows: the stored ones moved along their line, and those of readings where only they tell.

use model::{TimeRange, Timestamp};
use store::{Order, SeriesRecord};
use windows::{Calibrated, Calibrations, Grid};

use crate::problem::Problem;
use crate::state::ApiState;

/// Readings that one question may need one by one; more are refused as `calibration_too_wide`.
const READINGS_MAX: u64 = 5_000_000;
/// Readings fetched at a time.
const PAGE: usize = 5_000;

/// The windows of a grid. A window that holds a change of calibration, and angles on a line, are made of their readings.
pub async fn windows(
    state: &ApiState,
    series: &SeriesRecord,
    calibrations: &Calibrations,
    grid: &Grid,
) -> Result<Vec<Calibrated>, Problem> {
    let stored = state.store.windows(series.id, grid.clone()).await?;
    let mut windows = Vec::with_capacity(stored.len());
    let (mut open, mut needed) = (Vec::new(), 0);
    for (index, raw) in stored.iter().enumerate() {
        let edges = (grid.edge_ms(index), grid.edge_ms(index + 1));
        let moved = Calibrated::of_stored(series.kind, calibrations, edges, raw);
        if moved.is_none() {
            open.push(index);
            needed += raw.count;
        }
        windows.push(moved.unwrap_or_default());
    }
    if needed > READINGS_MAX {
        let detail = format!(
            "{needed} readings of the range have to be calibrated one by one, more than {READINGS_MAX}: ask for less, or \
             for what the device sent (raw=true)"
        );
        return Err(Problem::unprocessable("calibration_too_wide", detail));
    }
    for run in open.chunk_by(|one, next| one + 1 == *next) {
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            let edge = |index| Timestamp::saturating(grid.edge_ms(index));
            let range = TimeRange { from: edge(*first), to: edge(last + 1) };
            fill(state, series, calibrations, grid, range, &mut windows).await?;
        }
    }
    Ok(windows)
}

/// Makes the windows of `range` of its readings.
async fn fill(
    state: &ApiState,
    series: &SeriesRecord,
    calibrations: &Calibrations,
    grid: &Grid,
    range: TimeRange,
    windows: &mut [Calibrated],
) -> Result<(), Problem> {
    let mut after = None;
    loop {
        let page = state.store.read(series.id, range, Order::Ascending, after, PAGE).await?;
        for reading in &page {
            let index = grid.index_of(reading.key.time.millis());
            if let Some(window) = index.and_then(|index| windows.get_mut(index)) {
                window.push(series.kind, calibrations, reading);
            }
        }
        if page.len() < PAGE {
            return Ok(());
        }
        after = page.last().map(|last| last.key);
    }
}
