//! Looking after a data directory from the command line. The work is the store's; here are the words and the exit code.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clock::{Clock, SystemClock};
use store_embedded::{Checked, Manifest, Progress};

use crate::config::{Backup, Check, Export, Import, Repair, Restore};

/// One line that tells how far it is, only where a person looks.
struct Line {
    shown: bool,
    last: Option<(&'static str, u64)>,
}

impl Line {
    fn new() -> Self {
        Self { shown: std::io::stderr().is_terminal(), last: None }
    }

    fn tell(&mut self, progress: Progress) {
        let Progress { doing, done, total } = progress;
        let percent = (done * 100).checked_div(total).unwrap_or(0);
        if self.shown && self.last != Some((doing, percent)) {
            self.last = Some((doing, percent));
            // Nobody is harmed where it cannot be shown.
            let _ = write!(std::io::stderr(), "\r\x1b[K{doing} {percent} %");
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.last.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn say(line: &str) {
    // Whoever closes the output has seen enough.
    let _ = writeln!(std::io::stdout(), "{line}");
}

pub fn check(check: &Check) -> anyhow::Result<()> {
    let mut line = Line::new();
    let checked = store_embedded::check(&check.data, &mut |progress| line.tell(progress), &mut |finding| {
        say(&finding.to_string());
    })?;
    drop(line);
    tell_checked(&checked);
    if checked.findings > 0 {
        bail!(
            "{} is damaged in {} places; stop the server and run `sensorium repair --data {}`",
            check.data.display(),
            checked.findings,
            check.data.display()
        );
    }
    say("No damage.");
    Ok(())
}

fn tell_checked(checked: &Checked) {
    let Checked { series, frames, frame_readings, log_batches, torn, .. } = checked;
    say(&format!("Checked {series} series and {frames} frames with {frame_readings} readings."));
    match log_batches {
        Some(batches) => say(&format!("Read {batches} batches of the log that are not in frames yet.")),
        None => say("The log was not read: a server is running on this directory."),
    }
    for torn in torn {
        let (file, bytes) = (&torn.file, torn.bytes);
        say(&format!(
            "{file}: {bytes} bytes at the end are half a record, as a crash leaves it before it is acknowledged; the next start drops them."
        ));
    }
}

pub fn backup(backup: &Backup) -> anyhow::Result<()> {
    let mut line = Line::new();
    let now = || SystemClock::new().now();
    let made = store_embedded::backup(&backup.data, &backup.to, now, &mut |progress| line.tell(progress));
    drop(line);
    let manifest = made.with_context(|| format!("there is no whole backup in {}", backup.to.display()))?;
    say(&format!("The backup in {} is whole: {}.", backup.to.display(), contents(&manifest)));
    say(&format!("Try it out with `sensorium restore --check --from {}`.", backup.to.display()));
    Ok(())
}

fn contents(manifest: &Manifest) -> String {
    let Manifest { devices, series, readings, files, .. } = manifest;
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    format!("{devices} devices, {series} series, {readings} readings, {bytes} bytes in {} files", files.len())
}

pub fn restore(restore: &Restore) -> anyhow::Result<()> {
    let mut line = Line::new();
    if let Some(data) = &restore.data {
        let manifest = store_embedded::restore(&restore.from, data, &mut |progress| line.tell(progress))?;
        drop(line);
        say(&format!("{} is restored: {}.", data.display(), contents(&manifest)));
        return Ok(());
    }
    let trial = {
        let scratch = beside(&restore.from);
        let trial = async |line: &mut Line| {
            store_embedded::trial(&restore.from, &scratch, &mut |progress| line.tell(progress)).await
        };
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(trial(&mut line))?
    };
    drop(line);
    for finding in &trial.findings {
        say(&finding.to_string());
    }
    if !trial.findings.is_empty() {
        bail!("every byte is as it was copied, and the directory was damaged in {} places then", trial.findings.len());
    }
    say(&format!("The backup is good: {}.", contents(&trial.manifest)));
    let census = &trial.census;
    say(&format!("Restored for a trial, it answers {} readings of {} series;", census.readings, census.series));
    say(&format!("SHA-256 over all of them {}.", census.sha256));
    Ok(())
}

/// A directory beside the backup, on the same medium.
fn beside(backup: &Path) -> PathBuf {
    let whole = backup.canonicalize().unwrap_or_else(|_| backup.to_owned());
    let mut name = whole.into_os_string();
    name.push(format!(".trial-{}", std::process::id()));
    name.into()
}

pub fn repair(repair: &Repair) -> anyhow::Result<()> {
    let mut line = Line::new();
    let now = SystemClock::new().now();
    let report = store_embedded::repair(&repair.data, now, &mut |progress| line.tell(progress))?;
    drop(line);
    for words in report.lines() {
        say(words);
    }
    if report.left > 0 {
        bail!("{} is still damaged in {} places", repair.data.display(), report.left);
    }
    Ok(())
}

pub async fn export(export: Export) -> anyhow::Result<()> {
    let lines = match &export.out {
        Some(file) => {
            // What stands there already is replaced by a whole export only.
            let mut half = file.clone().into_os_string();
            half.push(".half");
            let half = std::path::PathBuf::from(half);
            let out = std::fs::File::create(&half).with_context(|| format!("{} cannot be made", half.display()))?;
            let mut out = std::io::BufWriter::new(out);
            let lines = store_embedded::export(&export.data, &mut out).await;
            let lines = lines.inspect_err(|_| drop(std::fs::remove_file(&half)))?;
            out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
            std::fs::rename(&half, file).with_context(|| format!("{} cannot be written", file.display()))?;
            lines
        }
        None => store_embedded::export(&export.data, &mut std::io::BufWriter::new(std::io::stdout())).await?,
    };
    let _ = writeln!(std::io::stderr(), "Exported {} readings in {} lines.", lines.readings, lines.lines);
    Ok(())
}

pub async fn import(import: Import) -> anyhow::Result<()> {
    let file =
        std::fs::File::open(&import.file).with_context(|| format!("{} cannot be read", import.file.display()))?;
    let mut lines = std::io::BufReader::new(file);
    let taken = store_embedded::import(&import.data, &mut lines).await?;
    say(&format!("Imported {} lines: {} readings, {} of them new.", taken.lines, taken.readings, taken.new_readings));
    Ok(())
}
