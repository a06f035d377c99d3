//! Windows of a series, day by day: from the hours of a day where nothing else has a say in it, from its frames where windows are
//! shorter or hours are missing, and from its readings where rows lie over frames, something is hidden or expired, or devices
//! were merged.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::{StreamExt, TryStreamExt, stream};
use model::{DeviceId, Kind, Reading, TimeRange, Timestamp};
use store::found::{Found, Sums};
use store::hours::{self, HOUR_MS, Hour};
use store::{Gone, Order, StoreError};
use windows::{Grid, Window};

use crate::cluster::Cluster;
use crate::compact::Version;
use crate::days::{HomeDays, Source, damaged};
use crate::frame_tables::{self as tables, year_of};
use crate::places::{DAY_MS, Place, day_of};
use crate::reading::{self, Asked};

/// Days that are fetched at one time, ahead of the one that is added up.
const DAYS_AHEAD: usize = 8;

/// What a day contributes.
enum Part {
    Hours(Vec<Hour>),
    /// Of frames alone; what they hold outside the grid is passed over.
    Charted(Vec<frame::Charted>),
    Readings(Vec<Reading>),
}

struct Plan<'a> {
    cluster: &'a Cluster,
    places: &'a [Place],
    gone: &'a Gone,
    kind: Kind,
    grid: &'a Grid,
    homes: HashMap<DeviceId, HomeDays>,
    hours: BTreeMap<(Place, i32), (Version, Vec<u8>)>,
}

/// The windows of `grid` over everything that `places`, in order of precedence, hold and that is not `gone`.
///
/// # Errors
/// Cassandra does not answer, or something stored is damaged.
pub(crate) async fn windows(
    cluster: &Cluster,
    places: &[Place],
    gone: &Gone,
    kind: Kind,
    grid: &Grid,
) -> Result<Vec<Window>, StoreError> {
    let range = grid.range();
    if range.is_empty() {
        return Ok(vec![Window::default(); grid.count()]);
    }
    let (first, last) = (day_of(range.from.millis()), day_of(range.to.millis() - 1));
    let homes = reading::homes(cluster, places, first, last).await?;
    let mut plan = Plan { cluster, places, gone, kind, grid, homes, hours: BTreeMap::new() };
    plan.take_hours().await?;
    let days = plan.days();
    let mut sums = Sums::over(kind, grid);
    let plan = &plan;
    let mut parts = stream::iter(days).map(|day| plan.part(day)).buffered(DAYS_AHEAD);
    while let Some(part) = parts.try_next().await? {
        match part {
            Part::Hours(hours) => plan.inside(&hours).for_each(|(index, hour)| {
                sums.merge(index, &hour.window);
            }),
            Part::Charted(parts) => {
                parts.iter().for_each(|charted| sums.add_charted(charted, grid.t0_ms(), grid.end_ms()));
            }
            Part::Readings(readings) => {
                sums.add_found(readings.into_iter().map(|reading| Found { rank: 0, reading }));
            }
        }
    }
    drop(parts);
    Ok(sums.windows)
}

impl Plan<'_> {
    fn days(&self) -> BTreeSet<i32> {
        let all: BTreeSet<i32> = self.homes.values().flat_map(HomeDays::days).collect();
        all.into_iter().filter(|day| !reading::is_gone(self.gone, *day)).collect()
    }

    /// The one place that has something on a day, if it is in frames alone and all of it is answered.
    fn clean(&self, day: i32) -> Option<(Place, Version)> {
        let (start, end) = (i64::from(day) * DAY_MS, (i64::from(day) + 1) * DAY_MS);
        if self.gone.touches(Timestamp::saturating(start), Timestamp::saturating(end - 1)) {
            return None;
        }
        let mut only = None;
        for place in self.places {
            match self.homes.get(&place.home).map_or(Source::Nothing, |days| days.source(day)) {
                Source::Nothing => {}
                Source::Frames(mark) if only.is_none() => only = Some((*place, mark.version)),
                Source::Frames(_) | Source::Rows | Source::Both(_) => return None,
            }
        }
        only
    }

    /// Reads the hours of all clean days at once, where windows are long enough for them.
    async fn take_hours(&mut self) -> Result<(), StoreError> {
        if self.grid.resolution().is_some_and(|step| step.millis() < HOUR_MS) {
            return Ok(());
        }
        let mut wanted: BTreeMap<(Place, i32), (i32, i32)> = BTreeMap::new();
        for day in self.days() {
            if let Some((place, _)) = self.clean(day) {
                wanted.entry((place, year_of(day))).or_insert((day, day)).1 = day;
            }
        }
        for ((place, year), days) in wanted {
            let found = tables::hours(self.cluster, (place.home, place.series), year, days).await?;
            self.hours.extend(found.into_iter().map(|(day, hours)| ((place, day), hours)));
        }
        Ok(())
    }

    /// The window of each hour, without those outside the grid.
    fn inside<'h>(&self, hours: &'h [Hour]) -> impl Iterator<Item = (usize, &'h Hour)> {
        hours.iter().filter_map(|hour| Some((self.grid.index_of(hour.start_ms)?, hour)))
    }

    /// The hours of a clean day, if there are some and each lies in one window or outside them all.
    fn usable(&self, place: Place, day: i32, version: Version) -> Option<Vec<Hour>> {
        let (of, bytes) = self.hours.get(&(place, day))?;
        if *of != version {
            return None;
        }
        let bond = version.bond(place.home, day, place.series);
        let hours = match hours::read(bytes, bond, self.kind) {
            Ok(hours) => hours?,
            Err(damage) => {
                tracing::warn!(series = place.series.0, day, %damage, "stored hours are not used; the readings are");
                return None;
            }
        };
        let index = |time: i64| self.grid.index_of(time);
        let whole = |hour: &Hour| index(hour.start_ms) == index(hour.start_ms + HOUR_MS - 1);
        hours.iter().all(whole).then_some(hours)
    }

    async fn part(&self, day: i32) -> Result<Part, StoreError> {
        let Some((place, version)) = self.clean(day) else { return self.readings(day).await };
        if let Some(hours) = self.usable(place, day, version) {
            return Ok(Part::Hours(hours));
        }
        let Some(days) = self.homes.get(&place.home) else { return Ok(Part::Readings(Vec::new())) };
        let framed = days.framed(self.cluster, day).await?;
        if framed.rows_too {
            return self.readings(day).await;
        }
        let mut parts = Vec::new();
        for part in &framed.parts {
            let charted = frame::open(part).and_then(|opened| opened.charted(place.series));
            parts.push(charted.map_err(|damage| damaged(place.series, damage))?);
        }
        Ok(Part::Charted(parts))
    }

    /// Everything of a day, merged.
    async fn readings(&self, day: i32) -> Result<Part, StoreError> {
        let start = i64::from(day) * DAY_MS;
        let (from, to) = (start.max(self.grid.t0_ms()), (start + DAY_MS).min(self.grid.end_ms()));
        let range = TimeRange { from: Timestamp::saturating(from), to: Timestamp::saturating(to) };
        let asked = Asked {
            places: self.places.to_vec(),
            gone: self.gone.clone(),
            range,
            order: Order::Ascending,
            after: None,
            limit: usize::MAX,
        };
        Ok(Part::Readings(reading::of_days(self.cluster, &asked, &self.homes, &BTreeSet::from([day])).await?))
    }
}
